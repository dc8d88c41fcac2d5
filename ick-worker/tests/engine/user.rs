//! A user of the tests' own.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long another program may be changing the users.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user that is there for one test.
pub(crate) struct User {
    name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// With a line for it in /etc/subuid and /etc/subgid, or without.
    pub(crate) fn new(ids: bool) -> Self {
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
            match (range(&user.name, file), ids) {
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
            assert_eq!(range(&user.name, file).is_some(), ids, "{file}");
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
}

/// The first of a user's further ids, and how many there are.
pub(crate) fn range(name: &str, file: &str) -> Option<(u32, u32)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut number = || fields.next()?.parse().ok();
        Some((number()?, number()?))
    })
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

impl Drop for User {
    fn drop(&mut self) {
        let mut remove = Command::new("userdel");
        remove.arg(&self.name);
        // What a failed test says is not to be lost.
        if std::thread::panicking() {
            let _ = remove.output();
        } else {
            change(&mut remove);
        }
    }
}
