//! Tests in namespaces of their own: nothing of what they do there is left on the machine, however they
//! end.

use anyhow::{Context, Result, bail, ensure};
use std::process::Command;

/// Says to the test program that it has namespaces of its own.
const INSIDE: &str = "ICK_TEST_OWN_NAMESPACES";

/// Whether this is a test inside.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a test where it may mount file systems: see [`with_own_network`].
pub(crate) fn with_own_mounts<T>(test: T) -> Result<()>
where
    T: FnOnce() -> Result<()>,
{
    inside("a mount namespace", &[], test)
}

/// Runs a test where it may mount file systems and make networks; the one that it has at first leads
/// nowhere. This test program is started once more, for this test only, in namespaces of its own. `test`
/// must be a closure written in the test function, by whose name it is found.
///
/// # Errors
/// Those of the test; that no such namespaces can be had, and what it takes.
pub fn with_own_network<T>(test: T) -> Result<()>
where
    T: FnOnce() -> Result<()>,
{
    crate::need("ip", "iproute2")?;
    inside("mount and network namespaces", &["--net"], test)
}

fn inside<T>(what: &str, more: &[&str], test: T) -> Result<()>
where
    T: FnOnce() -> Result<()>,
{
    if is_inside() {
        return test();
    }
    crate::need("unshare", "util-linux")?;
    let name = std::any::type_name::<T>();
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    let name = name.trim_end_matches("::{{closure}}");
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--mount", "--propagation", "private"]);
    unshare.args(more);
    let can = unshare.arg("true").output()?;
    ensure!(
        can.status.success(),
        "this test needs {what} of its own: run it as root, or let users have user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0): {}",
        String::from_utf8_lossy(&can.stderr)
    );
    let mut inside = Command::new("unshare");
    inside.args(unshare.get_args().filter(|argument| *argument != "true"));
    inside
        .arg("--")
        .arg(std::env::current_exe()?)
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, "1");
    let output = inside.output().context("cannot run unshare")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() {
        bail!("{name} failed in its namespaces:\n{said}");
    }
    ensure!(said.contains("1 passed"), "{name} was not found:\n{said}");
    Ok(())
}
