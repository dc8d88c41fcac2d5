//! A run: the items of one lease, one after the other, each executed, its log shipped, and reported.

use super::Shared;
use super::lease::Lease;
use super::leftover;
use super::register;
use super::ship::{Shipped, Shipper};
use super::slot::Slot;
use super::stop::Mode;
use crate::actions::{Details, DputSettings, StoreAt};
use crate::engine::{Event, Outcome, Request, RunFolder, Running, StopReason, cannot, cause};
use ick_api::controller::{NextWork, Report, WorkItem};
use ick_client::Retry;
use ick_core::build::{Cause, CauseKind};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An action that lasts longer than this has the controller asked about its lease.
const MOMENT: Duration = Duration::from_millis(150);

/// How long is waited for an action when nothing else is to be done.
const LONG: Duration = Duration::from_secs(60);

/// What became of an item.
enum Then {
    /// The run goes on with this one, or another run begins.
    Next(Box<WorkItem>),
    /// The run has ended.
    Ended,
    /// The lease is another's now.
    Lost,
    /// The worker stops, and the item stays as it is.
    Left,
}

/// How an action ended.
enum Ending {
    Outcome(Outcome),
    Lost,
    Left,
}

/// Executes a run; the first item of the next one, if the last answer had it.
pub(super) fn execute(
    shared: &Shared,
    slot: &mut Slot,
    first: Box<WorkItem>,
) -> Option<Box<WorkItem>> {
    let lease = Lease::new(&first, shared.polls.clone());
    let mut run = Run {
        shared,
        lease: Arc::clone(&lease),
        folder: shared.engine.open_run(slot.number, &first.lease),
    };
    let mut item = first;
    let next = loop {
        match run.item(slot, &item) {
            Then::Next(next) if next.lease == item.lease => {
                lease.note_item(&next);
                item = next;
            }
            Then::Next(next) => break Some(next),
            Then::Ended | Then::Lost => break None,
            Then::Left => {
                lease.end();
                return None;
            }
        }
    };
    lease.end();
    if let Ok(folder) = run.folder {
        leftover::remove(&shared.cleaner, folder);
    }
    next
}

struct Run<'a> {
    shared: &'a Shared,
    lease: Arc<Lease>,
    folder: Result<RunFolder, Cause>,
}

