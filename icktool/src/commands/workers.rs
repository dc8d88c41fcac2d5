//! `icktool list-workers`, `show-worker`, `drain-worker`, `resume-worker`, `delete-worker`

use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::{Table, sanitise, style, table::Cell};
use crate::session::{Context, name};
use ick_api::controller::{Allows, Worker, Workers};
use ick_core::name::WorkerId;
use serde_json::Value;

/// List workers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-workers")]
pub struct ListArgs {}

/// Show a worker
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool show-worker worker-1")]
pub struct ShowArgs {
    /// The worker
    #[arg(value_name = "WORKER")]
    worker: String,
}

/// Give a worker no new builds; what it runs goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool drain-worker worker-1")]
pub struct DrainArgs {
    /// The worker
    #[arg(value_name = "WORKER")]
    worker: String,
}

/// Give a drained worker builds again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool resume-worker worker-1")]
pub struct ResumeArgs {
    /// The worker
    #[arg(value_name = "WORKER")]
    worker: String,
}

/// Delete a worker's record
///
/// A worker that still runs registers itself again: end it and delete its client first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-client builder-7
  icktool delete-worker builder-7")]
pub struct DeleteArgs {
    /// The worker
    #[arg(value_name = "WORKER")]
    worker: String,
}

fn worker_id(text: &str) -> Result<WorkerId, crate::error::Error> {
    name(text, "a worker")
}

/// What a worker allows, in words.
pub fn allows(allows: Allows) -> String {
    let words: Vec<&str> = [
        (allows.host, "host"),
        (allows.chroot, "chroot"),
        (allows.network, "network"),
    ]
    .into_iter()
    .filter_map(|(allowed, word)| allowed.then_some(word))
    .collect();
    if words.is_empty() {
        "container".to_owned()
    } else {
        format!("container, {}", words.join(", "))
    }
}

/// A table of workers.
pub fn table(workers: &[Worker]) -> Table {
    let mut table = Table::new(&["WORKER", "SLOTS", "ALLOWS", "KEYWORDS", "LAST SEEN", ""]);
    for worker in workers {
        let state = remarks(worker).join("; ");
        table.row(vec![
            worker.worker.as_str().into(),
            worker.slots.to_string().into(),
            allows(worker.allows).into(),
            worker.keywords.join(", ").into(),
            super::verdict::ago(worker.last_seen).into(),
            Cell::styled(&state, style::WARNING),
        ]);
    }
    table
}

/// What is out of the ordinary with a worker.
fn remarks(worker: &Worker) -> Vec<String> {
    let mut remarks = Vec::new();
    match (worker.drained, &worker.paused) {
        (true, _) => remarks.push("drained".to_owned()),
        (false, Some(why)) => remarks.push(format!("paused: {}", sanitise::line(why))),
        (false, None) => {}
    }
    // What Ick's own worker says of its host.
    if let Some(clock) = worker.rest.get("clock").and_then(Value::as_str) {
        remarks.push(format!("clock {}", sanitise::line(clock)));
    }
    let packages = worker.rest.get("missing").and_then(Value::as_array);
    let packages: Vec<String> = packages
        .into_iter()
        .flatten()
        .filter_map(|package| package.as_str().map(sanitise::line))
        .collect();
    if !packages.is_empty() {
        remarks.push(format!("lacks {}", packages.join(", ")));
    }
    remarks
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let workers = Workers {
        workers: session.controller.workers(None).tried(|| "list workers")?,
    };
    context
        .out
        .result(&workers, |workers| table(&workers.workers).render())?;
    if workers.workers.is_empty() {
        context
            .out
            .note("no worker has registered yet; make one with `icktool create-worker NAME`");
    }
    Ok(Exit::Ok)
}

/// Shows one.
///
/// # Errors
/// Those of the call.
pub fn show(context: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let worker = worker_id(&args.worker)?;
    let session = context.connect()?;
    let worker = session
        .controller
        .worker(&worker)
        .tried(|| format!("show the worker {worker}"))?;
    context.out.result(&worker, describe)?;
    Ok(Exit::Ok)
}

fn describe(worker: &Worker) -> String {
    let mut text = String::new();
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<10} {}\n", sanitise::line(value)));
        }
    };
    fact("worker", worker.worker.as_str());
    fact("slots", &worker.slots.to_string());
    fact("allows", &allows(worker.allows));
    fact("keywords", &worker.keywords.join(", "));
    fact(
        "drained",
        if worker.drained {
            "yes: it gets no new builds"
        } else {
            ""
        },
    );
    fact("paused", worker.paused.as_deref().unwrap_or_default());
    fact("last seen", &super::verdict::ago(worker.last_seen));
    fact("protocol", &worker.protocol.to_string());
    for (name, value) in &worker.rest {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        fact(&sanitise::line(name), &value);
    }
    text
}

/// Drains one.
///
/// # Errors
/// Those of the call.
pub fn drain(context: &Context, args: &DrainArgs) -> Result<Exit, Failure> {
    let worker = worker_id(&args.worker)?;
    let session = context.connect()?;
    session
        .controller
        .drain_worker(&worker)
        .tried(|| format!("drain the worker {worker}"))?;
    context.out.note(&format!(
        "{worker} gets no new builds; `icktool resume-worker {worker}` undoes that"
    ));
    Ok(Exit::Ok)
}

/// Resumes one.
///
/// # Errors
/// Those of the call.
pub fn resume(context: &Context, args: &ResumeArgs) -> Result<Exit, Failure> {
    let worker = worker_id(&args.worker)?;
    let session = context.connect()?;
    session
        .controller
        .resume_worker(&worker)
        .tried(|| format!("resume the worker {worker}"))?;
    context.out.note(&format!("{worker} gets builds again"));
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let worker = worker_id(&args.worker)?;
    let session = context.connect()?;
    session
        .controller
        .delete_worker(&worker)
        .tried(|| format!("delete the worker {worker}"))?;
    context.out.note(&format!("deleted the worker {worker}"));
    Ok(Exit::Ok)
}
