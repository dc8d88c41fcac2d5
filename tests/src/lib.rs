//! Ick from outside: the harness that the system's tests share.
//!
//! [`Ick`] is a whole installation (identity provider, controller, store, worker) started by
//! `icktool up` on free ports with a state folder, configuration and home of its own; its methods are
//! what a person does with it. [`Daemon`] is one server by itself, with what it uses of the machine. [`Site`]
//! is an installation whose daemons the test starts itself, with the settings that it wants. All end every
//! process that they started, also when a test fails. [`Sample`] and [`Raw`] are for benchmarks.

mod authority;
mod daemon;
mod disk;
mod ick;
mod namespace;
mod outcome;
mod port;
mod raw;
mod sample;
mod site;
mod wait;

pub use authority::{Authority, self_signed};
pub use daemon::{Daemon, Holds};
pub use disk::{Disk, with_small_disks};
pub use ick::{Ick, is_alive};
pub use namespace::with_own_network;
pub use outcome::Outcome;
pub use port::Port;
pub use raw::Raw;
pub use sample::Sample;
pub use site::{HELLO, Site, icktool};
pub use wait::{DEADLINE, eventually};

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// The folder of the whole project.
pub fn project_folder() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The program of that name that was built beside the running test.
///
/// # Errors
/// When it was not built; the error says how to build it.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell which program this is")?;
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the test is not in a target folder")?;
    let path = folder.join(name);
    ensure!(
        path.exists(),
        "{} was not built: cargo build --workspace --bins",
        path.display()
    );
    Ok(path)
}

/// Where a tool is; fails with the Debian package's name where it is missing.
///
/// # Errors
/// When neither a folder of PATH nor /usr/sbin, which ordinary users do not have there, has the tool.
pub fn need(tool: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
        .with_context(|| format!("{tool} is missing: install the Debian package {package}"))
}
