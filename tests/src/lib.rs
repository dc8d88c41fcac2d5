//! Ick from outside: the harness that the system's tests share.
//!
//! [`Ick`] is a whole installation (identity provider, controller, store, worker) started by
//! `icktool up` on free ports with a state folder, configuration and home of its own; its methods are
//! what a person does with it. [`Daemon`] is one server by itself, with what it uses of the machine. Both
//! end every process that they started, also when a test fails. [`Sample`] and [`Raw`] are for benchmarks.

mod daemon;
mod disk;
mod ick;
mod namespace;
mod outcome;
mod raw;
mod sample;
mod wait;

pub use daemon::{Daemon, Holds};
pub use disk::{Disk, with_small_disks};
pub use ick::{Ick, is_alive};
pub use namespace::with_own_network;
pub use outcome::Outcome;
pub use raw::Raw;
pub use sample::Sample;
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

/// Fails with the Debian package's name where a tool is missing.
///
/// # Errors
/// When no folder of PATH has the tool.
pub fn need(tool: &str, package: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ensure!(
        std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()),
        "{tool} is missing: install the Debian package {package}"
    );
    Ok(())
}
