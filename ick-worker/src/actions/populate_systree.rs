//! `populate_systree`: makes an artifact the root of the container actions that follow.
//!
//! The tree is kept unpacked under the artifact's digest, so that the next build only names it.

use super::as_root::Hand;
use super::unpack::{Room, Rules, Unpacked, unpack};
use super::{Task, artifact, failed};
use crate::beneath;
use crate::engine::{Built, cannot, cause};
use crate::places::ids::Ids;
use crate::trees::{About, Tree};
use crate::workspace;
use ick_core::build::{Cause, CauseKind};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use std::io::{self, Read};

/// Executes the action.
pub(super) fn execute(task: &Task<'_>, _built: &mut Built) -> Result<(), Cause> {
    let name = artifact::name(task)?;
    let missing = || {
        failed(format!(
            "the artifact {name} is not in the artifact store: build first what archives it"
        ))
    };
    let digest = artifact::digest(task, &name)?.ok_or_else(missing)?;
    let keeping = |why: io::Error| cannot(&format!("keep the system tree {name}"), &why);
    let tree = task.order.trees.lock(digest).map_err(keeping)?;
    match tree.about() {
        Some(about) => println!(
            "{name} is the root of what follows in containers: {digest}, {} entries, unpacked before",
            about.entries
        ),
        None => {
            let unpacked = fetch(task, &name, digest, &tree);
            if unpacked.is_err() {
                tree.discard();
            }
            let unpacked = unpacked?;
            println!(
                "{name} is the root of what follows in containers: {digest}, {} entries, {} bytes \
                 unpacked",
                unpacked.entries, unpacked.bytes
            );
        }
    }
    tree.use_for(task.run_folder()?).map_err(keeping)
}

/// Unpacks the content of this digest and keeps it.
fn fetch(
    task: &Task<'_>,
    name: &BlobName,
    digest: Digest,
    tree: &Tree<'_>,
) -> Result<Unpacked, Cause> {
    let order = task.order;
    let ids = Ids::of(order.first_id, &order.worker_path)?;
    let making = |why: io::Error| cannot(&format!("unpack the system tree {name}"), &why);
    let place = tree.begin().map_err(making)?;
    if let Ids::Slot { first } = ids {
        workspace::give_file(&place, first).map_err(making)?;
    }
    let root = beneath::root(&place).map_err(making)?;
    let room = Room {
        limit: order.limits.workspace,
        used: 0,
    };
    let mut hand: Hand<Unpacked> = Hand::start("unpack a system tree", &ids, |stream| {
        unpack(name, root, stream, room, Rules::Tree)
    })?;
    let mut fetch = artifact::open(task, name, Some(digest))?.ok_or_else(|| {
        failed(format!(
            "the artifact {name} with {digest} is no longer in the artifact store"
        ))
    })?;
    let copied = copy(&mut fetch, &mut hand.stream);
    if let Some(why) = fetch.failed() {
        return Err(why);
    }
    // Its own words say best why it took no more.
    let unpacked = hand.finish()?;
    match copied {
        // What follows the archive's end is of no interest to it.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => return Err(making(why)),
        _ => {}
    }
    let (arrived, _) = fetch.finish()?;
    if arrived != digest {
        return Err(cause(
            CauseKind::ActionFailed,
            format!("the artifact {name} was to be {digest}, and what arrived is {arrived}"),
        ));
    }
    let about = About::new(order.first_id, unpacked.bytes, unpacked.entries);
    tree.keep(&about).map_err(making)?;
    Ok(unpacked)
}

fn copy(from: &mut impl Read, to: &mut impl io::Write) -> io::Result<()> {
    let mut buffer = vec![0; 128 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}
