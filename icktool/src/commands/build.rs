//! `icktool build`

use super::verdict;
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::{Output, sanitise::Sanitiser, style};
use crate::project_choice;
use crate::session::{Context, Session};
use ick_api::controller::{Build, Trigger};
use ick_api::logframe::Stream;
use ick_core::build::BuildStatus;
use ick_core::name::BuildId;
use serde_json::{Map, Value};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal, Write};

/// Trigger a build
///
/// Prints the build's id and returns, or waits for its end with --wait. --follow shows the log
/// meanwhile, on stderr. Ctrl-C ends the waiting, not the build.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool build --follow
  icktool build hello -p target=moon -p count:=3
  icktool build website --ref v1.2 --wait && echo it works

Exit codes with --wait: 0 the build is done, 1 it failed, 3 it has no verdict.")]
pub struct Args {
    /// The project; see `icktool --help` for what it means to leave it out
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
    /// A parameter for this build: NAME=TEXT, or NAME:=JSON; can be given several times
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// The git branch or tag to build
    #[arg(long = "ref", value_name = "REF")]
    git_ref: Option<String>,
    /// The git commit to build
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The same key means the same build, however often it is asked for; one is drawn when left out
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    idempotency_key: Option<String>,
    /// Wait for the build's end
    #[arg(long)]
    wait: bool,
    /// Show the log while waiting for the build's end
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Does it.
///
/// # Errors
/// When there is no build; how a build ended is no error.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let parameters = parameters(&args.parameters)?;
    let session = context.connect()?;
    let project = project_choice::choose(args.project.as_deref(), &session)?;
    let trigger = Trigger {
        parameters,
        git_ref: args.git_ref.clone(),
        commit: args.commit.clone(),
        reason: args.reason.clone(),
    };
    let build = session
        .controller
        .trigger(&project, &trigger, args.idempotency_key.as_deref())
        .tried(|| format!("trigger a build of {project}"))?
        .build;
    let waits = args.wait || args.follow;
    let out = &context.out;
    if !out.is_json() {
        print_id(out, &build.build_id, waits)?;
    }
    if let Some(why) = &build.waiting {
        out.note(&format!(
            "{} waits: {}",
            build.build_id,
            crate::output::sanitise::line(why)
        ));
    }
    if !waits {
        if out.is_json() {
            out.print_json(&build)?;
        }
        return Ok(Exit::Ok);
    }
    leave_on_interrupt(out, &build.build_id)?;
    context.interrupt.is_heard();
    let ended = wait(out, &session, &build.build_id, args.follow)
        .tried(|| format!("wait for {}", build.build_id))?;
    if out.is_json() {
        out.print_json(&ended)?;
    }
    if args.follow || ended.cause.is_some() {
        out.note(&verdict::line(&ended));
    }
    if ended.status == BuildStatus::Failed && !args.follow {
        out.note(&format!(
            "see `icktool show-log {} --failed`",
            ended.build_id
        ));
    }
    Ok(verdict::exit(&ended))
}

/// The id, alone, on stdout. Who waits gets the build's exit code, also when nobody reads the id.
fn print_id(out: &Output, id: &BuildId, waits: bool) -> Result<(), Error> {
    match out.print(&format!("{id}\n")) {
        Err(Error::Output(error)) if waits && error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Parameters from the command line: `NAME=TEXT` or `NAME:=JSON`.
///
/// # Errors
/// When one has another form or is given twice.
pub fn parameters(given: &[String]) -> Result<Map<String, Value>, Error> {
    let mut parameters = Map::new();
    for text in given {
        let wrong = |why: String| Error::Argument {
            argument: format!("-p {text}"),
            why,
            hint: Some("-p NAME=TEXT, or -p NAME:=JSON".to_owned()),
        };
        let (name, value) = text.split_once('=').ok_or_else(|| {
            wrong("a parameter has a \"=\" between its name and its value".to_owned())
        })?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => {
                let value = serde_json::from_str(value)
                    .map_err(|error| wrong(format!("the value is no JSON: {error}")))?;
                (name, value)
            }
            None => (name, Value::from(value)),
        };
        name.parse::<ick_core::name::ParameterName>()
            .map_err(|error| wrong(error.to_string()))?;
        if parameters.insert(name.to_owned(), value).is_some() {
            return Err(wrong(format!("the parameter {name} is given twice")));
        }
    }
    Ok(parameters)
}

/// What can be the value of a header, as the controller takes it.
fn idempotency_key(text: &str) -> Result<String, &'static str> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("a key has 1 to 200 visible ASCII characters"),
    }
}

