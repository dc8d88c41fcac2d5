//! `icktool list-builds`, `show-build`, `cancel-build`, `delete-build`

use super::show_log::choose_build;
use super::verdict;
use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::{Table, sanitise, style, table::Cell};
use crate::session::{Context, name};
use clap::builder::PossibleValuesParser;
use ick_api::controller::{Build, Builds};
use ick_client::BuildFilter;
use ick_core::build::{ActionStatus, BuildStatus};
use ick_core::name::{BuildId, ProjectName};
use std::fmt::Write;

/// List builds, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-builds
  icktool list-builds hello --status failed
  icktool list-builds --format json --limit 1000 | jq '.builds | length'")]
pub struct ListArgs {
    /// Only builds of this project
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
    /// Only builds with this status
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(
        BuildStatus::ALL.iter().map(|status| status.as_str())))]
    status: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// Show a build
///
/// What became of it and why, its actions, and what it made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool show-build hello/3
  icktool show-build hello --format json | jq .cause")]
pub struct ShowArgs {
    /// The build, like hello/3, or a project for its latest build; see `icktool --help` for what it
    /// means to leave it out
    #[arg(value_name = "BUILD | PROJECT")]
    of: Option<String>,
}

/// Cancel a build
///
/// The action that is being executed is ended; those with `when: always` have a minute in all. Once
/// more, and they are skipped too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool cancel-build hello/3")]
pub struct CancelArgs {
    /// The build
    #[arg(value_name = "BUILD")]
    build: String,
}

/// Delete a build that has ended, with its log
///
/// What it put into the artifact store under a name stays there under that name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-build hello/3")]
pub struct DeleteArgs {
    /// The build
    #[arg(value_name = "BUILD")]
    build: String,
}

/// What a running build is at: its present action.
pub fn doing(build: &Build) -> String {
    let total = build.actions.len();
    let present = build
        .actions
        .iter()
        .find(|action| action.status == ActionStatus::Building);
    match present {
        Some(action) => {
            let name = action.name.as_deref().unwrap_or(&action.action);
            let cancelled = if build.cancel_requested {
                ", is being cancelled"
            } else {
                ""
            };
            format!("{name} ({} of {total}{cancelled})", action.action_id)
        }
        None => String::new(),
    }
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context, args: &ListArgs) -> Result<Exit, Failure> {
    let project: Option<ProjectName> = args
        .project
        .as_deref()
        .map(|text| name(text, "a project"))
        .transpose()?;
    let status = args.status.as_deref().and_then(BuildStatus::from_word);
    let session = context.connect()?;
    let filter = BuildFilter {
        project,
        status,
        limit: Some(args.limit),
    };
    let builds = Builds {
        builds: session.controller.builds(&filter).tried(|| "list builds")?,
    };
    context.out.result(&builds, |builds| {
        let mut table = Table::new(&["BUILD", "STATUS", "TRIGGERED", "TOOK", "WHY"]);
        for build in &builds.builds {
            let took = match (build.started, build.ended) {
                (Some(started), Some(ended)) => verdict::rounded(ended.since(started)),
                _ => String::new(),
            };
            let why = match &build.cause {
                Some(cause) => verdict::why(build, cause),
                None => build.waiting.clone().unwrap_or_else(|| doing(build)),
            };
            table.row(vec![
                build.build_id.to_string().into(),
                Cell::styled(build.status.as_str(), style::of_build(build.status)),
                verdict::ago(Some(build.created)).into(),
                took.into(),
                verdict::brief(&why).into(),
            ]);
        }
        table.render()
    })?;
    if builds.builds.is_empty() {
        context.out.note("there is no such build");
    } else if builds.builds.len() == args.limit {
        context
            .out
            .note(&format!("the newest {}; --limit N shows more", args.limit));
    }
    Ok(Exit::Ok)
}

/// Shows one.
///
/// # Errors
/// Those of the call.
pub fn show(context: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let id = choose_build(args.of.as_deref(), &session)?;
    let build = session
        .controller
        .build(&id)
        .tried(|| format!("show the build {id}"))?;
    context.out.result(&build, describe)?;
    Ok(Exit::Ok)
}

fn describe(build: &Build) -> String {
    let mut text = format!("{}\n", verdict::line(build));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<10} {}", sanitise::line(value));
        }
    };
    fact(
        "triggered",
        &format!("{} by {}", build.created, build.triggered_by),
    );
    fact("reason", build.reason.as_deref().unwrap_or_default());
    fact("waits", build.waiting.as_deref().unwrap_or_default());
    if build.attempt > 1 {
        fact("attempt", &build.attempt.to_string());
    }
    fact(
        "worker",
        &build
            .worker
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    fact("ref", build.git_ref.as_deref().unwrap_or_default());
    fact("commit", build.commit.as_deref().unwrap_or_default());
    if build.cancel_requested {
        fact("cancel", "was asked for");
    }
    for (name, value) in &build.parameters {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        fact("parameter", &format!("{name} = {value}"));
    }
    for source in &build.sources {
        let git_ref = source.git_ref.as_deref().unwrap_or("HEAD");
        fact(
            "source",
            &format!(
                "{} = {} {git_ref} at {}",
                source.dir, source.url, source.commit
            ),
        );
    }
    for (name, value) in &build.outputs {
        fact("output", &format!("{name} = {value}"));
    }
    for artifact in &build.artifacts {
        fact(
            "artifact",
            &format!(
                "{} {} bytes {}",
                artifact.name, artifact.size, artifact.digest
            ),
        );
    }
    text.push('\n');
    text.push_str(&actions(build));
    text
}

fn actions(build: &Build) -> String {
    let mut table = Table::new(&["ACTION", "KIND", "WHERE", "STATUS", "TOOK", "WHY"]);
    for action in &build.actions {
        let name = action
            .name
            .as_ref()
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        let took = match (action.started, action.ended) {
            (Some(started), Some(ended)) => verdict::rounded(ended.since(started)),
            _ => String::new(),
        };
        table.row(vec![
            format!("{}{name}", action.action_id).into(),
            action.action.as_str().into(),
            action.place.as_str().into(),
            Cell::styled(action.status.as_str(), style::of_action(action.status)),
            took.into(),
            action
                .cause
                .as_ref()
                .map(|cause| verdict::brief(&verdict::what(cause)))
                .unwrap_or_default()
                .into(),
        ]);
    }
    table.render()
}

/// Cancels one.
///
/// # Errors
/// Those of the call.
pub fn cancel(context: &Context, args: &CancelArgs) -> Result<Exit, Failure> {
    let id: BuildId = name(&args.build, "a build")?;
    let session = context.connect()?;
    session
        .controller
        .cancel_build(&id)
        .tried(|| format!("cancel {id}"))?;
    let build = session
        .controller
        .build(&id)
        .tried(|| format!("see what became of {id}"))?;
    context.out.note(&if build.cancel_requested {
        format!("{id} is being cancelled")
    } else {
        format!("{id} has ended: {}", build.status)
    });
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let id: BuildId = name(&args.build, "a build")?;
    let session = context.connect()?;
    session
        .controller
        .delete_build(&id)
        .tried(|| format!("delete {id}"))?;
    context.out.note(&format!("deleted {id}"));
    Ok(Exit::Ok)
}