impl Run<'_> {
    fn item(&mut self, slot: &mut Slot, item: &WorkItem) -> Then {
        tracing::debug!(build = %item.build_id, action = item.action_id, "begins");
        self.note_time(item);
        let (ending, shipper) = match self.perform(slot, item) {
            Ok(performed) => performed,
            Err(why) => (Ending::Outcome(Outcome::failed(why)), no_log(item)),
        };
        let Some(mut shipper) = shipper else {
            return Then::Left;
        };
        match ending {
            Ending::Outcome(outcome) => {
                tracing::debug!(build = %item.build_id, action = item.action_id, ?outcome, "ended");
                self.report(item, outcome, &mut shipper)
            }
            Ending::Lost => Then::Lost,
            Ending::Left => Then::Left,
        }
    }

    /// Executes an item, or takes up what is left of it. Failing means that it was not started.
    fn perform(
        &self,
        slot: &mut Slot,
        item: &WorkItem,
    ) -> Result<(Ending, Option<Shipper>), Cause> {
        let folder = self.folder.as_ref().map_err(Clone::clone)?;
        let started = slot
            .record
            .last()
            .filter(|last| last.lease == item.lease && last.action_id == item.action_id);
        if let Some(started) = started {
            return self.take_up(slot.number, folder, item, started.log_offset);
        }
        if self.shared.stop.mode() == Mode::Down {
            return Err(StopReason::Shutdown.cause());
        }
        let always = is_always(item);
        if let Some(reason) = self.lease.reason_to_stop(always) {
            return Err(reason.cause());
        }
        let name = item.step.get("action").and_then(Value::as_str);
        if name == Some("create_workspace") {
            let made = Outcome {
                exit_code: Some(0),
                ..Outcome::default()
            };
            return Ok((Ending::Outcome(made), no_log(item)));
        }
        let request = Request::from_item(item, self.details(item)?)?;
        // A start that a crash cut off before it was recorded.
        folder.discard_action(&item.action_id)?;
        let mut running = self.shared.engine.start(folder, request, || {
            slot.record
                .start(&item.lease, &item.action_id, item.log_offset)
                .map_err(|why| cannot("record that the action is started", &why))
        })?;
        let shipper = match self.shipper(item, item.log_offset, running.folder()) {
            Ok(shipper) => shipper,
            Err(why) => {
                let _ = running.stop(StopReason::Shutdown);
                while !matches!(running.poll(LONG), Event::Ended(_)) {}
                return Err(why);
            }
        };
        Ok(self.attend(slot.number, running, shipper, always))
    }

    /// Follows an action to its end, so that others can end it.
    fn attend(
        &self,
        slot: u32,
        mut running: Running,
        mut shipper: Shipper,
        always: bool,
    ) -> (Ending, Option<Shipper>) {
        self.shared.stop.executing(slot, running.stopper());
        self.lease.executing(running.stopper(), always);
        let ending = self.follow(&mut running, &mut shipper);
        self.lease.executed();
        self.shared.stop.executed(slot);
        (ending, Some(shipper))
    }

    /// An action that was started before: it is followed while it is still supervised, else what is left of
    /// it is reported. It is never started again.
    fn take_up(
        &self,
        slot: u32,
        folder: &RunFolder,
        item: &WorkItem,
        base: u64,
    ) -> Result<(Ending, Option<Shipper>), Cause> {
        let action = folder.action(&item.action_id)?;
        if self.shared.stop.mode() == Mode::Work
            && let Some(running) = self.shared.engine.adopt(folder, &item.action_id)?
        {
            tracing::info!(build = %item.build_id, action = item.action_id, "goes on, taken over");
            let shipper = self.shipper(item, base, &action)?;
            return Ok(self.attend(slot, running, shipper, is_always(item)));
        }
        leftover::end_actions(folder.path());
        let outcome = match Outcome::read(&action) {
            Ok(Some(outcome)) => outcome,
            Ok(None) => lost("the worker was ended while it executed the action"),
            Err(why) => lost(&format!("the action's result cannot be read: {why}")),
        };
        let shipper = self.shipper(item, base, &action)?;
        Ok((Ending::Outcome(outcome), Some(shipper)))
    }

    fn shipper(&self, item: &WorkItem, base: u64, action: &Path) -> Result<Shipper, Cause> {
        Ok(Shipper::new(&item.lease, base, Some(action))
            .map_err(|why| cannot("read the action's output", &why))?
            .correcting(self.shared.clock.correction()))
    }

    /// The item says what the time is at the controller. Who lists workers is to see how it differs.
    fn note_time(&self, item: &WorkItem) {
        let Shared {
            config,
            controller,
            clock,
            ..
        } = self.shared;
        if clock.note(item.now)
            && let Err(why) = register::register(config, controller, clock)
        {
            tracing::info!("the controller was not told of this host's clock: {why}");
        }
    }

    fn details(&self, item: &WorkItem) -> Result<Value, Cause> {
        let store = &self.shared.store;
        let named = item.artifact_store.trim_end_matches('/');
        if item.store_token.is_some() && !named.is_empty() && named != store.trim_end_matches('/') {
            return Err(cause(
                CauseKind::NotAllowed,
                format!(
                    "the controller names {named} as the artifact store, and it was {store} when \
                     this worker registered: nothing is sent there; start the worker again"
                ),
            ));
        }
        let config = &self.shared.config;
        let details = Details {
            store: StoreAt::Url(store.clone()),
            ca_file: config.authorities.file().map(Path::to_owned),
            mirrors: config.state.join("mirrors"),
            git: config.git.clone(),
            allow_host: config.allows.host,
            dput: DputSettings {
                home: std::env::var_os("HOME").map(PathBuf::from),
                ..config.dput.clone()
            },
            checkout: None,
        };
        serde_json::to_value(details).map_err(|why| {
            cause(
                CauseKind::Internal,
                format!("cannot pass settings on: {why}"),
            )
        })
    }

    /// Follows an action to its end, and ships its output as it comes.
    fn follow(&self, running: &mut Running, shipper: &mut Shipper) -> Ending {
        let begun = Instant::now();
        let mut asking = false;
        // Whether there is output that the controller does not have.
        let mut output = false;
        loop {
            let mut wait = self.lease.enforce().unwrap_or(LONG).min(LONG);
            if !asking {
                wait = wait.min(MOMENT.saturating_sub(begun.elapsed()));
            }
            if output {
                wait = wait.min(shipper.pause());
            }
            match running.poll(wait) {
                Event::Output => output = true,
                Event::Nothing => {}
                Event::Ended(_) if self.lease.is_lost() => return Ending::Lost,
                Event::Ended(outcome) => return Ending::Outcome(outcome),
            }
            if self.shared.stop.mode() == Mode::Leave {
                return Ending::Left;
            }
            if !asking && begun.elapsed() >= MOMENT {
                asking = true;
                self.lease.ask(&self.shared.stop);
            }
            if let Some(token) = self.lease.fresh_token()
                && let Err(why) = running.set_token(&token)
            {
                tracing::warn!("cannot give an action its fresh store token: {why}");
            }
            if output && shipper.pause().is_zero() {
                match shipper.ship(&self.shared.controller, &self.lease) {
                    Shipped::All => output = false,
                    Shipped::Later(_) => {}
                    Shipped::Lost => {
                        // It is ended by this, and then there is nothing more to say.
                        self.lease.lose();
                        output = false;
                    }
                }
            }
        }
    }

    /// Ships the rest of the log, then reports. Tried for as long as the lease may still be ours.
    fn report(&self, item: &WorkItem, outcome: Outcome, shipper: &mut Shipper) -> Then {
        let mut report = Report {
            build_id: item.build_id.clone(),
            action_id: item.action_id.clone(),
            lease: item.lease.clone(),
            exit_code: outcome.exit_code,
            cause: outcome.cause,
            stdout: None,
            stderr: None,
            log_length: None,
            artifacts: outcome.artifacts,
            sources: outcome.sources,
            outputs: outcome.outputs,
        };
        let mut backoff = Retry::FOR_EVER.begin();
        let mut reduced = false;
        let mut refused = 0;
        loop {
            match shipper.ship(&self.shared.controller, &self.lease) {
                Shipped::All => {}
                Shipped::Lost => return Then::Lost,
                Shipped::Later(wait) => {
                    if self.shared.stop.wait_to_report(wait) {
                        continue;
                    }
                    return Then::Left;
                }
            }
            report.log_length = Some(shipper.length());
            let takes = self.shared.stop.mode() == Mode::Work && self.shared.space.is_enough();
            let error = match self.shared.controller.report(&report, takes) {
                Ok(next) => return then(next, self.shared.stop.mode()),
                Err(error) => error,
            };
            let wait = match error.status() {
                // Another length, or another's lease.
                Some(409) if refused < 3 => {
                    refused += 1;
                    match shipper.reconcile(&self.shared.controller) {
                        Shipped::All => Duration::ZERO,
                        Shipped::Later(wait) => wait,
                        Shipped::Lost => return Then::Lost,
                    }
                }
                Some(404 | 409) => {
                    tracing::info!("a report is refused: {error}");
                    return Then::Lost;
                }
                Some(400 | 413 | 422) if !reduced => {
                    tracing::error!("the controller does not take a report: {error}");
                    reduced = true;
                    report = reduce(report, &error.to_string());
                    Duration::ZERO
                }
                _ => {
                    if backoff.tries() == 0 {
                        tracing::warn!("a report waits here: {error}");
                    }
                    backoff.next_wait(error.retry_after()).unwrap_or_default()
                }
            };
            if !wait.is_zero() && !self.shared.stop.wait_to_report(wait) {
                return Then::Left;
            }
        }
    }
}

/// What is left of a report that the controller does not take.
fn reduce(report: Report, why: &str) -> Report {
    Report {
        exit_code: None,
        cause: Some(cause(
            CauseKind::Internal,
            format!("the controller did not take the worker's report: {why}"),
        )),
        artifacts: Vec::new(),
        sources: Vec::new(),
        outputs: std::collections::BTreeMap::new(),
        ..report
    }
}

fn then(next: NextWork, mode: Mode) -> Then {
    match next {
        // At the next start the controller gives it again.
        NextWork::Item(_) if mode != Mode::Work => Then::Left,
        NextWork::Item(item) => Then::Next(item),
        NextWork::Nothing => Then::Ended,
    }
}

/// Whether the action is executed also after a failure or a cancel.
fn is_always(item: &WorkItem) -> bool {
    item.step.get("when").and_then(Value::as_str) == Some("always")
}

/// For an item that writes no log.
fn no_log(item: &WorkItem) -> Option<Shipper> {
    Shipper::new(&item.lease, item.log_offset, None::<&Path>).ok()
}

fn lost(detail: &str) -> Outcome {
    Outcome::failed(cause(CauseKind::LostWorker, detail))
}
