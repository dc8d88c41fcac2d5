//! `icktool list-pipelines`, `show-pipeline`, `delete-pipeline`

use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::Table;
use crate::session::{Context, name};
use ick_api::controller::Pipelines;
use ick_core::name::PipelineName;
use ick_core::yaml;
use serde_json::Value;

/// List pipelines
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-pipelines")]
pub struct ListArgs {}

/// Show a pipeline
///
/// As it would stand in a definition file, and what the controller knows about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool show-pipeline greet")]
pub struct ShowArgs {
    /// The pipeline
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
}

/// Delete a pipeline
///
/// Builds that were triggered already are not touched: each carries a copy of what it runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-pipeline greet")]
pub struct DeleteArgs {
    /// The pipeline
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let pipelines = Pipelines {
        pipelines: session
            .controller
            .pipelines(None)
            .tried(|| "list pipelines")?,
    };
    context.out.result(&pipelines, |pipelines| {
        let mut table = Table::new(&["PIPELINE", "PARAMETERS", "ACTIONS"]);
        for pipeline in &pipelines.pipelines {
            table.row(vec![
                pipeline.pipeline.as_str().into(),
                words(&pipeline.parameters, "name").into(),
                words(&pipeline.actions, "action").into(),
            ]);
        }
        table.render()
    })?;
    if pipelines.pipelines.is_empty() {
        context
            .out
            .note("there is no pipeline yet; make one with `icktool make-it-so FILE`");
    }
    Ok(Exit::Ok)
}

/// A word for each entry: its text, what its `key` says, or which of `shell` and `python` it has.
fn words(entries: &[Value], key: &str) -> String {
    let word = |entry: &Value| {
        let named = entry
            .as_str()
            .or_else(|| entry.get(key)?.as_str())
            .map(str::to_owned);
        let code = || {
            ["shell", "python"]
                .into_iter()
                .find(|kind| entry.get(kind).is_some())
        };
        named.or_else(|| code().map(str::to_owned))
    };
    entries
        .iter()
        .filter_map(word)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Shows one.
///
/// # Errors
/// Those of the call.
pub fn show(context: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let pipeline: PipelineName = name(&args.pipeline, "a pipeline")?;
    let session = context.connect()?;
    let pipeline = session
        .controller
        .pipeline(&pipeline)
        .tried(|| format!("show the pipeline {pipeline}"))?;
    context.out.result(&pipeline, |pipeline| {
        serde_json::to_value(pipeline)
            .map(|value| super::definitions::shown(&yaml::to_text(&value)))
            .unwrap_or_default()
    })?;
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let pipeline: PipelineName = name(&args.pipeline, "a pipeline")?;
    let session = context.connect()?;
    session
        .controller
        .delete_pipeline(&pipeline)
        .tried(|| format!("delete the pipeline {pipeline}"))?;
    context
        .out
        .note(&format!("deleted the pipeline {pipeline}"));
    Ok(Exit::Ok)
}
