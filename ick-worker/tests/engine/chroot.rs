//! `where: chroot`: the workspace is the root directory.

use crate::build::{Build, long_time, sleepers, until_output};
use crate::ordinary_user::has_ids;
use ick_core::build::{CauseKind, Place};
use ick_worker::engine::{Program, Request, StopReason, UID_BASE};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::Duration;

/// The programs of the tree that these tests make; all are essential in Debian.
const PROGRAMS: &str = "bash cat chmod chown env id ls mkdir rm sleep stat touch grep";

/// Makes a small system tree of the host's own programs in the workspace.
pub(crate) fn make_tree(build: &Build) {
    build.stdout(build.shell(&format!(
        "mkdir -p usr/bin etc root run\nln -s usr/bin bin\nln -s usr/lib lib\nln -s usr/lib64 lib64\n\
         printf 'root:x:0:0:root:/root:/bin/bash\\nsome:x:42:43::/:/bin/sh\\n' > etc/passwd\n\
         printf 'root:x:0:\\nsome:x:43:\\n' > etc/group\n\
         for program in {PROGRAMS}; do\n\
         path=$(readlink -f \"$(command -v $program)\")\ncp \"$path\" usr/bin/$program\n\
         ldd \"$path\" | grep -o '/[^ ]*' | while read -r file; do\n\
         case $file in /usr/*) to=.$file ;; *) to=./usr$file ;; esac\n\
         mkdir -p \"${{to%/*}}\"\ncp -n \"$file\" \"$to\"\ndone\ndone\n"
    )));
}

/// An action whose root is the workspace.
pub(crate) fn in_chroot(build: &Build, script: &str) -> Request {
    let mut request = build.shell(script);
    request.place = Place::Chroot;
    request
}

/// A build with a tree, where such can be made.
fn with_tree() -> Option<Build> {
    let build = Build::new();
    if has_ids() {
        make_tree(&build);
        return Some(build);
    }
    let (kind, why) = build.refusal(in_chroot(&build, "true"));
    assert_eq!(kind, CauseKind::NotAllowed);
    assert!(
        why.contains("/etc/subuid and /etc/subgid lacks a line like `"),
        "{why}"
    );
    None
}

