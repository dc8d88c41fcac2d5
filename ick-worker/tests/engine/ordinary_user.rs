//! The same as an ordinary user: when the tests are root's, a temporary user executes them again.

use crate::build::PATIENCE;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A user that is there for one test.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl User {
    /// With a line for it in /etc/subuid and /etc/subgid, or without.
    fn new(ids: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ick-test-{}-{count}", std::process::id());
        change(
            Command::new("useradd")
                .args([
                    "--no-create-home",
                    "--home-dir",
                    "/nonexistent",
                    "--shell",
                    // Who logs in by ssh in the tests of rsync and dput is this user.
                    "/bin/sh",
                ])
                .arg(&name),
        );
        let user = Self::named(name);
        for (file, add, del) in [
            ("/etc/subuid", "--add-subuids", "--del-subuids"),
            ("/etc/subgid", "--add-subgids", "--del-subgids"),
        ] {
            // useradd may have made the lines of its own accord.
            match (user.range(file), ids) {
                (Some((first, count)), false) => {
                    let range = format!("{first}-{}", first + count - 1);
                    change(Command::new("usermod").args([del, &range, &user.name]));
                }
                (None, true) => {
                    let first = 1_000_000_000 + user.uid * 65_536 % 500_000_000;
                    let range = format!("{first}-{}", first + 65_535);
                    change(Command::new("usermod").args([add, &range, &user.name]));
                }
                _ => {}
            }
            assert_eq!(user.range(file).is_some(), ids, "{file}");
        }
        user
    }

    fn named(name: String) -> Self {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(&name))
            .unwrap();
        let ids: Vec<u32> = line
            .split(':')
            .skip(2)
            .take(2)
            .map(|id| id.parse().unwrap())
            .collect();
        Self {
            name,
            uid: ids[0],
            gid: ids[1],
        }
    }

    /// The first of its further ids, and how many there are.
    fn range(&self, file: &str) -> Option<(u32, u32)> {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(&self.name) {
                return None;
            }
            let mut number = || fields.next()?.parse().ok();
            Some((number()?, number()?))
        })
    }
}

/// Changes the users of this machine. Only one program at a time can: the others are refused.
fn change(command: &mut Command) {
    let until = Instant::now() + PATIENCE;
    loop {
        let done = command
            .output()
            .expect("useradd or usermod is missing: install the Debian package passwd");
        let said = String::from_utf8_lossy(&done.stderr);
        if done.status.success() {
            return;
        }
        let is_busy = said.contains("cannot lock");
        assert!(is_busy && Instant::now() < until, "{command:?}: {said}");
        std::thread::yield_now();
    }
}

/// Whether a system tree can be made: by root, and by a user with a line in /etc/subuid.
pub(crate) fn has_ids() -> bool {
    match std::env::var("ICK_TEST_IDS") {
        Ok(ids) => ids == "yes",
        Err(_) => rustix::process::geteuid().is_root(),
    }
}

impl Drop for User {
    fn drop(&mut self) {
        change(Command::new("userdel").arg(&self.name));
    }
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
