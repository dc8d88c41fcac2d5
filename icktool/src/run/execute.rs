//! Executing a build's actions one after the other, and showing what they write.

use super::brain::{self, Brain, Stuck};
use super::interrupt::Interrupts;
use crate::commands::verdict::now;
use crate::error::Error;
use crate::output::{Color, Output, sanitise, sanitise::Sanitiser, style};
use ick_api::controller::WorkItem;
use ick_api::logframe::{Stream, frames};
use ick_core::build::{Event, Outcome};
use ick_core::definition::CREATE_WORKSPACE;
use ick_worker::actions::Details;
use ick_worker::engine::{self, Engine, LOG_LIMIT, Request, RunFolder, Running, StopReason};
use ick_worker::spool;
use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

/// How much of the log is read at a time.
const PIECE: usize = 1 << 17;

/// What a build is executed with.
pub struct Execution<'a> {
    /// Executes actions.
    pub engine: &'a Engine,
    /// The run's folder.
    pub run: &'a RunFolder,
    /// What built-in actions must know.
    pub details: &'a Details,
    /// Ctrl-C.
    pub interrupts: &'a Interrupts,
    /// Shows the log.
    pub log: Log,
    /// Whether a shell is opened where an action failed.
    shell_on_failure: bool,
    /// How many signals the brain knows of.
    cancels: u32,
}

impl From<Stuck> for Error {
    fn from(stuck: Stuck) -> Self {
        Self::Other(format!(
            "the build cannot go on: {stuck}; this is a mistake in Ick"
        ))
    }
}

impl<'a> Execution<'a> {
    /// Ready to execute.
    pub fn new(
        engine: &'a Engine,
        run: &'a RunFolder,
        details: &'a Details,
        interrupts: &'a Interrupts,
        log: Log,
        shell_on_failure: bool,
    ) -> Self {
        Self {
            engine,
            run,
            details,
            interrupts,
            log,
            shell_on_failure,
            cancels: 0,
        }
    }

    /// Executes the build to its end.
    ///
    /// # Errors
    /// When the log cannot be shown, or the state machine refuses.
    pub fn to_the_end(&mut self, brain: &mut Brain) -> Result<(), Error> {
        loop {
            self.pass_cancels(brain)?;
            let Some(item) = brain.next(LOG_LIMIT.saturating_sub(self.log.shown))? else {
                return Ok(());
            };
            let outcome = self.execute(brain, &item)?;
            self.pass_cancels(brain)?;
            if self.shell_on_failure && self.cancels == 0 {
                self.offer_shell(&item, &outcome)?;
            }
            brain.report(&item.action_id, outcome)?;
        }
    }

    /// Opens a shell where an action failed. There is none where it was never started.
    fn offer_shell(&mut self, item: &WorkItem, outcome: &Outcome) -> Result<(), Error> {
        let (Some(cause), Ok(folder)) = (&outcome.cause, self.run.action(&item.action_id)) else {
            return Ok(());
        };
        if !engine::was_started(&folder) {
            return Ok(());
        }
        self.log.finish()?;
        let out = &self.log.out;
        out.note(&format!(
            "action {} failed: {}; this is a shell where it did, and `exit` goes on",
            item.action_id,
            sanitise::line(&cause.detail)
        ));
        let failed = |why: io::Error| Error::Other(format!("cannot open a shell: {why}"));
        let own = std::env::current_exe().map_err(failed)?;
        let mut shell = Command::new(own);
        let shell = shell.arg(ick_worker::words::SHELL).arg(folder);
        if !shell.status().map_err(failed)?.success() {
            out.warn("there was no shell; the build goes on");
        }
        Ok(())
    }

    /// Tells the state machine about signals that came.
    fn pass_cancels(&mut self, brain: &mut Brain) -> Result<(), Error> {
        while self.cancels < self.interrupts.count() {
            self.cancels += 1;
            brain.happen(Event::Cancel)?;
        }
        Ok(())
    }

