//! How actions end, and what is said about it.

use crate::build::{Build, end, finish, until_output};
use ick_core::build::{CauseKind, Place};
use ick_worker::engine::{Limits, StopReason, cause};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[test]
fn what_is_given_up_before_its_supervisor_is_there_is_never_started() {
    let build = Build::with(|config| {
        let late = r#"printf shutdown >"$1/stop"; exec "$0" supervise "$1""#;
        let program = config.supervise[0].clone();
        config.supervise = ["sh", "-c", late].map(Into::into).to_vec();
        config.supervise.push(program);
    });
    let done = build.execute(build.shell(": >started"));
    assert_eq!(done.kind(), Some(CauseKind::LostWorker));
    assert!(!build.file("started").exists());
}

#[test]
fn exit_codes_and_signals() {
    let build = Build::new();
    let done = build.execute(build.shell("exit 0"));
    assert_eq!(
        (done.outcome.exit_code, done.outcome.cause.clone()),
        (Some(0), None)
    );
    for (script, kind, code, exit_code, detail) in [
        (
            "exit 3",
            CauseKind::Exit,
            3,
            Some(3),
            "ended with exit code 3",
        ),
        (
            "kill -SEGV $$",
            CauseKind::Signal,
            11,
            None,
            "was ended by signal 11, SIGSEGV",
        ),
        (
            "bash -c 'kill -KILL $$'",
            CauseKind::Exit,
            137,
            Some(137),
            "ended with exit code 137, as a shell does after signal 9, SIGKILL",
        ),
    ] {
        let done = build.execute(build.shell(script));
        let why = done.outcome.cause.expect(script);
        assert_eq!((why.kind, why.code), (kind, Some(code)), "{script}");
        assert_eq!(why.detail, detail, "{script}");
        assert_eq!(done.outcome.exit_code, exit_code, "{script}");
    }
}

