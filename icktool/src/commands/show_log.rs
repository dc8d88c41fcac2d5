//! `icktool show-log`
//!
//! On stdout stands what the actions wrote, and nothing else; Ick's own lines go to stderr.

use super::verdict;
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::{Color, sanitise::Sanitiser, style};
use crate::project_choice;
use crate::session::{Context, Session, name};
use base64::Engine;
use ick_api::controller::{Build, LogRecord};
use ick_api::logframe::Stream;
use ick_client::LogPart;
use ick_core::build::ActionStatus;
use ick_core::name::{BuildId, ProjectName};
use ick_core::time::Timestamp;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

/// How long a follower waits for a controller that is away when it begins.
const PATIENCE: Duration = Duration::from_secs(10);

/// Show what a build wrote
///
/// What could move the cursor or change the terminal is made harmless, wherever the output goes; colour
/// stays. --raw shows exactly the bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool show-log              the latest build of the project of this folder
  icktool show-log hello/3
  icktool show-log hello -f     as it is written, until the build has ended
  icktool show-log hello --failed")]
pub struct Args {
    /// The build, like hello/3, or a project for its latest build; see `icktool --help` for what it
    /// means to leave it out
    #[arg(value_name = "BUILD | PROJECT")]
    of: Option<String>,
    /// Go on until the build has ended
    #[arg(short, long)]
    follow: bool,
    /// Exactly the bytes
    #[arg(long)]
    raw: bool,
    /// Begin each line with the time at which it was written
    #[arg(long)]
    timestamps: bool,
    /// Only what this action wrote; `show-build` lists them
    #[arg(long, value_name = "ID", conflicts_with = "failed")]
    action: Option<String>,
    /// Only what failed actions wrote
    #[arg(long, conflicts_with = "follow")]
    failed: bool,
}

/// The build that is meant by a build's id, a project, or nothing.
///
/// # Errors
/// When there is none.
pub fn choose_build(given: Option<&str>, session: &Session) -> Result<BuildId, Failure> {
    let looks_like_build = given
        .and_then(|text| text.rsplit_once('/'))
        .is_some_and(|(_, last)| is_number(last));
    if let (Some(text), true) = (given, looks_like_build) {
        return Ok(name(text, "a build")?);
    }
    let project: ProjectName = project_choice::choose(given, session)?;
    let latest = session
        .controller
        .builds_of(&project, Some(1))
        .tried(|| format!("find the latest build of {project}"))?;
    match latest.into_iter().next() {
        Some(build) => Ok(build.build_id),
        None => Err(Error::NoBuild {
            project: project.to_string(),
        }
        .into()),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Does it.
///
/// # Errors
/// When there is no such build, or the controller cannot be reached.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let patience = if args.follow {
        PATIENCE
    } else {
        Duration::ZERO
    };
    let session = context.connect_within(patience)?;
    let id = choose_build(args.of.as_deref(), &session)?;
    let by_record =
        args.timestamps || args.action.is_some() || args.failed || context.out.is_json();
    let tried = || format!("show the log of {id}");
    if by_record {
        records(context, args, &session, &id).tried(tried)?;
    } else {
        text(context, args, &session, &id).tried(tried)?;
    }
    // In a pipe, a closing word would stand between results of several commands.
    if !args.raw && io::stderr().is_terminal() {
        let build = session.controller.build(&id)?;
        if build.cause.is_some() {
            context.out.note(&verdict::line(&build));
        }
    }
    Ok(Exit::Ok)
}

/// The log as it was written.
fn text(context: &Context, args: &Args, session: &Session, id: &BuildId) -> Result<(), Failure> {
    let mut sink = Sink::new(context, args.raw);
    let mut buffer = vec![0; 1 << 17];
    if args.follow {
        let mut log = session.controller.follow_log(id, 0);
        loop {
            match log.next(&mut buffer)? {
                0 => break,
                count => sink.write(&buffer[..count])?,
            }
        }
    } else {
        let mut log = session.controller.log(id, LogPart::default())?;
        loop {
            match log.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => sink.write(&buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::Other(format!("the connection was cut: {error}")).into());
                }
            }
        }
    }
    Ok(sink.finish()?)
}

