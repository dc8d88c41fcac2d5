//! The words by which the worker's program, or icktool, calls itself, each with a folder. They are no part of
//! a command line, and looked for before it is read: what they do must not have started a thread.

use crate::{actions, shell, supervise, workspace};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Supervises the action whose folder this is.
pub const SUPERVISE: &str = "supervise";

/// Executes the built-in action whose folder this is.
pub const BUILTIN: &str = "builtin";

/// Opens a shell where the action was executed whose folder this is.
pub const SHELL: &str = "shell";

/// Removes a folder with all that is in it, whatever owners of a system tree are in it.
pub const REMOVE: &str = "remove-tree";

/// Does what one of these words says; none when it is another.
pub fn dispatch(word: &OsStr, folder: &OsStr) -> Option<ExitCode> {
    let folder = Path::new(folder);
    match word.to_str()? {
        SUPERVISE => Some(supervise::main(folder)),
        BUILTIN => Some(actions::main(folder)),
        SHELL => Some(shell::main(folder)),
        REMOVE => Some(workspace::remove_main(folder)),
        _ => None,
    }
}