#[test]
fn the_workspace_is_the_root_and_the_action_is_its_root() {
    let Some(build) = with_tree() else { return };
    let script = "id -u; id -g; pwd; echo $HOME $TMPDIR; ls /; ls /run/ick; ls /tmp /run/ick/home; \
                  params; cat /proc/self/uid_map | { read -r a b c; echo $a $c; }";
    let mut request = in_chroot(&build, script);
    request.parameters = serde_json::from_str(r#"{"a": 1}"#).unwrap();
    let map = match rustix::process::geteuid().is_root() {
        true => "0 65536",
        false => "0 1",
    };
    assert_eq!(
        build.stdout(request),
        format!(
            "0\n0\n/\n/run/ick/home /tmp\nbin\ndev\netc\nlib\nlib64\nproc\nroot\nrun\ntmp\nusr\n\
             home\noutputs\nparams.json\nscript\n/run/ick/home:\n\n/tmp:\n{{\"a\":1}}\n{map}\n"
        )
    );
}

#[test]
fn nothing_that_was_mounted_is_left() {
    let Some(build) = with_tree() else { return };
    build.stdout(in_chroot(
        &build,
        "touch /tmp/x /run/ick/home/x /kept; mkdir /var",
    ));
    for gone in ["dev", "proc", "tmp", "run/ick"] {
        assert!(!build.file(gone).exists(), "{gone}");
    }
    assert!(build.file("run").is_dir(), "it was there before");
    assert!(build.file("kept").exists() && build.file("var").is_dir());
}

#[test]
fn owners_are_those_of_the_tree() {
    let Some(build) = with_tree() else { return };
    let script = "touch /of-root /of-some; chown 42:43 /of-some; chmod 4755 /of-some; \
                  stat -c %u:%g:%a /of-root /of-some /etc/passwd";
    assert_eq!(
        build.stdout(in_chroot(&build, script)),
        "0:0:644\n42:43:4755\n0:0:644\n"
    );
    let about = fs::metadata(build.file("of-some")).unwrap();
    let root = fs::metadata(build.file("of-root")).unwrap();
    if rustix::process::geteuid().is_root() {
        // The builds of these tests are in slot 3.
        let first = UID_BASE + 3 * 65_536;
        assert_eq!((root.uid(), root.gid()), (first, first));
        assert_eq!((about.uid(), about.gid()), (first + 42, first + 43));
    } else {
        assert_eq!(root.uid(), rustix::process::geteuid().as_raw());
        assert_ne!(about.uid(), root.uid());
    }
    // The next one finds them so.
    let again = in_chroot(&build, "stat -c %u:%g:%a /of-root /of-some");
    assert_eq!(build.stdout(again), "0:0:644\n42:43:4755\n");
}

#[test]
fn its_root_is_nobody_on_the_host() {
    let Some(build) = with_tree() else { return };
    let time = long_time();
    let script = format!("echo begun; sleep {time}");
    let mut running = build.start(in_chroot(&build, &script));
    until_output(&mut running, "begun\n");
    crate::build::until("it sleeps", || sleepers(&time).len() == 1);
    let status = fs::read_to_string(format!("/proc/{}/status", sleepers(&time)[0])).unwrap();
    let uid = |line: &str| line.starts_with("Uid:") && line.split_whitespace().all(|id| id != "0");
    assert!(status.lines().any(uid), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    running.stop(StopReason::Cancelled).unwrap();
    crate::build::end(&mut running);
    assert!(sleepers(&time).is_empty());
}

#[test]
fn it_reaches_nothing_of_the_host() {
    let Some(build) = with_tree() else { return };
    let state = build.state().display();
    let script = format!(
        "ls {state} 2>/dev/null || echo no state\n\
         ls /proc | grep -c '^[0-9]*$'\n\
         2>/dev/null >/proc/sys/kernel/core_pattern || echo core_pattern stays\n\
         2>/dev/null >/proc/sysrq-trigger || echo no sysrq\n\
         [ -e /dev/mem ] || [ -e /dev/kmsg ] || echo no devices\n\
         [ -z \"$(cat /proc/1/environ 2>/dev/null | while read -r -d '' one; do echo $one; done)\" ] \
         && echo no environment\n"
    );
    let said = build.stdout(in_chroot(&build, &script));
    let processes: u32 = said.lines().nth(1).unwrap().parse().unwrap();
    assert!(processes <= 5, "{said}");
    let others: Vec<_> = said
        .lines()
        .filter(|line| line.parse::<u32>().is_err())
        .collect();
    assert_eq!(
        others,
        [
            "no state",
            "core_pattern stays",
            "no sysrq",
            "no devices",
            "no environment"
        ]
    );
}

#[test]
fn what_it_leaves_behind_is_ended() {
    let Some(build) = with_tree() else { return };
    let time = long_time();
    // The second outlives its parent; there is no setsid in the tree.
    let script = format!("sleep {time} & (sleep {time} &) ; echo done");
    assert_eq!(build.stdout(in_chroot(&build, &script)), "done\n");
    assert!(sleepers(&time).is_empty());
}

#[test]
fn a_link_in_the_place_of_a_folder_is_not_mounted_on() {
    let Some(build) = with_tree() else { return };
    let outside = tempfile::tempdir().unwrap();
    fs::remove_dir(build.file("run")).unwrap();
    symlink(outside.path(), build.file("run")).unwrap();
    let done = build.execute(in_chroot(&build, "true"));
    assert_eq!(done.kind(), Some(CauseKind::ActionFailed));
    let why = done.outcome.cause.unwrap().detail;
    assert!(
        why.starts_with("/run in the workspace is no folder"),
        "{why}"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    for gone in ["dev", "proc", "tmp"] {
        assert!(!build.file(gone).exists(), "{gone}");
    }
}

#[test]
fn a_tree_without_a_shell_is_a_missing_tool() {
    let build = Build::new();
    if !has_ids() {
        return;
    }
    let (kind, why) = build.refusal(in_chroot(&build, "true"));
    assert_eq!(kind, CauseKind::MissingTool);
    assert_eq!(
        why,
        "bash is not in the workspace, which is the root: install the Debian package bash"
    );
}

#[test]
fn it_is_refused_where_it_is_not_allowed() {
    let build = Build::with(|config| config.allows.chroot = false);
    let (kind, why) = build.refusal(in_chroot(&build, "true"));
    assert_eq!(kind, CauseKind::NotAllowed);
    assert!(why.contains("set `allow_chroot: true`"), "{why}");
}

#[test]
fn its_exit_code_and_outputs_are_its_own() {
    let Some(build) = with_tree() else { return };
    let done = build.execute(in_chroot(&build, "exit 7"));
    assert_eq!(done.outcome.exit_code, Some(7));
    let done = build.execute(in_chroot(&build, "echo A=b > $ICK_OUTPUTS"));
    assert_eq!(done.outcome.outputs.get("A").map(String::as_str), Some("b"));
    let mut python = in_chroot(&build, "");
    python.program = Program::Python("print()".to_owned());
    assert_eq!(build.refusal(python).0, CauseKind::MissingTool);
}

#[test]
fn what_it_writes_is_bounded_whoever_owns_it() {
    if !has_ids() {
        return;
    }
    let build = Build::with(|config| {
        config.limits.workspace = 40 << 20;
        config.limits.measure = Duration::from_millis(50);
    });
    make_tree(&build);
    let script = "mkdir -m 700 /private; chown 42 /private\n\
                  while :; do cat /usr/bin/bash; done > /private/x";
    let done = build.execute(in_chroot(&build, script));
    assert_eq!(done.kind(), Some(CauseKind::DiskFull), "{}", done.text());
}

#[test]
fn a_container_after_it_can_write_everything() {
    let Some(build) = with_tree() else { return };
    build.stdout(in_chroot(
        &build,
        "mkdir -m 700 /private; chown 42 /private; touch /private/x",
    ));
    if !rustix::process::geteuid().is_root() {
        // An ordinary user's container is that user, and what others own in the tree is not its.
        return;
    }
    let script = "cd /workspace && stat -c %u private && echo more > private/x";
    assert_eq!(build.stdout(build.in_container(script)), "1000\n");
    assert!(Path::new(&build.file("private/x")).exists());
}
