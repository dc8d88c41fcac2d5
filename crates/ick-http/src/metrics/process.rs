//! The process itself, under the names that Prometheus has for it in every language.

use super::Figures;
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// In what Linux tells the time that a process has used; the same on every machine that Ick runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// Registers what is told of the process, whose names have nothing before them.
pub(super) fn look() -> impl Fn(&mut Figures<'_, '_>) -> fmt::Result + Send + Sync + 'static {
    // This is called when the process begins, and close enough.
    let begun = SystemTime::now().duration_since(UNIX_EPOCH);
    let begun = begun.unwrap_or_default().as_secs_f64();
    move |figures| {
        figures.gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            begun,
        )?;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |field| field_of(&status, field).map(|kib| kib * 1024);
        if let Some(bytes) = kib("VmRSS:") {
            let help = "Memory that the process has in RAM";
            figures.number("process_resident_memory_bytes", help, bytes)?;
        }
        if let Some(bytes) = kib("VmSize:") {
            let help = "Addresses that the process has in use";
            figures.number("process_virtual_memory_bytes", help, bytes)?;
        }
        if let Some(threads) = field_of(&status, "Threads:") {
            figures.number("process_threads", "Threads of the process", threads)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The look itself has one open.
            let open = open.count().saturating_sub(1) as u64;
            figures.number("process_open_fds", "Files that the process has open", open)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            let help = "Files that it may have open";
            figures.number("process_max_fds", help, most)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time that the process has used";
            figures.sum("process_cpu_seconds", help, seconds)?;
        }
        Ok(())
    }
}

fn field_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// utime and stime, fields 14 and 15 of proc(5).
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which may have anything in it, ends at the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_A_SECOND)
}
