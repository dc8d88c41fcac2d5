//! Two hosts: an Ick on the first, and what the second one's worker does.

use crate::host::{FIRST, Host};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, eventually};

/// What `icktool up` calls its worker.
pub(crate) const FIRST_WORKER: &str = "worker-1";

/// The second worker.
pub(crate) const SECOND_WORKER: &str = "second";

/// An Ick that the second host reaches, with one slot.
pub(crate) fn up(ick: &Ick) -> Result<()> {
    ick.run(&[
        "up",
        "--detach",
        "--port",
        "0",
        "--slots",
        "1",
        "--address",
        FIRST,
    ])?
    .exits(0)?;
    Ok(())
}

/// Makes the second host a worker, with what `create-worker` prints and nothing else.
pub(crate) fn join(ick: &Ick, host: &mut Host) -> Result<()> {
    let made = ick
        .run(&["create-worker", SECOND_WORKER, "--allow-host"])?
        .exits(0)?;
    ensure!(
        !made.stderr.contains("only this machine"),
        "{}",
        made.stderr
    );
    host.paste(&made.stdout)?;
    eventually("the second worker to register", || {
        let shown = ick.run(&["show-worker", SECOND_WORKER])?;
        Ok((shown.code == Some(0)).then_some(()))
    })
    .with_context(|| host.said().unwrap_or_default())
}

/// The line about a worker in what `list-workers` prints.
pub(crate) fn listed(ick: &Ick, worker: &str) -> Result<String> {
    let list = ick.run(&["list-workers"])?.exits(0)?.stdout;
    let line = list.lines().find(|line| line.starts_with(worker));
    line.map(str::to_owned).with_context(|| list.clone())
}
