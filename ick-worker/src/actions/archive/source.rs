//! Where what is packed comes from: the workspace, or a system tree, which its own root packs.

use super::super::as_root::Hand;
use super::super::{Task, failed};
use super::pack::{Owners, Packed, Packing, pack};
use crate::beneath;
use crate::engine::{IDS_PER_SLOT, cannot, may_have_tree_owners};
use crate::places::ids::Ids;
use crate::trees;
use crate::workspace;
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use std::io::{self, Write};
use std::net::Shutdown;
use std::path::PathBuf;

/// Something to pack.
#[derive(Clone, Debug)]
pub(super) struct Source {
    folder: PathBuf,
    /// Those of the tree's root and the others, where it is a tree.
    ids: Option<Ids>,
}

impl Source {
    /// The workspace; it is a tree when one was made in it.
    pub(super) fn workspace(task: &Task<'_>) -> Result<Self, Cause> {
        let order = task.order;
        let folder = order.workspace.clone();
        if !may_have_tree_owners(task.run_folder()?) {
            return Ok(Self { folder, ids: None });
        }
        let ids = Ids::of(order.first_id, &order.worker_path)?;
        if let Ids::Slot { first } = ids {
            workspace::give_range(&folder, first..first + IDS_PER_SLOT)
                .map_err(|why| cannot("give the workspace to the tree's root", &why))?;
        }
        Ok(Self {
            folder,
            ids: Some(ids),
        })
    }

    /// The tree that was populated for this build.
    pub(super) fn systree(task: &Task<'_>) -> Result<Self, Cause> {
        let none = || {
            failed(
                "`from: systree` needs a populate_systree action before this one, and there was none",
            )
        };
        let trees = &task.order.trees;
        let digest = trees::used_by(task.run_folder()?)
            .map_err(|why| cannot("tell the build's system tree", &why))?
            .ok_or_else(none)?;
        let about = trees
            .lock(digest)
            .map_err(|why| cannot("read the system tree", &why))?
            .about()
            .ok_or_else(none)?;
        Ok(Self {
            folder: trees.root(&digest),
            ids: Some(Ids::of(about.first_id, &task.order.worker_path)?),
        })
    }

    /// What the archive keeps of it.
    pub(super) fn owners(&self) -> Owners {
        match self.ids {
            None => Owners::Zero,
            Some(_) => Owners::Tree,
        }
    }

    /// Opens it, to be packed so.
    pub(super) fn open(&self, mut packing: Packing) -> Result<Opened, Cause> {
        let opening = |why: io::Error| cannot("open what is to be packed", &why);
        let root = beneath::root(&self.folder).map_err(opening)?;
        let Some(ids) = &self.ids else {
            return Ok(Opened::Own(root, packing));
        };
        Hand::start("pack a system tree", ids, move |stream| {
            pack(
                root,
                &mut packing,
                io::BufWriter::with_capacity(128 << 10, stream),
            )
        })
        .map(Opened::ByItsRoot)
    }
}

/// Something that is about to be packed.
pub(super) enum Opened {
    /// By this process.
    Own(OwnedFd, Packing),
    /// By the tree's root.
    ByItsRoot(Hand<Packed>),
}

impl Opened {
    /// Packs it.
    pub(super) fn pack(self, to: &mut dyn Write) -> Result<Packed, Cause> {
        match self {
            Self::Own(root, mut packing) => pack(root, &mut packing, to),
            Self::ByItsRoot(mut hand) => {
                let copied = io::copy(&mut hand.stream, to);
                if copied.is_err() {
                    // It is not to wait for room for what nobody reads.
                    let _ = hand.stream.shutdown(Shutdown::Both);
                }
                let packed = hand.finish();
                copied.map_err(|why| cannot("write the archive", &why))?;
                packed
            }
        }
    }
}
