//! The packages as `scripts/package` builds them.

use anyhow::{Context, Result, ensure};
use ick_tests::{Outcome, need, program, project_folder};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of all packages.
pub(crate) const NAMES: [&str; 5] = [
    "icktool",
    "ick-idp",
    "ick-controller",
    "ick-store",
    "ick-worker",
];

/// The packages, made of the programs under test.
pub(crate) struct Packages {
    /// The folder that has them and nothing else.
    pub(crate) folder: PathBuf,
    /// What they depend on, as they say it.
    pub(crate) depends: String,
}

/// The folder of all that is built.
pub(crate) fn target() -> Result<PathBuf> {
    let icktool = program("icktool")?;
    let target = icktool.ancestors().nth(2);
    Ok(target.context("no target folder")?.to_owned())
}

/// Builds them.
pub(crate) fn packages() -> Result<Packages> {
    need("dpkg-deb", "dpkg")?;
    let target = target()?;
    let mut build = Command::new(project_folder().join("scripts/package"));
    build.arg("--debug").env("CARGO_TARGET_DIR", &target);
    Outcome::of(&mut build)?.exits(0)?;
    let folder = target.join("debian");
    let mut depends = String::new();
    for name in NAMES {
        depends += &depends_of(&folder, name)?;
    }
    ensure!(
        std::fs::read_dir(&folder)?.count() == NAMES.len(),
        "{} has something else as well",
        folder.display()
    );
    Ok(Packages { folder, depends })
}

fn depends_of(folder: &Path, name: &str) -> Result<String> {
    let files = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let begins = format!("{name}_");
    let file = files
        .iter()
        .find(|file| file.file_name().to_string_lossy().starts_with(&begins))
        .with_context(|| format!("no package {name} was built"))?;
    let mut show = Command::new("dpkg-deb");
    show.arg("--field").arg(file.path()).arg("Depends");
    Ok(Outcome::of(&mut show)?.exits(0)?.stdout)
}
