//! `icktool make-it-so`

use super::definitions::{Files, from_server, shown};
use super::validate::counted;
use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::style;
use crate::session::{Context, Session};
use anstyle::Style;
use ick_api::controller::{Applied, AppliedObject, DefinitionFile, MakeItSo};
use ick_core::definition::{Checked, Definitions};
use ick_core::name::PipelineName;
use ick_core::yaml::{Flaw, Severity};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

/// Apply definition files: create and change the projects and pipelines they describe
///
/// All of it or, where anything is wrong, nothing. Prints what changes. What the files do not name is
/// never touched, unless --prune says so, and then only what an earlier call with the same --set made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool make-it-so project.yaml
  icktool make-it-so project.yaml --dry-run
  icktool make-it-so ci/*.yaml --set website --prune

With --dry-run the exit code is 0 when nothing would change, and 4 when something would.")]
pub struct Args {
    /// Definition files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what an earlier call with the same --set made, and these files do not have
    #[arg(long, requires = "set")]
    prune: bool,
    /// A label for what is applied together
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
}

/// Does it.
///
/// # Errors
/// When the files are wrong, here or in the controller's eyes.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let out = &context.out;
    let files = Files::read(&args.files)?;
    let checked = files.check();
    if checked.definitions.is_none() {
        return Err(files.refused(out, &checked.flaws)).tried(|| "apply the definitions");
    }
    let session = context.connect()?;
    let request = MakeItSo {
        files: files
            .texts()
            .iter()
            .map(|(name, text)| DefinitionFile {
                name: name.clone(),
                text: text.clone(),
            })
            .collect(),
        set: args.set.clone(),
        prune: args.prune,
    };
    let applied = match session.controller.make_it_so(&request, args.dry_run) {
        Err(error) if error.status() == Some(422) => {
            let flaws = error
                .problem()
                .map(|problem| from_server(&problem.errors, Severity::Error));
            return match flaws.filter(|flaws| !flaws.is_empty()) {
                Some(flaws) => Err(files.refused(out, &flaws)).tried(|| "apply the definitions"),
                None => Err(error).tried(|| "apply the definitions"),
            };
        }
        other => other.tried(|| "apply the definitions")?,
    };
    files.warn(out, &warnings(&session, &files, &checked, &applied));
    out.result(&applied, |applied| describe(applied, args.dry_run))?;
    let changes = applied.created.len() + applied.changed.len() + applied.deleted.len();
    Ok(if args.dry_run && changes > 0 {
        Exit::WouldChange
    } else {
        Exit::Ok
    })
}

/// The controller's warnings, as it knows which pipelines exist; ours where it gives none but ours
/// could be of pipelines that exist there.
fn warnings(session: &Session, files: &Files, checked: &Checked, applied: &Applied) -> Vec<Flaw> {
    if !applied.warnings.is_empty() {
        return from_server(&applied.warnings, Severity::Warning);
    }
    if checked.flaws.is_empty() {
        return Vec::new();
    }
    let existing: BTreeSet<PipelineName> = session
        .controller
        .pipelines(None)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|pipeline| pipeline.pipeline.parse().ok())
        .collect();
    Definitions::check_against(files.texts(), &existing).flaws
}

fn describe(applied: &Applied, dry_run: bool) -> String {
    let mut text = String::new();
    let (create, change, delete) = if dry_run {
        ("would create", "would change", "would delete")
    } else {
        ("created", "changed", "deleted")
    };
    list(&mut text, &applied.created, create, style::GOOD);
    list(&mut text, &applied.changed, change, style::WARNING);
    list(&mut text, &applied.deleted, delete, style::BAD);
    if text.is_empty() {
        let _ = writeln!(
            text,
            "nothing to change: {} as described",
            counted(applied.unchanged.len(), "object")
        );
    }
    text
}

fn list(text: &mut String, objects: &[AppliedObject], what: &str, style: Style) {
    for object in objects {
        let _ = writeln!(
            text,
            "{style}{what}{style:#} {} {}",
            shown(&object.kind),
            shown(&object.name)
        );
        for line in object.diff.iter().flat_map(|diff| diff.lines()) {
            let style = match line.as_bytes().first() {
                Some(b'+') => style::GOOD,
                Some(b'-') => style::BAD,
                Some(b'@') => style::FAINT,
                _ => Style::new(),
            };
            let _ = writeln!(text, "  {style}{}{style:#}", shown(line));
        }
    }
}
