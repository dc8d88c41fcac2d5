//! The same as an ordinary user: when the tests are root's, a temporary user executes them again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A user that is there for one test.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl User {
    fn new() -> Self {
        let name = format!("ick-test-{}", std::process::id());
        let made = Command::new("useradd")
            .args([
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                // Who logs in by ssh in the tests of rsync and dput is this user.
                "/bin/sh",
            ])
            .arg(&name)
            .output()
            .expect("useradd is missing: install the Debian package passwd");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
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
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn everything_again_as_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        // All the other tests just were that.
        return;
    }
    let user = User::new();
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
