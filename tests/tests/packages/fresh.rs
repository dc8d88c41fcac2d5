//! A fresh Debian: made once, kept in the target folder, never changed.

use super::built::{Packages, target};
use anyhow::{Context, Result, ensure};
use ick_tests::{Outcome, need};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a machine has that the packages do not bring: systemd runs it, and the test looks into an archive.
const OTHERS: &str = "systemd,dbus,zstd";

/// The smallest Debian that boots, with the packages' dependencies downloaded, but not installed.
pub(crate) fn tree(packages: &Packages) -> Result<PathBuf> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "this test makes a Debian system and starts systemd in it: run it as root"
    );
    need("debootstrap", "debootstrap")?;
    need("nsenter", "util-linux")?;
    let (mirror, release) = mirror()?;
    let key = Sha256::digest(format!("{release} {OTHERS} {}", packages.depends));
    let key: String = key[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = target()?.join("fresh-debian");
    let tree = kept.join(key);
    if tree.exists() {
        return Ok(tree);
    }
    // Others are outdated, or were not finished.
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    let making = kept.join("making");
    fs::create_dir_all(&making)?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap
        .args(["--variant=minbase", &format!("--include={OTHERS}")])
        .args([release.as_str()])
        .arg(&making)
        .arg(mirror);
    Outcome::of(&mut debootstrap)?.exits(0)?;
    download(&making, packages)?;
    fs::rename(&making, &tree)?;
    Ok(tree)
}

/// The mirror and the release of this machine's own sources.
fn mirror() -> Result<(String, String)> {
    need("apt-get", "apt")?;
    let about = fs::read_to_string("/etc/os-release")?;
    let release = about
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release has no VERSION_CODENAME")?;
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(RELEASE) $(COMPONENT) $(REPO_URI)",
    ]);
    let targets = Outcome::of(targets.arg("Created-By: Packages"))?.exits(0)?;
    let begins = format!("{release} main ");
    let mirror = targets
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix(&begins))
        .with_context(|| format!("apt has no source of {release} main"))?;
    Ok((mirror.to_owned(), release.to_owned()))
}

fn download(tree: &Path, packages: &Packages) -> Result<()> {
    // The machine has no network when they are installed.
    let apt = "APT::Install-Recommends \"false\";\nBinary::apt-get::APT::Keep-Downloaded-Packages \"true\";\n";
    fs::write(tree.join("etc/apt/apt.conf.d/90test"), apt)?;
    let resolver = tree.join("etc/resolv.conf");
    fs::copy("/etc/resolv.conf", &resolver)?;
    let here = tree.join("packages");
    fs::create_dir(&here)?;
    for entry in fs::read_dir(&packages.folder)? {
        let entry = entry?;
        fs::copy(entry.path(), here.join(entry.file_name()))?;
    }
    // Those that debootstrap took are installed.
    let script = "apt-get clean && apt-get update \
                  && apt-get install -y --download-only /packages/*.deb && rm -r /packages";
    let mut inside = Command::new("chroot");
    inside.arg(tree).args(["sh", "-c", script]);
    Outcome::of(&mut inside)?.exits(0)?;
    Ok(fs::remove_file(resolver)?)
}
