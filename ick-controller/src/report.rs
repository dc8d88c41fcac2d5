//! A worker says how an action ended: first the log before it is made durable, then the build goes on
//! in one transaction, then those who wait learn of it, then the answer.

use crate::app::App;
use crate::handout;
use crate::idle::Slot;
use crate::leases::Lost;
use crate::logs::{self, Place};
use crate::transition::{self, Moved};
use ick_api::controller::{NextWork, Report};
use ick_core::build::{Artifact, Cause, CauseKind, Event, LeaseId, Outcome, Source};
use ick_core::name::WorkerId;
use ick_http::Refusal;

/// How much an action may report, in bytes or entries.
const MAX_DETAIL: usize = 16 << 10;
const MAX_TEXT: usize = 4096;
const MAX_ENTRIES: usize = 1000;
const MAX_OUTPUTS: usize = 64 << 10;

impl App {
    /// Takes a report, and answers with what the run has to do next. When that is nothing and `next` is
    /// wanted, the slot is given another build in the same transaction.
    ///
    /// # Errors
    /// 409 when the lease is not the worker's, or lease, build and action do not belong together, or
    /// the log has another length than the worker says.
    pub fn report(
        &self,
        worker: &WorkerId,
        report: &Report,
        next: bool,
    ) -> Result<NextWork, Refusal> {
        let outcome = outcome(report)?;
        let now = self.now();
        let lease = LeaseId::new(report.lease.as_str());
        let mut taker = None;
        if let Ok((held, _)) = self.leases.renew(&report.lease, worker, now) {
            if held.build != report.build_id {
                return Err(Refusal::conflict(format!(
                    "the lease is for build {}, not {}",
                    held.build, report.build_id
                )));
            }
            // A repeated report has nothing to add to the log.
            if held.action_id == report.action_id {
                self.log_of(report, &lease, held.attempt)?;
            }
            if next {
                let slot = Slot {
                    worker: worker.clone(),
                    slot: held.slot,
                };
                let free = self.taker(&slot, now);
                taker = free
                    .map(|taker| handout::new_lease().map(|lease| (taker, lease)))
                    .transpose()?;
            }
        }
        let event = Event::Report {
            lease: lease.clone(),
            action_id: report.action_id.clone(),
            outcome: Box::new(outcome),
        };
        let (moved, taken) = self.state.write(|tx| {
            let build = tx.build(&report.build_id)?;
            let build = build
                .filter(|build| {
                    let lease = build.state.lease(&lease);
                    lease.is_some_and(|lease| lease.worker == *worker)
                })
                .ok_or(Lost)?;
            let happen = || {
                let moved = transition::happen(tx, build, event, now)?;
                let taken = match taker {
                    Some((taker, next)) if !has(&moved, &lease) => {
                        handout::take(tx, &taker, &next, now)?
                    }
                    _ => Vec::new(),
                };
                Ok((moved, taken))
            };
            happen().map_err(|stuck| self.stuck(stuck))
        })?;
        self.settle(&moved);
        for one in &taken {
            self.settle(one);
        }
        if has(&moved, &lease) {
            return self.item(&moved.build, &moved.terms);
        }
        match taken.last() {
            Some(one) => self.item(&one.build, &one.terms),
            None => Ok(NextWork::Nothing),
        }
    }

    /// Appends the text of a report, compares the log's length, and makes the log durable.
    fn log_of(&self, report: &Report, lease: &LeaseId, attempt: u32) -> Result<(), Refusal> {
        let place = Place {
            build: &report.build_id,
            lease,
            attempt,
            action_id: &report.action_id,
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        self.logs.append_report(
            &place,
            &text(&report.stdout),
            &text(&report.stderr),
            report.log_length,
            self.now(),
        )?;
        self.logs.sync(&report.build_id)?;
        Ok(())
    }
}

/// Whether a build goes on under this lease.
fn has(moved: &Moved, lease: &LeaseId) -> bool {
    let held = moved.build.state.lease.as_ref();
    held.is_some_and(|held| held.id == *lease)
}

impl From<logs::Error> for Refusal {
    fn from(error: logs::Error) -> Self {
        use logs::Error;
        match error {
            Error::WrongOffset { length } => Self::wrong_offset(error.to_string(), length),
            Error::Frames(_) => Self::bad_request(error.to_string()),
            Error::TooLarge => Self::too_large(ick_api::logframe::MAX_BODY as u64),
            Error::Full(why) => Self::no_room(why),
            Error::Lost => Self::conflict(error.to_string()),
            Error::Deleted => Self::not_found(error.to_string()),
            Error::Io(_) => Self::internal(&error),
        }
    }
}

/// What a report says, checked.
fn outcome(report: &Report) -> Result<Outcome, Refusal> {
    let wrong = |what: String| Err(Refusal::unprocessable(what));
    match (&report.cause, report.exit_code) {
        (None, None) => {
            return wrong("a report has an exit_code, or a cause why there is none".to_owned());
        }
        (Some(cause), Some(code)) if cause.kind != CauseKind::Exit => {
            return wrong(format!(
                "a report with the cause {} has no exit_code, and this one has {code}",
                cause.kind
            ));
        }
        (Some(cause), Some(0)) if cause.kind == CauseKind::Exit => {
            return wrong("the exit_code 0 is no cause of failure".to_owned());
        }
        (Some(cause), None) if cause.kind == CauseKind::Exit && cause.code.is_none() => {
            return wrong("a report with the cause exit has an exit_code".to_owned());
        }
        _ => {}
    }
    if let Some(cause) = &report.cause
        && cause.detail.len() > MAX_DETAIL
    {
        return wrong(format!("a cause's detail has at most {MAX_DETAIL} bytes"));
    }
    if report.artifacts.len() > MAX_ENTRIES || report.sources.len() > MAX_ENTRIES {
        return wrong(format!(
            "an action reports at most {MAX_ENTRIES} artifacts and as many sources"
        ));
    }
    let long = |text: &str| text.len() > MAX_TEXT;
    if report.sources.iter().any(|source| {
        long(&source.dir)
            || long(&source.url)
            || long(&source.commit)
            || source.git_ref.as_deref().is_some_and(long)
    }) {
        return wrong(format!(
            "each text of a source has at most {MAX_TEXT} bytes"
        ));
    }
    let outputs: usize = report
        .outputs
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    if outputs > MAX_OUTPUTS {
        return wrong(format!(
            "the outputs of an action have at most {MAX_OUTPUTS} bytes"
        ));
    }
    let exit_code = match (report.exit_code, &report.cause) {
        (None, Some(cause)) if cause.kind == CauseKind::Exit => cause.code,
        (code, _) => code,
    };
    Ok(Outcome {
        exit_code,
        cause: report.cause.clone().map(|cause| Cause {
            code: cause.code.or(match cause.kind {
                CauseKind::Exit => report.exit_code,
                _ => None,
            }),
            ..cause
        }),
        artifacts: report
            .artifacts
            .iter()
            .map(|one| Artifact {
                name: one.name.clone(),
                digest: one.digest,
                size: one.size,
            })
            .collect(),
        sources: report
            .sources
            .iter()
            .map(|one| Source {
                dir: one.dir.clone(),
                url: one.url.clone(),
                git_ref: one.git_ref.clone(),
                commit: one.commit.clone(),
            })
            .collect(),
        outputs: report.outputs.clone(),
    })
}
