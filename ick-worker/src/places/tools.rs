//! The programs that an action needs on the build host, looked for before it is started.

use crate::engine::{Order, Program, cause};
use crate::environment;
use ick_api::controller::Allows;
use ick_core::build::{Cause, CauseKind, Place};
use rustix::fs::Access;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the worker's own tools are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// bubblewrap, for containers and changed roots.
    pub bwrap: Option<PathBuf>,
    /// What gives a container its network.
    pub attach: Option<Attach>,
}

/// What gives a container its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// pasta, of passt.
    Pasta(PathBuf),
    /// slirp4netns.
    Slirp4netns(PathBuf),
}

impl Tools {
    /// Looks for what an action in this place needs; `path` is the worker's own PATH.
    ///
    /// # Errors
    /// `missing_tool`, naming the Debian package.
    pub(crate) fn find(place: Place, network: bool, path: &str) -> Result<Self, Cause> {
        if place == Place::Host {
            return Ok(Self::default());
        }
        let bwrap = in_path(path, "bwrap").ok_or_else(|| missing_here("bwrap", "bubblewrap"))?;
        let attach = if network && place == Place::Container {
            let pasta = in_path(path, "pasta").map(Attach::Pasta);
            let attach = pasta.or_else(|| in_path(path, "slirp4netns").map(Attach::Slirp4netns));
            let attach = attach.ok_or_else(|| missing_here("pasta", "passt (or slirp4netns)"))?;
            check_tun()?;
            Some(attach)
        } else {
            None
        };
        Ok(Self {
            bwrap: Some(bwrap),
            attach,
        })
    }
}

/// The device with which a network is made must be open to the worker's user; root makes its own.
fn check_tun() -> Result<(), Cause> {
    let usable = Access::READ_OK | Access::WRITE_OK;
    if rustix::fs::access("/dev/net/tun", usable).is_ok() {
        return Ok(());
    }
    Err(cause(
        CauseKind::NotAllowed,
        "this worker's user cannot open /dev/net/tun, which `network: true` needs; load the module \
         tun, and let udev give the device mode 0666",
    ))
}

const HERE: &str = "on this worker";

/// Looks for the program that executes an action's script.
pub(crate) fn check(order: &Order) -> Result<(), Cause> {
    let (program, package) = match order.request.program {
        Program::Shell(_) => ("bash", "bash"),
        Program::Python(_) => ("python3", "python3"),
        Program::BuiltIn { .. } => return Ok(()),
    };
    if order.request.place == Place::Host {
        let path = order.env.get("PATH").map_or("", String::as_str);
        return in_path(path, program)
            .map(drop)
            .ok_or_else(|| missing_here(program, package));
    }
    let (root, place) = match (order.request.place, &order.tree) {
        (Place::Chroot, _) => (
            order.workspace.as_path(),
            "in the workspace, which is the root",
        ),
        (_, Some(tree)) => (tree.as_path(), "in the build's system tree"),
        _ => (Path::new("/"), HERE),
    };
    let path = order
        .env
        .get("PATH")
        .map_or(environment::PATH, String::as_str);
    let there = path.split(':').any(|folder| {
        let folder = root.join(folder.trim_start_matches('/'));
        // A link may only lead somewhere from inside.
        folder.join(program).symlink_metadata().is_ok()
    });
    if there {
        Ok(())
    } else {
        Err(missing(program, package, place))
    }
}

/// The first program of this name in a PATH.
pub(crate) fn in_path(path: &str, program: &str) -> Option<PathBuf> {
    path.split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(|folder| Path::new(folder).join(program))
        .find(|file| file.is_file() && rustix::fs::access(file, Access::EXEC_OK).is_ok())
}

/// Calls one of the worker's own tools, to its end. What it says is the error when it fails.
pub(crate) fn call(command: &mut Command) -> io::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    if let Some(errors) = child.stderr.take() {
        let _ = errors.take(4096).read_to_string(&mut said);
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err(io::Error::other(said.trim().to_owned())),
    }
}

/// A program that this host does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// The Debian package that it is in.
    pub package: &'static str,
    /// The actions that fail without it.
    pub actions: &'static str,
}

/// What a host that allows this much lacks of what actions need there. They are looked for again whenever
/// an action needs them, so a package that is installed later is of use at once.
pub fn missing_on_host(allows: Allows) -> Vec<Missing> {
    let path = std::env::var("PATH").unwrap_or_else(|_| environment::PATH.to_owned());
    let has = |program| in_path(&path, program).is_some();
    let needed = |program, package, actions| Missing {
        program,
        package,
        actions,
    };
    let mut missing = vec![
        needed("bwrap", "bubblewrap", "actions in containers"),
        needed("bash", "bash", "shell actions"),
        needed("python3", "python3", "python actions"),
        needed("git", "git", "git actions"),
    ];
    if allows.network && !has("slirp4netns") {
        missing.push(needed("pasta", "passt", "actions with a network"));
    }
    missing.retain(|one| !has(one.program));
    missing
}

/// A program that is not on this worker.
pub(crate) fn missing_here(program: &str, package: &str) -> Cause {
    missing(program, package, HERE)
}

fn missing(program: &str, package: &str, place: &str) -> Cause {
    cause(
        CauseKind::MissingTool,
        format!("{program} is not {place}: install the Debian package {package}"),
    )
}