/// From here on Ctrl-C ends the waiting, says how to cancel the build, and leaves it running.
///
/// # Errors
/// When signals cannot be listened for.
fn leave_on_interrupt(out: &Output, build: &BuildId) -> Result<(), Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Error::Other(format!("cannot listen for signals: {error}")))?;
    let (out, build) = (*out, build.clone());
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            out.note(&format!(
                "{build} goes on; to cancel it: icktool cancel-build {build}"
            ));
            std::process::exit(Exit::Interrupted.code().into());
        }
    });
    Ok(())
}

/// Waits for a build's end, and shows its log meanwhile if that is wanted.
///
/// # Errors
/// Those of the calls.
pub fn wait(out: &Output, session: &Session, id: &BuildId, follow: bool) -> Result<Build, Failure> {
    if follow {
        show(out, session, id)?;
    }
    Ok(session.controller.ended_build(id)?)
}

/// Shows the log on stderr until the build has ended; at a terminal Ick's own lines too, as progress.
fn show(out: &Output, session: &Session, id: &BuildId) -> Result<(), Failure> {
    if io::stderr().is_terminal() {
        return show_records(out, session, id);
    }
    let mut filter = Sanitiser::new(out.color != crate::output::Color::Never);
    let mut log = session.controller.follow_log(id, 0);
    let mut buffer = vec![0; 1 << 16];
    let mut text = Vec::new();
    loop {
        let count = log.next(&mut buffer)?;
        text.clear();
        match count {
            0 => filter.finish(&mut text),
            count => filter.push(&buffer[..count], &mut text),
        }
        let _ = io::stderr().write_all(&text);
        if count == 0 {
            return Ok(());
        }
    }
}

fn show_records(out: &Output, session: &Session, id: &BuildId) -> Result<(), Failure> {
    let colour = out.color != crate::output::Color::Never;
    let mut filter = Sanitiser::new(colour);
    let mut text = Vec::new();
    let mut line_open = false;
    for record in session.controller.log_records(id, 0, true) {
        let record = record?;
        text.clear();
        let bytes = super::show_log::bytes(&record);
        if record.stream == Stream::Ick {
            if line_open {
                text.push(b'\n');
            }
            let faint = style::FAINT;
            for line in String::from_utf8_lossy(&bytes).lines() {
                let line = crate::output::sanitise::line(line);
                let _ = writeln!(text, "{faint}ick: {line}{faint:#}");
            }
            line_open = false;
            let _ = out.stderr().write_all(&text);
        } else {
            filter.push(&bytes, &mut text);
            line_open = text.last().map_or(line_open, |last| *last != b'\n');
            // The log's own colours are kept, wherever they go.
            let _ = io::stderr().write_all(&text);
        }
    }
    text.clear();
    filter.finish(&mut text);
    if filter.is_coloured() && out.colours_messages() {
        text.extend_from_slice(b"\x1b[0m");
    }
    if line_open {
        text.push(b'\n');
    }
    let _ = io::stderr().write_all(&text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_by_table() {
        for (text, fits) in [
            ("k", true),
            (&"k".repeat(200), true),
            (&"k".repeat(201), false),
            ("", false),
            ("a b", false),
            ("a\nb", false),
            ("ä", false),
        ] {
            assert_eq!(idempotency_key(text).is_ok(), fits, "{text:?}");
        }
    }

    fn given(texts: &[&str]) -> Result<Value, String> {
        let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        parameters(&texts)
            .map(Value::Object)
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn parameters_by_table() {
        assert_eq!(
            given(&["a=1", "b:=1", "c=x=y", "d:={\"e\": [true]}", "f="]),
            Ok(json!({"a": "1", "b": 1, "c": "x=y", "d": {"e": [true]}, "f": ""}))
        );
        for wrong in [
            &["a"][..],
            &["=1"],
            &["a:=nonsense"],
            &["9=1"],
            &["a=1", "a=2"],
        ] {
            assert!(given(wrong).is_err(), "{wrong:?}");
        }
    }
}
