//! Why a build is not starting, in words.

use super::{Candidate, Need, Needs, Unfit, fit};
use crate::name::WorkerId;
use std::fmt;

/// Why a build waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// There is no worker at all.
    NoWorker,
    /// No registered worker allows all that it needs.
    NoneAllows(Vec<Need>),
    /// Every worker that could have it is drained.
    Drained(Vec<WorkerId>),
    /// No worker that could have it has been heard of lately.
    Absent(Vec<WorkerId>),
    /// Every worker that could have it is busy.
    Busy(Vec<WorkerId>),
    /// Only the worker on which it was lost is left; it will get it.
    OnlyAvoided(WorkerId),
    /// This worker is free: it will take it at once.
    Free(WorkerId),
}

/// Looks at all workers and says why the build waits.
pub fn why_waiting<'a>(
    needs: Needs,
    avoid: Option<&WorkerId>,
    workers: impl IntoIterator<Item = &'a Candidate>,
) -> Waiting {
    let mut any = false;
    let mut forbidden = Vec::new();
    let (mut drained, mut absent, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    let mut avoided = None;
    for one in workers {
        any = true;
        let worker = one.worker.clone();
        match fit(needs, avoid, one) {
            Ok(()) => return Waiting::Free(worker),
            Err(Unfit::NotAllowed(_)) => {
                forbidden.extend(needs.each().filter(|need| !one.allows.has(*need)));
            }
            Err(Unfit::Drained) => drained.push(worker),
            Err(Unfit::Absent) => absent.push(worker),
            Err(Unfit::Busy) => busy.push(worker),
            Err(Unfit::Avoided) => avoided = Some(one),
        }
    }
    if !any {
        return Waiting::NoWorker;
    }
    if !busy.is_empty() {
        busy.extend(avoided.map(|one| one.worker.clone()));
        return Waiting::Busy(busy);
    }
    if let Some(one) = avoided {
        let worker = one.worker.clone();
        return match fit(needs, None, one) {
            Ok(()) => Waiting::OnlyAvoided(worker),
            Err(_) => Waiting::Busy(vec![worker]),
        };
    }
    if !absent.is_empty() {
        return Waiting::Absent(absent);
    }
    if !drained.is_empty() {
        return Waiting::Drained(drained);
    }
    forbidden.sort_unstable();
    forbidden.dedup();
    Waiting::NoneAllows(forbidden)
}

/// A few names, and how many more there are.
struct Names<'a>(&'a [WorkerId]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (place, name) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker => f.write_str("no worker is registered: start one"),
            Self::NoneAllows(needs) => {
                f.write_str("no registered worker allows ")?;
                for (place, need) in needs.iter().enumerate() {
                    let separator = if place == 0 { "" } else { " together with " };
                    write!(f, "{separator}{need}")?;
                }
                f.write_str(": allow it in a worker's configuration (allow_host, allow_chroot, allow_network), or change the pipeline")
            }
            Self::Drained(workers) => write!(
                f,
                "every worker that could take it is drained ({}): resume one",
                Names(workers)
            ),
            Self::Absent(workers) => write!(
                f,
                "no worker that could take it has been heard of lately ({}): is it running?",
                Names(workers)
            ),
            Self::Busy(workers) => write!(
                f,
                "every worker that could take it is busy ({})",
                Names(workers)
            ),
            Self::OnlyAvoided(worker) => write!(
                f,
                "it was lost on {worker}, and no other worker could take it: it goes to {worker} again"
            ),
            Self::Free(worker) => write!(f, "{worker} is free and takes it when it next asks"),
        }
    }
}
