//! `icktool validate`

use super::definitions::{Files, to_json};
use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::session::Context;
use ick_core::yaml::Severity;
use serde_json::json;
use std::path::PathBuf;

/// Check definition files, without a server
///
/// All that make-it-so and the controller check: every problem at once, with its file, line and column,
/// and what was probably meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool validate project.yaml
  icktool validate projects.yaml pipelines.yaml")]
pub struct Args {
    /// Definition files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When a file cannot be read or used.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let files = Files::read(&args.files)?;
    let out = &context.out;
    if out.is_json() {
        let checked = files.check();
        out.print_json(&json!({
            "errors": to_json(&checked.flaws, Severity::Error),
            "warnings": to_json(&checked.flaws, Severity::Warning),
        }))?;
        return Ok(if checked.definitions.is_some() {
            Exit::Ok
        } else {
            Exit::Usage
        });
    }
    let definitions = files.checked(out).tried(|| "use the definitions")?;
    out.note(&format!(
        "no errors: {}, {}",
        counted(definitions.projects.len(), "project"),
        counted(definitions.pipelines.len(), "pipeline")
    ));
    Ok(Exit::Ok)
}

/// A count with its noun.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
