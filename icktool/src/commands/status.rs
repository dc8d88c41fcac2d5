//! `icktool status`

use super::{builds, verdict, workers};
use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::{Table, style, table::Cell};
use crate::session::Context;
use ick_api::controller::{Build, Worker};
use ick_client::{BuildFilter, Idp, Retry, Store};
use ick_core::build::BuildStatus;
use serde::Serialize;

/// How many running and how many waiting builds are shown.
const SHOWN: usize = 20;

/// Show how the servers, the workers, and the running and waiting builds are
///
/// For builds that wait it says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool status

The exit code is 6 when a server does not answer.")]
pub struct Args {}

/// A server.
#[derive(Debug, Serialize)]
struct Server {
    name: &'static str,
    url: String,
    healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// All that is shown.
#[derive(Debug, Serialize)]
struct Status {
    version: String,
    servers: Vec<Server>,
    workers: Vec<Worker>,
    building: Vec<Build>,
    triggered: Vec<Build>,
}

/// Does it.
///
/// # Errors
/// When the controller does not answer. That another server does not is shown.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let target = context.target()?;
    let session = context.connect()?;
    let server = |name, url: &str, health: Result<(), ick_client::Error>| Server {
        name,
        url: url.to_owned(),
        healthy: health.is_ok(),
        why: health.err().map(|error| error.to_string()),
    };
    let version = &session.version;
    let of = &session.authorities;
    let store = Store::new(&version.artifact_store)
        .and_then(|s| s.with_authorities(of).with_retry(Retry::NEVER).healthz());
    let idp = Idp::new(&version.auth_url)
        .and_then(|i| i.with_authorities(of).with_retry(Retry::NEVER).healthz());
    let servers = vec![
        server("controller", &target.controller, Ok(())),
        server("store", &version.artifact_store, store),
        server("idp", &version.auth_url, idp),
    ];
    let healthy = servers.iter().all(|server| server.healthy);
    let with = |status| BuildFilter {
        status: Some(status),
        limit: Some(SHOWN + 1),
        project: None,
    };
    let status = Status {
        version: version.version.clone(),
        servers,
        workers: session.controller.workers(None).tried(|| "list workers")?,
        building: session
            .controller
            .builds(&with(BuildStatus::Building))
            .tried(|| "list the running builds")?,
        triggered: session
            .controller
            .builds(&with(BuildStatus::Triggered))
            .tried(|| "list the waiting builds")?,
    };
    context.out.result(&status, describe)?;
    Ok(if healthy { Exit::Ok } else { Exit::Unreachable })
}

fn describe(status: &Status) -> String {
    let mut servers = Table::new(&["SERVER", "URL", "STATE"]);
    for server in &status.servers {
        let state = match &server.why {
            None => Cell::styled("serves", style::GOOD),
            Some(why) => Cell::styled(why, style::BAD),
        };
        servers.row(vec![server.name.into(), server.url.as_str().into(), state]);
    }
    let mut text = servers.render();
    text.push('\n');
    if status.workers.is_empty() {
        text.push_str("No worker has registered.\n");
    } else {
        text.push_str(&workers::table(&status.workers).render());
    }
    text.push('\n');
    if status.building.is_empty() {
        text.push_str("No build is running.\n");
    } else {
        text.push_str(&running(&status.building));
    }
    if !status.triggered.is_empty() {
        text.push('\n');
        text.push_str(&waiting(status));
    }
    text
}

fn running(building: &[Build]) -> String {
    let mut table = Table::new(&["RUNNING", "FOR", "WORKER", "ACTION"]);
    for build in building.iter().take(SHOWN) {
        table.row(vec![
            build.build_id.to_string().into(),
            build
                .started
                .map(|t| verdict::rounded(verdict::now().since(t)))
                .unwrap_or_default()
                .into(),
            build
                .worker
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
            builds::doing(build).into(),
        ]);
    }
    let mut text = table.render();
    more(&mut text, building.len(), "building");
    text
}

fn waiting(status: &Status) -> String {
    let mut table = Table::new(&["WAITING", "FOR", "WHY"]);
    for build in status.triggered.iter().take(SHOWN) {
        let why = build
            .waiting
            .clone()
            .unwrap_or_else(|| usual_reason(&status.workers).to_owned());
        table.row(vec![
            build.build_id.to_string().into(),
            verdict::rounded(verdict::now().since(build.created)).into(),
            why.into(),
        ]);
    }
    let mut text = table.render();
    more(&mut text, status.triggered.len(), "triggered");
    text
}

/// Why a build waits when the controller has no more to say than that it does.
fn usual_reason(workers: &[Worker]) -> &'static str {
    if workers.is_empty() {
        "there is no worker"
    } else if workers.iter().all(|worker| worker.drained) {
        "every worker is drained"
    } else {
        "the workers have others to do first"
    }
}

fn more(text: &mut String, count: usize, status: &str) {
    if count > SHOWN {
        text.push_str(&format!(
            "and more: icktool list-builds --status {status}\n"
        ));
    }
}