    fn execute(&mut self, brain: &mut Brain, item: &WorkItem) -> Result<Outcome, Error> {
        let built_in = item.step.get("action").and_then(|name| name.as_str());
        if built_in == Some(CREATE_WORKSPACE) {
            // The run's folder was opened with an empty one.
            return Ok(Outcome::exited(0));
        }
        let details =
            serde_json::to_value(self.details).map_err(|e| Error::Other(e.to_string()))?;
        let request = match Request::from_item(item, details) {
            Ok(request) => request,
            Err(cause) => return Ok(Outcome::failed(cause)),
        };
        match self.engine.start(self.run, request, || Ok(())) {
            Ok(mut running) => {
                self.interrupts.guard(Some(running.stopper()), self.cancels);
                let outcome = self.follow(brain, &mut running);
                self.interrupts.guard(None, 0);
                if outcome.is_err() {
                    end(&mut running);
                }
                outcome
            }
            Err(cause) => Ok(Outcome::failed(cause)),
        }
    }

    fn follow(&mut self, brain: &mut Brain, running: &mut Running) -> Result<Outcome, Error> {
        let failed =
            |why: io::Error| Error::Other(format!("cannot read the action's output: {why}"));
        let mut spool = running.spool().map_err(failed)?;
        let mut late = false;
        loop {
            let left = brain.deadline().since(now());
            if left.is_zero() && !late {
                late = true;
                running.stop(StopReason::BuildTimeout).map_err(failed)?;
            }
            let patience = if late {
                Duration::from_secs(3600)
            } else {
                left
            };
            let event = running.poll(patience);
            self.pass_cancels(brain)?;
            self.drain(&mut spool)?;
            if let engine::Event::Ended(outcome) = event {
                return Ok(brain::outcome(outcome));
            }
        }
    }

    fn drain(&mut self, spool: &mut spool::Reader) -> Result<(), Error> {
        let failed = |why: String| Error::Other(format!("cannot read the action's output: {why}"));
        loop {
            let chunk = spool.read(PIECE).map_err(|why| failed(why.to_string()))?;
            if chunk.body.is_empty() {
                return Ok(());
            }
            for frame in frames(&chunk.body) {
                let frame = frame.map_err(|why| failed(why.to_string()))?;
                self.log.show(frame.stream, frame.bytes)?;
            }
        }
    }
}

/// Ends an action that nobody follows any more, and waits until nothing of it is left.
fn end(running: &mut Running) {
    let _ = running.stop(StopReason::Cancelled);
    while !matches!(
        running.poll(Duration::from_secs(60)),
        engine::Event::Ended(_)
    ) {}
}

/// Shows the log: what actions write on stdout, Ick's own lines on stderr.
pub struct Log {
    out: Output,
    filter: Sanitiser,
    text: Vec<u8>,
    /// How many bytes were shown.
    shown: u64,
}

impl Log {
    /// Nothing shown yet.
    pub fn new(out: &Output) -> Self {
        Self {
            out: *out,
            filter: Sanitiser::new(out.color != Color::Never),
            text: Vec::new(),
            shown: 0,
        }
    }

    fn show(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Error> {
        if stream == Stream::Ick {
            let faint = style::FAINT;
            for line in String::from_utf8_lossy(bytes).lines() {
                self.out
                    .say(&format!("{faint}ick: {}{faint:#}", sanitise::line(line)));
            }
            return Ok(());
        }
        self.shown += bytes.len() as u64;
        self.text.clear();
        self.filter.push(bytes, &mut self.text);
        self.write()
    }

    /// Shows what was held back.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.text.clear();
        self.filter.finish(&mut self.text);
        self.write()
    }

    /// With `--format json`, stdout is for the build alone.
    fn write(&mut self) -> Result<(), Error> {
        if self.out.is_json() {
            let _ = io::stderr().write_all(&self.text);
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(&self.text)
            .and_then(|()| stdout.flush())
            .map_err(Error::Output)
    }
}
