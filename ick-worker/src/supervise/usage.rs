//! What an action's processes take together: memory, and how many they are. Where control groups have
//! the controllers for that, Linux holds them to their limits; elsewhere it is asked again and again.

use super::cgroup::{self, Held};
use super::{children, signal_name};
use crate::engine::{Limits, Order, cause};
use ick_core::build::{Cause, CauseKind};
use ick_core::yaml::format_size;
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long nobody looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The same at most, when looking takes long.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// Something that becomes readable when the action takes more than it may; see [`hear`]. None when Linux
/// holds it to all that would be watched.
pub(super) fn watch(order: &Order, reaper: Pid, held: &Held) -> io::Result<Option<UnixStream>> {
    let mut limits = order.limits;
    match (held.memory, held.refusals.is_some()) {
        (true, true) => return Ok(None),
        (true, false) => limits.memory = u64::MAX,
        (false, true) => limits.processes = u64::MAX,
        (false, false) => {}
    }
    let (read, write) = UnixStream::pair()?;
    let group = order.cgroup.clone();
    thread::Builder::new()
        .name("usage".to_owned())
        .spawn(move || {
            let mut pause = PAUSE;
            loop {
                thread::sleep(pause);
                let begun = Instant::now();
                if let Some(why) = too_much(&processes(reaper, group.as_ref()), &limits) {
                    let _ = serde_json::to_writer(&write, &why);
                    return;
                }
                // Many processes are looked at less often.
                pause = (begun.elapsed() * 20).clamp(PAUSE, LONG_PAUSE);
            }
        })?;
    Ok(Some(read))
}

/// How many processes Linux has ended by now because there was no memory left for them: on the host, or
/// in a control group.
pub(super) fn ended_by_linux() -> u64 {
    let counts = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    number(&counts, "oom_kill ")
}

/// What the action took too much of.
pub(super) fn hear(told: &mut UnixStream) -> io::Result<Cause> {
    let mut text = Vec::new();
    told.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The action's processes. A control group is sure to have them all; from parent to child, one whose
/// parent ends just now may be missed.
fn processes(reaper: Pid, group: Option<&PathBuf>) -> Vec<Pid> {
    let members = group
        .map(|group| cgroup::members(group))
        .unwrap_or_default();
    if members.is_empty() {
        return children::below(reaper);
    }
    members.into_iter().filter(|pid| *pid != reaper).collect()
}

fn too_much(processes: &[Pid], limits: &Limits) -> Option<Cause> {
    let (mut memory, mut count): (u64, u64) = (0, 0);
    for pid in processes {
        let usage = Usage::of(*pid);
        memory = memory.saturating_add(usage.memory);
        count = count.saturating_add(usage.threads);
    }
    if count > limits.processes {
        return Some(killed(&format!(
            "the action had more than {} processes and threads at a time \
             (`limits.processes` in the worker's configuration)",
            limits.processes
        )));
    }
    (memory > limits.memory && shared_once(processes) > limits.memory)
        .then(|| too_much_memory(limits))
}

/// The cause of an action that Linux refused another process. A limit of the groups above its own is
/// told in the same way.
pub(super) fn refused(limits: &Limits) -> Cause {
    killed(&format!(
        "the action wanted more than the {} processes and threads that it may have at a time \
         (`limits.processes` in the worker's configuration), or more than the worker's own control group \
         may have,",
        limits.processes
    ))
}

fn killed(why: &str) -> Cause {
    let signal = Signal::KILL.as_raw();
    let detail = format!("{why} and was ended by {}", signal_name::name(signal));
    Cause {
        code: Some(signal),
        ..cause(CauseKind::Signal, detail)
    }
}

/// The cause of an action that took more memory than it may.
pub(super) fn too_much_memory(limits: &Limits) -> Cause {
    cause(
        CauseKind::Oom,
        format!(
            "the action's processes took more than {} of memory together \
             (`limits.memory` in the worker's configuration)",
            format_size(limits.memory)
        ),
    )
}

/// What all these processes take of memory, what they share counted once. It takes Linux much longer to
/// tell this.
fn shared_once(processes: &[Pid]) -> u64 {
    let shares = processes.iter().map(|pid| {
        match fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_pid())) {
            Ok(text) => bytes(&text, "Pss:") + bytes(&text, "SwapPss:"),
            // A process can forbid it.
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => Usage::of(*pid).memory,
            // It has ended.
            Err(_) => 0,
        }
    });
    shares.sum()
}

/// What one process takes.
struct Usage {
    /// Bytes in memory and in swap, whoever else has them too.
    memory: u64,
    threads: u64,
}

impl Usage {
    /// A process that has ended takes nothing.
    fn of(pid: Pid) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid()));
        let status = status.unwrap_or_default();
        Self {
            memory: bytes(&status, "VmRSS:") + bytes(&status, "VmSwap:"),
            threads: number(&status, "Threads:"),
        }
    }
}

/// A size in a file of /proc, which has it in KiB.
fn bytes(text: &str, name: &str) -> u64 {
    number(text, name).saturating_mul(1024)
}

/// The number after a name at the beginning of a line; 0 when there is none.
pub(super) fn number(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
