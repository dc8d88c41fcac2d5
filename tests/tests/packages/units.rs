//! The units by systemd's own judgement.

use super::machine::Machine;
use anyhow::{Result, ensure};

/// Each unit and how exposed it may be at most, as `systemd-analyze security` counts: 10 is a unit without any
/// bound, times ten.
const EXPOSED: [(&str, u32); 4] = [
    ("ick-idp", 15),
    ("ick-controller", 15),
    ("ick-store", 15),
    ("ick-worker", 45),
];

/// They are sound, and keep their daemons from what those do not need.
pub(crate) fn are_valid_and_tight(machine: &Machine) -> Result<()> {
    for (unit, most) in EXPOSED {
        let path = format!("/usr/lib/systemd/system/{unit}.service");
        let verified = machine
            .run(&format!("systemd-analyze verify {path}"))?
            .exits(0)?;
        ensure!(verified.stderr.is_empty(), "{unit}: {}", verified.stderr);
        machine.said(&format!(
            "systemd-analyze security --no-pager --offline=yes --threshold={most} {path}"
        ))?;
    }
    Ok(())
}
