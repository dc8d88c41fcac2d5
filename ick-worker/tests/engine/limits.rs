//! What an action may take of the host, and how it ends when it takes more.

use crate::build::{Build, Done, finish, long_time, processes_with, sleepers, until_output};
use ick_core::build::{Cause, CauseKind};
use ick_worker::engine::{Limits, Program, Request, StopReason};

const MIB: u64 = 1 << 20;

fn limited(change: impl FnOnce(&mut Limits)) -> Build {
    Build::with(|config| change(&mut config.limits))
}

/// The same script on the host and in a container.
fn everywhere(build: &Build, script: &str) -> [Request; 2] {
    [build.shell(script), build.in_container(script)]
}

fn python_everywhere(build: &Build, script: &str) -> [Request; 2] {
    let mut contained = build.in_container("");
    contained.program = Program::Python(script.to_owned());
    [build.python(script), contained]
}

fn cause(done: &Done) -> Cause {
    done.outcome.cause.clone().expect("it succeeded")
}

#[test]
fn who_takes_too_much_memory_is_killed() {
    let build = limited(|limits| limits.memory = 64 * MIB);
    let mark = long_time();
    // Much more than it may, and no more than any machine has.
    let script = format!(
        "import time\nprint('begun', flush=True)\nheld = [bytearray(b'x') * (8 << 20) for _ in range(24)]\n\
         time.sleep({mark})"
    );
    for request in python_everywhere(&build, &script) {
        let done = build.execute(request);
        let why = cause(&done);
        assert_eq!(why.kind, CauseKind::Oom, "{} {}", why.detail, done.text());
        assert_eq!(
            why.detail,
            "the action's processes took more than 64MiB of memory together (`limits.memory` in the \
             worker's configuration)"
        );
        assert_eq!(
            (done.outcome.exit_code, done.text().as_str()),
            (None, "begun\n")
        );
    }
}

#[test]
fn the_memory_of_all_processes_counts() {
    let build = limited(|limits| limits.memory = 96 * MIB);
    let mark = long_time();
    // Each of them may; they do not want to end, and are children of a thread, or of nobody.
    let script = format!(
        "trap '' TERM\n\
         hold=\"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         held = bytearray(b'x') * (32 << 20); time.sleep({mark})\"\n\
         python3 -c \"$hold\" &\n\
         setsid -f python3 -c \"$hold\"\n\
         python3 -c \"import subprocess, sys, threading\n\
         threading.Thread(target=subprocess.call, args=(['python3', '-c', sys.argv[1]],)).start()\" \"$hold\" &\n\
         wait; sleep {mark}"
    );
    for request in everywhere(&build, &script) {
        let done = build.execute(request);
        let why = cause(&done);
        assert_eq!(why.kind, CauseKind::Oom, "{} {}", why.detail, done.text());
        assert!(processes_with(&mark).is_empty());
    }
}

#[test]
fn shared_memory_counts_once() {
    let build = limited(|limits| limits.memory = 160 * MIB);
    // Four times 64 MiB, of which there is one; long enough to be looked at.
    let script = "import os, time\nheld = bytearray(b'x') * (64 << 20)\n\
                  os.fork(); os.fork()\n\
                  time.sleep(1)";
    for request in python_everywhere(&build, script) {
        let done = build.execute(request);
        assert_eq!(done.outcome.cause, None, "{}", done.text());
    }
}

#[test]
fn who_starts_too_many_processes_is_killed() {
    let build = limited(|limits| limits.processes = 40);
    let time = long_time();
    let many = format!("for i in $(seq 120); do sleep {time} & done; wait");
    let bomb =
        format!("left=120; bomb() {{ sleep {time} & (( left-- > 0 )) && (bomb) & wait; }}; bomb");
    for script in [many, bomb] {
        for request in everywhere(&build, &script) {
            let done = build.execute(request);
            let why = cause(&done);
            assert_eq!(
                (why.kind, why.code),
                (CauseKind::Signal, Some(9)),
                "{} {}",
                why.detail,
                done.text()
            );
            let expected = match build.engine.kept().processes {
                true => {
                    "the action wanted more than the 40 processes and threads that it may have at a time \
                     (`limits.processes` in the worker's configuration), or more than the worker's own \
                     control group may have, and was ended by signal 9, SIGKILL"
                }
                false => {
                    "the action had more than 40 processes and threads at a time (`limits.processes` in \
                     the worker's configuration) and was ended by signal 9, SIGKILL"
                }
            };
            assert_eq!(why.detail, expected);
            assert!(sleepers(&time).is_empty());
        }
    }
}

