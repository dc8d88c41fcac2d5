//! A home of its own with, perhaps, an Ick in it. Whatever was started is ended with it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Home(tempfile::TempDir);

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "{text:?} is not in {}",
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let folder = Path::new(assert_cmd::cargo::cargo_bin!("icktool"))
            .parent()
            .unwrap();
        for program in ["ick-idp", "ick-controller", "ick-store", "ick-worker"] {
            assert!(
                folder.join(program).is_file(),
                "{program} was not built: cargo build --workspace --bins"
            );
        }
        Self(
            tempfile::Builder::new()
                .prefix("icktool-test-")
                .tempdir()
                .unwrap(),
        )
    }

    /// One with an Ick that is up.
    pub(crate) fn up() -> Self {
        let home = Self::new();
        home.run(&["up", "--detach", "--port", "0"]).exits(0);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The state folder of `up`.
    pub(crate) fn state(&self) -> PathBuf {
        self.path(".local/share/ick")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("icktool"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .args(args);
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(&mut self.command(args))
    }

    /// With this text on stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Ended {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        from_output(&child.wait_with_output().unwrap())
    }

    pub(crate) fn up_file(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.state().join("up.json")).unwrap()).unwrap()
    }

    /// The process id of `idp`, `controller`, `store` or `worker`.
    pub(crate) fn pid(&self, daemon: &str) -> i32 {
        let up = self.up_file();
        let process = if daemon == "worker" {
            &up["workers"][0]
        } else {
            &up[daemon]
        };
        i32::try_from(process["pid"].as_i64().unwrap()).unwrap()
    }

    /// Ends a daemon at once, as a crash would.
    pub(crate) fn kill(&self, daemon: &str) {
        let pid = self.pid(daemon);
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        eventually("the end of a daemon", || !is_alive(pid));
    }

    pub(crate) fn url(&self) -> String {
        self.up_file()["controller"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.state().join("up.lock").exists() {
            let _ = self
                .command(&["down"])
                .env_remove("ICK_CONTROLLER")
                .output();
        }
    }
}

#[track_caller]
pub(crate) fn ended(command: &mut Command) -> Ended {
    from_output(&command.output().unwrap())
}

#[track_caller]
pub(crate) fn from_output(output: &std::process::Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
pub(crate) fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !fact() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::yield_now();
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        // A zombie with threads has its port still (proc(5), `stat`, fields 3 and 20).
        stat.rsplit_once(") ").is_none_or(|(_, rest)| {
            !rest.starts_with('Z') || !matches!(rest.split(' ').nth(17), Some("0" | "1"))
        })
    })
}
