//! The order: what a supervisor is told, as `request.json` in the action's folder.

use super::config::Limits;
use super::request::Request;
use crate::places::Tools;
use crate::trees::Trees;
use crate::workspace::fill_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The version of `request.json`.
pub(super) const VERSION: u32 = 1;

/// The name of the order in the action's folder.
pub(crate) const ORDER: &str = "request.json";

/// The name of the file with the store token in the action's folder.
pub const TOKEN: &str = "token";

/// The name of the file with the action's parameters in the action's folder.
pub const PARAMETERS: &str = "params.json";

/// The name of the script in the action's folder.
pub const SCRIPT: &str = "script";

/// The name of the file named by `$ICK_OUTPUTS` in the action's folder.
pub const OUTPUTS: &str = "outputs";

/// The name of the folder for temporary files in the action's folder.
pub const TMP: &str = "tmp";

/// The name of the file that says why a supervisor is told to end its action.
pub const STOP: &str = "stop";

/// Everything that a supervisor must know about an action. Built-in actions read it too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// [`VERSION`].
    pub v: u32,
    /// The action.
    pub request: Request,
    /// The slot that executes it.
    pub slot: u32,
    /// The workspace.
    pub workspace: PathBuf,
    /// The folder of the worker's caches.
    #[serde(default)]
    pub caches: PathBuf,
    /// The build's HOME.
    pub home: PathBuf,
    /// The system tree of container actions; none for the worker's own root.
    pub tree: Option<PathBuf>,
    /// The trees that are kept, for built-in actions.
    #[serde(default)]
    pub trees: Trees,
    /// The worker's own PATH, in which its tools are looked for.
    #[serde(default)]
    pub worker_path: String,
    /// The command that executes a built-in action.
    pub builtin: Vec<OsString>,
    /// The whole environment of the action.
    pub env: BTreeMap<String, String>,
    /// Folders that containers see as well.
    pub visible: Vec<PathBuf>,
    /// What containers do not see.
    pub hidden: Vec<PathBuf>,
    /// The first host id of the slot, when the worker is root.
    pub first_id: Option<u32>,
    /// Where the worker's own tools are, as far as the action needs them.
    pub tools: Tools,
    /// Sizes and times.
    pub limits: Limits,
    /// The control group for the action's processes, where one can be made.
    pub cgroup: Option<PathBuf>,
}

impl Order {
    /// Reads the order of the action whose folder this is.
    ///
    /// # Errors
    /// Those of the file system, and when the file is not an order that this program knows.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let text = fs::read(folder.join(ORDER))?;
        let order: Self = serde_json::from_slice(&text)?;
        if order.v != VERSION {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{ORDER} has version {}, not {VERSION}", order.v),
            ));
        }
        Ok(order)
    }

    /// Writes it into the action's folder, readable for its owner alone.
    ///
    /// # Errors
    /// Those of the file system; `AlreadyExists` when the action was started before.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fill_file(&folder.join(ORDER), &serde_json::to_vec(self)?)
    }
}

/// Makes a new file that its owner alone may read.
pub(crate) fn private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(bytes)
}
