//! `rsync`: publishes a file, what is in a folder, or what a glob names, with rsync.
//!
//! rsync is started in a folder that was opened beneath the workspace, so that no link leads it
//! elsewhere; links in what it sends that lead out of it are left out. Files arrive without setuid bits
//! and belong to whoever receives them.

mod source;
mod target;

use super::tool::{self, Errors, Failed};
use super::{Task, bad, failed, ssh};
use crate::beneath;
use crate::engine::{cannot, cause};
use ick_core::build::{Cause, CauseKind};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::FdFlags;
use source::Source;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use target::Target;

/// Executes the action.
pub(super) fn execute(task: &Task<'_>) -> Result<(), Cause> {
    let from = task.fields.required("rsync_src")?;
    let to = task.fields.required("rsync_target")?;
    let delete = task.fields.flag("delete")?;
    let target = Target::parse(to, task.details.allow_host)?;
    let root =
        beneath::root(&task.order.workspace).map_err(|why| cannot("open the workspace", &why))?;
    let source = Source::find(&root, from)?;
    if delete && source.folder.is_none() {
        return Err(bad(format!(
            "delete: true deletes what is not in a folder that is published, and {from:?} is no folder"
        )));
    }
    // Held open until rsync has ended.
    let mut folder = None;
    let place = match &target {
        Target::Remote { place, .. } => place.into(),
        // Always a folder for what a glob names, however much that is.
        Target::Host(path) if source.by_glob => format!("{path}/").into(),
        Target::Host(path) => path.into(),
        Target::Workspace(path) => {
            check_overlap(&source, path, delete)?;
            folder_for(folder.insert(made(&root, path)?))
        }
    };
    let mut command = command(task, &target, delete)?;
    command
        .args(&source.names)
        .arg(&place)
        .current_dir(folder_for(&source.at));
    tool::call(&mut command, "rsync", "rsync", Errors::Stderr)
        .map_err(|why| explained(why, &target, to))?;
    println!("published {from} to {to}");
    Ok(())
}

fn command(task: &Task<'_>, target: &Target, delete: bool) -> Result<Command, Cause> {
    let home = task.folder.join("tmp/rsync");
    std::fs::create_dir_all(&home).map_err(|why| cannot("make a folder for rsync", &why))?;
    let mut command = Command::new("rsync");
    command
        .args([
            "--recursive",
            "--links",
            "--safe-links",
            "--perms",
            "--times",
        ])
        .args(["--chmod=u-s,g-s", "--info=del1,name1,nonreg1,stats1"]);
    if delete {
        // What is there stays until all that is new has come.
        command.arg("--delete-after");
    }
    if let Target::Remote { port, .. } = target {
        let mut words = ssh::command(&task.details.git);
        if let Some(port) = port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        command.arg(format!("--rsh={}", ssh::for_rsync(&words)));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .arg("--")
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8");
    Ok(command)
}

/// The target in the workspace, as rsync will have it open too.
fn made(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Cause> {
    let wrong = |why: std::io::Error| match why.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            cannot("make the folder rsync_target", &why)
        }
        _ => failed(format!(
            "cannot publish to {}: {why}; it is a folder beneath the workspace, with no link on the \
             way to it",
            path.display()
        )),
    };
    let folder = beneath::make_folders(root, path).map_err(wrong)?;
    rustix::io::fcntl_setfd(&folder, FdFlags::empty()).map_err(|why| wrong(why.into()))?;
    Ok(folder)
}

/// An open folder, by a path that leads to it whatever becomes of its name.
fn folder_for(folder: &OwnedFd) -> OsString {
    format!("/proc/self/fd/{}/", folder.as_raw_fd()).into()
}

/// Nothing is copied into itself, or deleted for being what is copied.
fn check_overlap(source: &Source, target: &Path, delete: bool) -> Result<(), Cause> {
    let Some(folder) = &source.folder else {
        return Ok(());
    };
    if target.starts_with(folder) || delete && folder.starts_with(target) {
        return Err(bad(
            "rsync_src and rsync_target lie in each other: choose another folder for one of them",
        ));
    }
    Ok(())
}

/// What went wrong, and what to do about it.
fn explained(why: Failed, target: &Target, to: &str) -> Cause {
    let said = match why {
        Failed::Cause(cause) => return cause,
        Failed::Said(said) => said,
    };
    let has = |text: &str| said.contains(text);
    if has("Failed to exec ssh") {
        return ssh::missing();
    }
    if has("No space left on device") || has("Disk quota exceeded") {
        let detail = format!("cannot publish to {to}: no space is left there; make room for it");
        return cause(CauseKind::DiskFull, detail);
    }
    let remote = matches!(target, Target::Remote { .. });
    let advice = ssh::advice(&said).filter(|_| remote);
    let advice = advice.or_else(|| {
        if has("rsync: command not found") || has("rsync: not found") {
            Some("install the Debian package rsync there")
        } else if has("send_files failed to open") || has("opendir ") || has("readlink_stat(") {
            Some("let the action that makes it leave it readable")
        } else if has("Permission denied (13)") && remote {
            Some("the user that logs in there has to be allowed to write there")
        } else if has("Permission denied (13)") || has("Read-only file system") {
            Some("the worker's user has to be allowed to write there")
        } else if has("No such file or directory (2)") && (has("mkdir ") || has("change_dir")) {
            Some("make the folder there in which the last one of rsync_target is to be")
        } else {
            None
        }
    });
    let advice = advice.map(|advice| format!("\n{advice}"));
    failed(format!(
        "cannot publish to {to}: {said}{}",
        advice.unwrap_or_default()
    ))
}
