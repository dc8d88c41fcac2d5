//! Nothing of an action is left when it has ended, whatever ended it.

use crate::build::{Build, end, finish, long_time, runs, sleepers, until, until_output};
use ick_core::build::CauseKind;
use ick_worker::engine::StopReason;
use rustix::process::{Pid, Signal};
use std::time::{Duration, Instant};

/// A script that starts processes in all the ways in which daemons do, and says who they are.
const DAEMONS: &str = r#"
trap '' HUP
sleep 1001 &
echo pid $!
setsid sleep 1002 &
setsid -f bash -c 'echo pid $$; : >ready; exec sleep 1003'
while [ ! -e ready ]; do :; done
python3 - <<'END'
import os, time
ready, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        print("pid", os.getpid(), flush=True)
        os.write(tell, b"!")
        null = os.open("/dev/null", os.O_RDWR)
        for fd in range(3): os.dup2(null, fd)
        time.sleep(1004)
    os._exit(0)
os.read(ready, 1)
END
"#;

fn pids(text: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| line.strip_prefix("pid ")?.parse().ok())
        .collect()
}

#[test]
fn daemons_are_gone_when_an_action_has_ended() {
    let build = Build::new();
    let begun = Instant::now();
    let done = build.execute(build.shell(DAEMONS));
    assert_eq!(done.kind(), None, "{}", done.text());
    // They were not waited for.
    assert!(begun.elapsed() < Duration::from_secs(30));
    let pids = pids(&done.stdout());
    assert_eq!(pids.len(), 3, "{}", done.text());
    for pid in pids {
        assert!(!runs(pid), "{pid}");
    }
}

#[test]
fn daemons_are_gone_after_a_cancel() {
    let build = Build::new();
    let mut running = build.start(build.shell(&format!("{DAEMONS}\necho begun; sleep 1005")));
    let text = until_output(&mut running, "begun\n");
    running.stop(StopReason::Cancelled).unwrap();
    assert_eq!(finish(running).kind(), Some(CauseKind::Cancelled));
    for pid in pids(&text) {
        assert!(!runs(pid), "{pid}");
    }
}

#[test]
fn who_holds_the_output_open_stalls_nothing() {
    let build = Build::new();
    let begun = Instant::now();
    let done = build.execute(build.shell("sleep 1000 & echo said"));
    assert_eq!((done.kind(), done.stdout().as_str()), (None, "said\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn nothing_survives_the_supervisor() {
    let build = Build::new();
    let mut running = build.start(build.shell(&format!("{DAEMONS}\necho begun; sleep 1005")));
    let text = until_output(&mut running, "begun\n");
    let supervisor = Pid::from_raw(i32::try_from(running.supervisor()).unwrap()).unwrap();
    rustix::process::kill_process(supervisor, Signal::KILL).unwrap();
    let outcome = end(&mut running);
    assert_eq!(
        outcome.cause.map(|why| why.kind),
        Some(CauseKind::LostWorker)
    );
    assert_eq!(outcome.log_length, text.len() as u64);
    for pid in pids(&text) {
        assert!(!runs(pid), "{pid}");
    }
}

#[test]
fn a_supervisor_that_cannot_begin_says_why() {
    let build = Build::with(|config| {
        let script = "echo 'no luck today' >&2; exit 9";
        config.supervise = ["/bin/sh", "-c", script].map(Into::into).to_vec();
    });
    let outcome = end(&mut build.start(build.shell("true")));
    let why = outcome.cause.unwrap();
    assert_eq!(why.kind, CauseKind::Internal);
    let said = "the action's supervisor ended with 9: no luck today";
    assert_eq!(why.detail, said);
}

#[test]
fn nothing_survives_the_reaper() {
    let build = Build::new();
    let mut running = build.start(build.shell(&format!("{DAEMONS}\necho begun; sleep 1005")));
    let text = until_output(&mut running, "begun\n");
    let supervisor = running.supervisor();
    let list = format!("/proc/{supervisor}/task/{supervisor}/children");
    let reaper: i32 = std::fs::read_to_string(list)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    rustix::process::kill_process(Pid::from_raw(reaper).unwrap(), Signal::KILL).unwrap();
    let done = finish(running);
    assert_eq!(done.kind(), Some(CauseKind::Internal));
    for pid in pids(&text) {
        assert!(!runs(pid), "{pid}");
    }
}

#[test]
fn a_container_dies_with_its_supervisor() {
    let build = Build::new();
    let time = long_time();
    let script = format!("setsid -f sleep {time}; echo begun; sleep {time}");
    let mut running = build.start(build.in_container(&script));
    until_output(&mut running, "begun\n");
    until("both sleep", || sleepers(&time).len() == 2);
    let supervisor = Pid::from_raw(i32::try_from(running.supervisor()).unwrap()).unwrap();
    rustix::process::kill_process(supervisor, Signal::KILL).unwrap();
    end(&mut running);
    assert!(sleepers(&time).is_empty());
}

#[test]
fn a_container_leaves_nothing() {
    let build = Build::new();
    let time = long_time();
    let script = format!("setsid -f sleep {time}; sleep {time} & echo said");
    let done = build.execute(build.in_container(&script));
    assert_eq!((done.kind(), done.stdout().as_str()), (None, "said\n"));
    assert!(sleepers(&time).is_empty());
}

#[test]
fn a_flood_of_processes_is_ended() {
    let build = Build::new();
    let time = long_time();
    let script = format!("echo begun; f() {{ while :; do (sleep {time} &) ; done; }}; f & f");
    let mut running = build.start(build.shell(&script));
    until_output(&mut running, "begun\n");
    running.stop(StopReason::Cancelled).unwrap();
    end(&mut running);
    assert!(sleepers(&time).is_empty());
}