/// The log record by record: with times, or of some actions only.
fn records(context: &Context, args: &Args, session: &Session, id: &BuildId) -> Result<(), Failure> {
    let wanted = wanted(args, session, id)?;
    let mut sink = Sink::new(context, args.raw);
    let mut begins_line = true;
    for record in session.controller.log_records(id, 0, args.follow) {
        let record = record?;
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(&record.action_id))
        {
            continue;
        }
        if context.out.is_json() {
            let mut line = serde_json::to_vec(&record).map_err(|e| Error::Other(e.to_string()))?;
            line.push(b'\n');
            sink.write_as_is(&line)?;
            continue;
        }
        let bytes = bytes(&record);
        if record.stream == Stream::Ick {
            sink.flush()?;
            own_lines(context, args, &record, &bytes);
        } else if args.timestamps {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                if begins_line {
                    sink.write(stamp(record.t).as_bytes())?;
                }
                sink.write(line)?;
                begins_line = line.ends_with(b"\n");
            }
        } else {
            sink.write(&bytes)?;
        }
    }
    Ok(sink.finish()?)
}

/// Which actions are wanted; all when none.
fn wanted(
    args: &Args,
    session: &Session,
    id: &BuildId,
) -> Result<Option<BTreeSet<String>>, Failure> {
    if args.action.is_none() && !args.failed {
        return Ok(None);
    }
    let build: Build = session.controller.build(id)?;
    if let Some(action) = &args.action {
        let known: Vec<String> = build.actions.iter().map(|a| a.action_id.clone()).collect();
        if !known.contains(action) {
            return Err(Error::NotInBuild {
                build: id.to_string(),
                what: format!("action {action}"),
                known: vec![format!("the actions {}", known.join(", "))],
            }
            .into());
        }
        return Ok(Some([action.clone()].into()));
    }
    let failed = build
        .actions
        .iter()
        .filter(|action| action.status == ActionStatus::Failed);
    Ok(Some(
        failed.map(|action| action.action_id.clone()).collect(),
    ))
}

fn stamp(time: Timestamp) -> String {
    format!("{time} ")
}

/// Ick's own lines, on stderr.
fn own_lines(context: &Context, args: &Args, record: &LogRecord, bytes: &[u8]) {
    let faint = style::FAINT;
    let time = if args.timestamps {
        stamp(record.t)
    } else {
        String::new()
    };
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = crate::output::sanitise::line(line);
        context
            .out
            .say(&format!("{faint}{time}ick: {line}{faint:#}"));
    }
}

/// The bytes of a record.
pub fn bytes(record: &LogRecord) -> Vec<u8> {
    match (&record.text, &record.base64) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(text)) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// Where the log goes: stdout, made harmless unless `--raw`.
struct Sink {
    out: io::StdoutLock<'static>,
    filter: Option<Sanitiser>,
    shown: Vec<u8>,
    terminal: bool,
}

impl Sink {
    fn new(context: &Context, raw: bool) -> Self {
        let stdout = io::stdout();
        Self {
            terminal: stdout.is_terminal(),
            out: stdout.lock(),
            filter: (!raw).then(|| Sanitiser::new(context.out.color != Color::Never)),
            shown: Vec::new(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.shown.clear();
        match &mut self.filter {
            None => self.out.write_all(bytes),
            Some(filter) => {
                filter.push(bytes, &mut self.shown);
                self.out.write_all(&self.shown)
            }
        }
        // A follower must see it now.
        .and_then(|()| self.out.flush())
        .map_err(Error::Output)
    }

    fn write_as_is(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(Error::Output)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Output)
    }

    fn finish(mut self) -> Result<(), Error> {
        if let Some(filter) = &mut self.filter {
            self.shown.clear();
            filter.finish(&mut self.shown);
            if filter.is_coloured() && self.terminal {
                self.shown.extend_from_slice(b"\x1b[0m");
            }
            self.out.write_all(&self.shown).map_err(Error::Output)?;
        }
        self.flush()
    }
}
