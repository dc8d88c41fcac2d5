//! The same as an ordinary user: when the tests are root's, a temporary user executes them again.

use crate::user::{User, range};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Whether a system tree can be made: by root, and by a user with a line in /etc/subuid.
pub(crate) fn has_ids() -> bool {
    match std::env::var("ICK_TEST_IDS") {
        Ok(ids) => ids == "yes",
        Err(_) => rustix::process::geteuid().is_root() || has_further_ids(),
    }
}

/// Whether the user of this process has further ids, enough for a system tree.
fn has_further_ids() -> bool {
    let uid = rustix::process::geteuid().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid))
        .and_then(|line| line.split(':').next());
    name.is_some_and(|name| {
        ["/etc/subuid", "/etc/subgid"]
            .iter()
            .all(|file| range(name, file).is_some_and(|(_, count)| count >= 65_535))
    })
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn everything_again_as_an_ordinary_user() {
    again(true);
}

#[test]
fn everything_again_as_a_user_without_further_ids() {
    again(false);
}

fn again(ids: bool) {
    if !rustix::process::geteuid().is_root() {
        // All the other tests just were that.
        return;
    }
    let user = User::new(ids);
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tests, worker) = (place.path().join("tests"), place.path().join("ick-worker"));
    copy(&std::env::current_exe().unwrap(), &tests);
    copy(&crate::build::ick_worker(), &worker);
    let tmp = place.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    std::os::unix::fs::chown(&tmp, Some(user.uid), Some(user.gid)).unwrap();
    let again = Command::new(&tests)
        .args(["--skip", "three_hundred_megabytes", "--test-threads", "2"])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", &tmp)
        .env("ICK_TEST_WORKER", &worker)
        .env("ICK_TEST_IDS", if ids { "yes" } else { "no" })
        .env("CARGO_PKG_NAME", "ick-worker")
        .current_dir(&tmp)
        .uid(user.uid)
        .gid(user.gid)
        .output()
        .unwrap();
    assert!(
        again.status.success(),
        "{}{}",
        String::from_utf8_lossy(&again.stdout),
        String::from_utf8_lossy(&again.stderr)
    );
}
