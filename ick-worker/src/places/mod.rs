//! Where actions are executed: on the host, in a container, or with the workspace as the root (DESIGN.md, section 6).

mod bubblewrap;
pub(crate) mod chroot;
pub(crate) mod container;
pub(crate) mod host;
pub(crate) mod ids;
mod keystrokes;
mod mounts;
pub(crate) mod namespace;
pub(crate) mod network;
mod root;
pub(crate) mod tool;
pub(crate) mod tools;

pub(crate) use bubblewrap::{Started, Status};
pub use tools::{Attach, Missing, Tools, missing_on_host};

use crate::engine::{OUTPUTS, Order, PARAMETERS, Request, RunFolder, SCRIPT, TMP};
use ick_core::build::Place;
use std::path::{Path, PathBuf};

/// Paths as the action sees them.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The workspace, which is the working directory.
    pub workspace: PathBuf,
    /// HOME.
    pub home: PathBuf,
    /// TMPDIR.
    pub tmp: PathBuf,
    /// The script.
    pub script: PathBuf,
    /// The file with the parameters as one JSON object.
    pub parameters: PathBuf,
    /// The file named by `$ICK_OUTPUTS`.
    pub outputs: PathBuf,
}

impl Inside {
    pub(crate) fn of(request: &Request, run: &RunFolder, folder: &Path) -> Self {
        Self::at(request.place, &run.workspace(), &run.home(), folder)
    }

    pub(crate) fn from_order(order: &Order, folder: &Path) -> Self {
        Self::at(order.request.place, &order.workspace, &order.home, folder)
    }

    fn at(place: Place, workspace: &Path, home: &Path, folder: &Path) -> Self {
        if place == Place::Host {
            return Self {
                workspace: workspace.to_owned(),
                home: home.to_owned(),
                tmp: folder.join(TMP),
                script: folder.join(SCRIPT),
                parameters: folder.join(PARAMETERS),
                outputs: folder.join(OUTPUTS),
            };
        }
        let ick = Path::new("/run/ick");
        let (workspace, home) = match place {
            Place::Chroot => ("/", "/run/ick/home"),
            _ => ("/workspace", "/home/build"),
        };
        Self {
            workspace: workspace.into(),
            home: home.into(),
            tmp: "/tmp".into(),
            script: ick.join(SCRIPT),
            parameters: ick.join(PARAMETERS),
            outputs: ick.join(OUTPUTS),
        }
    }
}
