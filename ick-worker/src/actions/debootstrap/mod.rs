//! `debootstrap`: makes a Debian system tree of the workspace, with mmdebstrap.

mod fields;
mod sources;
mod words;

use super::{Task, bad, failed};
use crate::engine::{cannot, note_tree_owners};
use crate::places::tool::{Tool, WORKSPACE};
use crate::supervise::End;
use ick_core::build::Cause;
use std::fs::{self, File};

/// How long a mirror that says nothing is waited for, in seconds, and how often it is tried again.
const PATIENCE: &str = "20";
const TRIES: &str = "2";

/// How many of the last lines are looked at for why it failed.
const LAST: usize = 40;

pub(super) fn execute(task: &Task<'_>) -> Result<(), Cause> {
    let codename = fields::codename(task.fields.required("debian_codename")?)?;
    let mirror = task
        .fields
        .text("mirror")?
        .map(fields::mirror)
        .transpose()?;
    let packages = fields::packages(&task.fields.texts("packages")?)?;
    let mut entries = fs::read_dir(&task.order.workspace)
        .map_err(|why| cannot("look into the workspace", &why))?;
    if entries.next().is_some() {
        return Err(failed(
            "the workspace is not empty, and all of it is to be the system tree; let debootstrap be the \
             first action of the build",
        ));
    }
    let run = task.run_folder()?;
    note_tree_owners(run).map_err(|why| cannot("write to the run's folder", &why))?;
    let own = match mirror {
        Some(_) => String::new(),
        None => sources::of_host(codename),
    };
    let stdin = task.folder.join("sources");
    fs::write(&stdin, &own).map_err(|why| cannot("write the sources", &why))?;
    let stdin = File::open(&stdin).map_err(|why| cannot("read the sources", &why))?;
    let from = match (mirror, own.is_empty()) {
        (Some(mirror), _) => Some(mirror),
        (None, false) => Some("-"),
        // mmdebstrap's own default.
        (None, true) => None,
    };
    let tool = Tool {
        program: "mmdebstrap",
        package: "mmdebstrap",
        arguments: arguments(codename, &packages, from),
        stdin,
    };
    let mut last = words::Last::new(LAST);
    let end = tool.execute(task.order, |line| {
        println!("{line}");
        last.add(line);
    })?;
    match end {
        End::Exit(0) => Ok(()),
        _ => Err(words::why(&last, codename, mirror)),
    }
}

fn arguments(codename: &str, packages: &[&str], from: Option<&str>) -> Vec<String> {
    let mut arguments = vec![
        // Of the namespace, which it cannot tell from a real root's.
        "--mode=root".to_owned(),
        "--variant=minbase".to_owned(),
        "--format=directory".to_owned(),
        "--skip=chroot/mount/sys".to_owned(),
        format!("--aptopt=Acquire::http::Timeout \"{PATIENCE}\""),
        format!("--aptopt=Acquire::https::Timeout \"{PATIENCE}\""),
        format!("--aptopt=Acquire::Retries \"{TRIES}\""),
        // These options are for making the tree, not for who uses it.
        "--customize-hook=rm -f \"$1/etc/apt/apt.conf.d/99mmdebstrap\"".to_owned(),
    ];
    if !packages.is_empty() {
        arguments.push(format!("--include={}", packages.join(",")));
    }
    arguments.extend([codename.to_owned(), WORKSPACE.to_owned()]);
    arguments.extend(from.map(str::to_owned));
    arguments
}
