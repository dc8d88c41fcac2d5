//! Removing what has the owners of a system tree: an ordinary user cannot, but the root of its namespace.

use super::remove;
use crate::environment;
use crate::places::ids::Ids;
use crate::places::namespace;
use crate::places::tool::wait;
use crate::places::tools::call;
use crate::supervise::End;
use crate::words;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Removes a folder like [`remove`]; what this user cannot remove, `program` does in a namespace.
///
/// # Errors
/// Those of the file system; what the program says.
pub(crate) fn remove_tree(program: &Path, path: &Path) -> io::Result<()> {
    let first = match remove(path) {
        Err(why)
            if why.kind() == io::ErrorKind::PermissionDenied
                && !rustix::process::geteuid().is_root() =>
        {
            why
        }
        other => return other,
    };
    let mut command = Command::new(program);
    command.arg(words::REMOVE).arg(path);
    call(&mut command).map_err(|why| io::Error::other(format!("{first}; {why}")))
}

/// What the word for it does in a process of its own.
pub(crate) fn main(path: &Path) -> ExitCode {
    let path_of_tools = std::env::var("PATH").unwrap_or_else(|_| environment::PATH.to_owned());
    let removed = Ids::of(None, &path_of_tools).and_then(|ids| {
        namespace::as_tree_root("remove a system tree", &ids, || match remove(path) {
            Ok(()) => 0,
            Err(why) => {
                eprintln!("cannot remove {}: {why}", path.display());
                1
            }
        })
    });
    match removed.map(wait) {
        Ok(Ok(End::Exit(0))) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{}", why.detail);
            ExitCode::FAILURE
        }
    }
}