#[test]
fn a_time_out_ends_it() {
    let build = Build::new();
    let mut request = build.shell("echo begun; sleep 1000");
    request.timeout = Some(Duration::from_millis(300));
    let begun = Instant::now();
    let done = build.execute(request);
    assert_eq!(done.kind(), Some(CauseKind::Timeout));
    let detail = done.outcome.cause.clone().unwrap().detail;
    assert_eq!(detail, "the action ran into its time-out of 300ms");
    assert_eq!(done.outcome.exit_code, None);
    assert_eq!(done.text(), "begun\n");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_time_out_ends_also_what_does_not_want_to() {
    let build = Build::new();
    let mut request = build.shell("trap '' TERM; echo begun; while :; do sleep 1000 || :; done");
    request.timeout = Some(Duration::from_millis(200));
    assert_eq!(build.execute(request).kind(), Some(CauseKind::Timeout));
}

#[test]
fn a_cancel_takes_effect_within_a_second() {
    let build = Build::with(|config| config.limits = Limits::default());
    for script in [
        "echo begun; sleep 1000",
        "trap '' TERM; echo begun; while :; do sleep 1000 || :; done",
        "echo begun; while :; do :; done",
    ] {
        let mut running = build.start(build.shell(script));
        until_output(&mut running, "begun\n");
        let asked = Instant::now();
        running.stop(StopReason::Cancelled).unwrap();
        let outcome = end(&mut running);
        assert!(asked.elapsed() < Duration::from_secs(1), "{script}");
        assert_eq!(
            outcome.cause.map(|why| why.kind),
            Some(CauseKind::Cancelled)
        );
    }
}

#[test]
fn an_action_can_clean_up_before_it_ends() {
    let build = Build::new();
    for request in [
        build.shell("trap 'echo bye; exit 0' TERM; echo begun; sleep 1000 & wait"),
        build.in_container("trap 'echo bye; exit 0' TERM; echo begun; sleep 1000 & wait"),
    ] {
        let mut running = build.start(request);
        until_output(&mut running, "begun\n");
        running.stop(StopReason::BuildTimeout).unwrap();
        let done = finish(running);
        assert_eq!(done.text(), "begun\nbye\n");
        assert_eq!(done.kind(), Some(CauseKind::Timeout));
    }
}

#[test]
fn the_first_reason_stands() {
    let build = Build::new();
    let mut running = build.start(build.shell("echo begun; sleep 1000"));
    until_output(&mut running, "begun\n");
    running.stop(StopReason::Shutdown).unwrap();
    running.stop(StopReason::Cancelled).unwrap();
    assert_eq!(finish(running).kind(), Some(CauseKind::LostWorker));
}

#[test]
fn a_stop_from_the_first_moment_on_is_heard() {
    let build = Build::new();
    for _ in 0..20 {
        let mut running = build.start(build.shell("sleep 1000"));
        running.stop(StopReason::Cancelled).unwrap();
        let why = end(&mut running).cause.map(|why| why.kind);
        assert_eq!(why, Some(CauseKind::Cancelled));
    }
}

#[test]
fn outputs_are_read_when_it_succeeds() {
    let build = Build::new();
    for request in [
        build.shell("echo version=1.2 >>$ICK_OUTPUTS; echo name=a=b >>$ICK_OUTPUTS"),
        build.in_container("echo version=1.2 >>$ICK_OUTPUTS; echo name=a=b >>$ICK_OUTPUTS"),
    ] {
        let done = build.execute(request);
        let expected = [("name", "a=b"), ("version", "1.2")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            done.outcome.outputs,
            BTreeMap::from(expected),
            "{}",
            done.text()
        );
    }
    let done = build.execute(build.shell("echo a=1 >$ICK_OUTPUTS; exit 1"));
    assert_eq!(done.outcome.outputs, BTreeMap::new());
    for wrong in [
        "echo nonsense >$ICK_OUTPUTS",
        "rm $ICK_OUTPUTS; mkfifo $ICK_OUTPUTS",
        "ln -sf /etc/passwd $ICK_OUTPUTS",
        "{ printf a=; head -c 70000 /dev/zero | tr '\\0' x; } >$ICK_OUTPUTS",
    ] {
        let done = build.execute(build.shell(wrong));
        assert_eq!(done.kind(), Some(CauseKind::BadDefinition), "{wrong}");
    }
}

#[test]
fn what_the_configuration_does_not_allow_is_refused() {
    let build = Build::with(|config| {
        config.allows = ick_api::controller::Allows {
            host: false,
            chroot: false,
            network: false,
        };
    });
    let refused = build.refusal(build.shell("true"));
    assert_eq!(refused.0, CauseKind::NotAllowed);
    assert!(refused.1.contains("allow_host"), "{}", refused.1);
    let mut request = build.in_container("true");
    request.network = true;
    assert!(build.refusal(request).1.contains("allow_network"));
    let mut request = build.shell("true");
    request.place = Place::Chroot;
    assert_eq!(build.refusal(request).0, CauseKind::NotAllowed);
    // A container without network needs no permission.
    assert_eq!(build.execute(build.in_container("true")).kind(), None);
}

#[test]
fn a_missing_tool_is_named_with_its_package() {
    let build = Build::new();
    for (mut request, package) in [
        (build.shell("true"), "bash"),
        (build.python("pass"), "python3"),
    ] {
        request.env = BTreeMap::from([("PATH".to_owned(), "/nowhere".to_owned())]);
        assert_eq!(
            build.refusal(request),
            (
                CauseKind::MissingTool,
                format!("{package} is not on this worker: install the Debian package {package}")
            )
        );
    }
}

#[test]
fn an_action_is_never_started_twice() {
    let build = Build::new();
    let request = build.shell("true");
    build.stdout(request.clone());
    // Nor is what is left of it taken for a start that was cut off.
    build.run.discard_action(&request.action_id).unwrap();
    assert_eq!(build.refusal(request).0, CauseKind::Internal);
}

#[test]
fn what_could_not_be_recorded_is_not_started_and_can_be_later() {
    let build = Build::new();
    let request = build.shell("touch begun");
    let refused = build.engine.start(&build.run, request.clone(), || {
        Err(cause(CauseKind::DiskFull, "no room for the record"))
    });
    assert_eq!(refused.unwrap_err().kind, CauseKind::DiskFull);
    // Its supervisor is gone, and has not begun.
    assert!(!build.file("begun").exists());
    build.run.discard_action(&request.action_id).unwrap();
    build.stdout(request);
    assert!(build.file("begun").exists());
}

#[test]
fn a_full_disk_is_told() {
    // Without root, no file system can be made that is small enough to fill.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let small = SmallDisk::new();
    let build = Build::with(|config| config.state = small.0.path().join("state"));
    let done = build.execute(build.shell("head -c 100000000 /dev/zero"));
    let why = done.outcome.cause.unwrap();
    assert_eq!(why.kind, CauseKind::DiskFull, "{}", why.detail);
    let refused = build.refusal(build.shell(&"x".repeat(1 << 20)));
    assert_eq!(refused.0, CauseKind::DiskFull, "{}", refused.1);
}

/// A file system with room for four megabytes.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", place.path(), "tmpfs", flags, c"size=4m").unwrap();
        std::fs::create_dir(place.path().join("state")).unwrap();
        Self(place)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}