#[test]
fn threads_count_as_processes() {
    let build = limited(|limits| limits.processes = 40);
    let script = "import threading, time\n\
                  for _ in range(80): threading.Thread(target=time.sleep, args=(1000,)).start()";
    for request in python_everywhere(&build, script) {
        let why = cause(&build.execute(request));
        assert_eq!(why.kind, CauseKind::Signal, "{}", why.detail);
        assert!(why.detail.contains("`limits.processes`"), "{}", why.detail);
    }
}

#[test]
fn linux_keeps_limits_where_there_are_controllers() {
    let build = limited(|limits| {
        limits.memory = 96 * MIB;
        limits.processes = 40;
    });
    let kept = build.engine.kept();
    // Set where they must be there: see scripts/boot-in-qemu.
    if std::env::var_os("ICK_TEST_CONTROLLERS").is_some() {
        assert!(kept.memory && kept.processes, "{}", build.engine.limits());
    }
    let group = "/proc/self/cgroup";
    let mut running = build.start(build.shell(&format!("sed -n s/^0:://p {group}; sleep 1000")));
    let text = until_output(&mut running, "\n");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let mount = mount.and_then(|line| line.split(' ').nth(4));
    let group = format!("{}{}", mount.unwrap_or("/nowhere"), text.trim());
    let value = |file| std::fs::read_to_string(format!("{group}/{file}")).unwrap_or_default();
    let set = |kept: bool, value: &'static str| if kept { value } else { "" };
    for (file, expected) in [
        ("memory.max", set(kept.memory, "100663296\n")),
        ("memory.oom.group", set(kept.memory, "1\n")),
        ("pids.max", set(kept.processes, "41\n")),
    ] {
        assert_eq!(value(file), expected, "{group}/{file}");
    }
    running.stop(StopReason::Cancelled).unwrap();
    assert_eq!(finish(running).kind(), Some(CauseKind::Cancelled));
}

#[test]
fn open_files_have_a_limit() {
    let build = limited(|limits| limits.open_files = 100);
    let script = "held = [open('/dev/null') for _ in range(1000)]";
    for request in python_everywhere(&build, script) {
        let done = build.execute(request);
        let why = cause(&done);
        assert_eq!(
            (why.kind, why.code),
            (CauseKind::Exit, Some(1)),
            "{}",
            done.text()
        );
        assert_eq!(
            why.detail,
            "ended with exit code 1; a process may have 100 files open (`limits.open_files` in the \
             worker's configuration)"
        );
        assert!(
            done.stderr().contains("Too many open files"),
            "{}",
            done.text()
        );
    }
}

#[test]
fn files_have_a_limit() {
    let build = limited(|limits| limits.file_size = 2 * MIB);
    let told = "; a file may have 2MiB (`limits.file_size` in the worker's configuration)";
    for request in everywhere(&build, "head -c 3000000 /dev/zero >big") {
        let done = build.execute(request);
        let why = cause(&done);
        assert_eq!(
            (why.kind, why.code),
            (CauseKind::Exit, Some(153)),
            "{}",
            done.text()
        );
        assert!(why.detail.ends_with(told), "{}", why.detail);
        assert_eq!(build.file("big").metadata().unwrap().len(), 2 * MIB);
        std::fs::remove_file(build.file("big")).unwrap();
    }
    for script in [
        "open('sparse', 'w').truncate(1 << 40)",
        "import os; fd = os.memfd_create('m'); os.truncate(fd, 1 << 40)",
    ] {
        for request in python_everywhere(&build, script) {
            let done = build.execute(request);
            let why = cause(&done);
            assert_eq!(
                why.detail,
                format!("ended with exit code 1{told}"),
                "{}",
                done.text()
            );
        }
    }
}

#[test]
fn no_container_raises_its_limits() {
    let build = limited(|limits| {
        limits.open_files = 100;
        limits.file_size = 2 * MIB;
    });
    let script =
        "ulimit -Hn; ulimit -Hf; ulimit -Hn 101 && echo raised; ulimit -Hf 2049 && echo raised; :";
    let done = build.execute(build.in_container(script));
    assert_eq!(done.stdout(), "100\n2048\n", "{}", done.text());
}

#[test]
fn a_container_of_root_has_no_more_processes_than_linux_lets_it() {
    // An ordinary user's processes are counted with all others of that user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let build = limited(|limits| limits.processes = 40);
    assert_eq!(build.stdout(build.in_container("ulimit -Hu")), "104\n");
}

#[test]
fn actions_go_before_the_worker_when_the_host_has_no_memory_left() {
    let build = Build::new();
    for request in everywhere(&build, "cat /proc/self/oom_score_adj") {
        let score: i32 = build.stdout(request).trim().parse().unwrap();
        assert!(score >= 500, "{score}");
    }
}
