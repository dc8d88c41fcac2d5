//! Removing the packages.

use super::built::NAMES;
use super::machine::Machine;
use super::running::{ACTIONS, endless};
use anyhow::{Result, ensure};

/// No action goes on without a worker, and its build waits for another one.
pub(crate) fn of_a_worker_ends_its_actions(machine: &Machine) -> Result<()> {
    endless(machine)?;
    machine.said("apt-get remove -y ick-worker")?;
    let left = machine.said(ACTIONS)?;
    ensure!(left.is_empty(), "the action goes on: {left}");
    let status = machine.said(
        "icktool show-build endless/2 --format json | python3 -c \
         'import json, sys; b = json.load(sys.stdin); print(b[\"status\"], b[\"attempt\"])'",
    )?;
    ensure!(status == "triggered 2", "{status}");
    // What the administrator made and what was built is kept.
    machine.said("test -f /etc/ick/worker.yaml && test -d /var/lib/ick/worker")?;
    Ok(())
}

/// What there is of the packages and their users, but for logs and what the test itself has made.
const THERE: &str = "
for user in _ick-idp _ick-controller _ick-store _ick-worker; do
    find / -xdev -user $user -o -xdev -group $user
    find /proc -maxdepth 1 -user $user
done
find / -xdev \\( -name 'ick-*' -o -name icktool -o -name ick \\) -not -path '/root/*' -not -path '/var/log/*'
systemctl list-units --all --no-legend 'ick-*'";

/// Processes, files and units are gone with the packages.
pub(crate) fn of_everything_leaves_nothing(machine: &Machine) -> Result<()> {
    let before = machine.said(THERE)?;
    for part in [
        "/proc/",
        "/var/lib/ick/store/",
        "/etc/ick",
        "multi-user.target.wants/ick-idp.service",
    ] {
        ensure!(before.contains(part), "{part} is not in\n{before}");
    }
    machine.said(&format!("apt-get purge -y {}", NAMES.join(" ")))?;
    let left = machine.said(THERE)?;
    ensure!(left.is_empty(), "left behind:\n{left}");
    Ok(())
}
