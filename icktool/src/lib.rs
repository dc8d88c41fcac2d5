//! Ick's command line.
//!
//! A command's way: `cli` (what can be typed) → `session` (which server, with what credentials) →
//! `commands/` → `ick-client` → `output/`. What goes wrong is an [`error::Error`], put into words in one
//! place; every exit code stands in one table, [`exit`].

pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod exit;
pub mod internal;
pub mod interrupt;
pub mod output;
pub mod project_choice;
pub mod run;
pub mod session;
pub mod up;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use error::Failure;
use exit::Exit;
use interrupt::Interrupt;
use output::{Output, style};
use session::Context;
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, says what went wrong.
pub fn main() -> ExitCode {
    if let Some(code) = internal::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    let parsed = cli::command()
        .try_get_matches()
        .and_then(|matches| cli::Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to fail.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok.into(),
                _ => Exit::Usage.into(),
            };
        }
    };
    let out = Output::new(cli.global.format, cli.global.color);
    let done = Interrupt::ends_at_once()
        .map_err(Failure::from)
        .and_then(|interrupt| {
            let context = Context {
                out,
                global: cli.global,
                interrupt,
            };
            commands::dispatch(&context, cli.command)
        });
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => report(&out, &failure).into(),
    }
}

fn report(out: &Output, failure: &Failure) -> Exit {
    let explained = failure.explain();
    if explained.words.is_empty() {
        return explained.exit;
    }
    if explained.exit == Exit::Interrupted {
        out.note(&explained.words);
        return explained.exit;
    }
    let (bad, faint) = (style::BAD, style::FAINT);
    out.say(&format!("icktool: {bad}error{bad:#}: {}", explained.words));
    if let Some(hint) = &explained.hint {
        out.say(&format!("{faint}hint:{faint:#} {hint}"));
    }
    explained.exit
}
