//! Packing and unpacking again as an ordinary user: when the tests are root's, a temporary user executes
//! them.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use super::user::User;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

#[test]
fn archives_again_as_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        // All the other tests just were that.
        return;
    }
    let user = User::new(false);
    let place = tempfile::tempdir().unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.path(), open.clone()).unwrap();
    let (tests, tmp) = (place.path().join("tests"), place.path().join("tmp"));
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    fs::set_permissions(&tests, open).unwrap();
    fs::create_dir(&tmp).unwrap();
    chown(&tmp, Some(user.uid), Some(user.gid)).unwrap();
    let again = Command::new(&tests)
        .args(["actions::archive", "actions::unpack"])
        .args(["--skip", "a_hundred_thousand", "--test-threads", "2"])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", &tmp)
        .current_dir(&tmp)
        .uid(user.uid)
        .gid(user.gid)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(
        again.status.success() && !told.contains("running 0 tests"),
        "{told}{}",
        String::from_utf8_lossy(&again.stderr)
    );
}
