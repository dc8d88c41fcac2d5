//! `/workers…`: workers register themselves; operators look, change, drain and delete.

use super::Controller;
use crate::app::App;
use crate::limits::Limits;
use crate::show;
use crate::state::{Said, Stamp, WorkerRecord};
use http::{HeaderMap, StatusCode, header};
use ick_api::controller::{Registration, Workers};
use ick_api::problem::WORKER_PROTOCOL_PROBLEM;
use ick_api::scope;
use ick_core::name::{ClientId, WorkerId};
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::axum::routing::get;
use ick_http::axum::{Json, Router};
use ick_http::{
    Authorized, BodyLimit, Caller, JsonOrEmpty, Methods, NamePath, Page, Refusal, Response,
    blocking, etag, if_match, if_none_match,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What can be asked of a worker.
const WORKER: Methods = Methods {
    name: "GET, PUT, DELETE",
    below: &[("+drain", "POST"), ("+resume", "POST")],
};

/// The most slots that a worker can have.
const MAX_SLOTS: u32 = 1024;

/// The most keywords, and the longest, in bytes.
const MAX_KEYWORDS: usize = 100;
const MAX_KEYWORD: usize = 200;

/// What the controller alone says of a worker: ignored in a registration.
const OURS: [&str; 6] = [
    "worker",
    "paused",
    "last_seen",
    "owner",
    "revision",
    "updated_by",
];

type Body = JsonOrEmpty<Registration>;

pub(super) fn routes(limits: &Limits) -> Router<Arc<App>> {
    let limit = BodyLimit(limits.registration_body);
    Router::new()
        .route("/workers", get(list).post(register).layer(limit))
        .route(
            "/workers/{*name}",
            get(worker_get)
                .put(worker_put)
                .delete(worker_delete)
                .post(worker_post)
                .layer(limit)
                .fallback(async |path: NamePath| WORKER.refusal(&path)),
        )
}

async fn list(
    State(app): Controller,
    _: Authorized<scope::WorkersGet>,
    page: Page,
) -> Result<Response, Refusal> {
    let after = page
        .after
        .as_deref()
        .map(ick_http::parse_name::<WorkerId>)
        .transpose()?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut found = app.roster.list(after.as_ref(), limit.saturating_add(1));
    let next = page.cut(&mut found, |record| record.worker.to_string());
    let workers = found
        .iter()
        .map(|record| show::worker(record, app.roster.paused(&record.worker)))
        .collect();
    Ok(page.answer(&Workers { workers }, next.as_deref()))
}

async fn register(
    State(app): Controller,
    by: Authorized<scope::WorkersPost>,
    JsonOrEmpty(body): Body,
) -> Result<Response, Refusal> {
    // Whatever the body says: a token cannot speak for another worker.
    let worker: WorkerId = by.sub().clone();
    // Who looks after the controller is to see it too.
    let said = said(body)
        .inspect_err(|why| tracing::warn!("the worker {worker} is not registered: {why}"))?
        .0;
    blocking(move || {
        let now = app.now();
        let (status, record) = app.put_worker(&worker, said, &worker, |record| {
            record.last_seen = Some(now);
            Ok(())
        })?;
        Ok(answer(&app, status, &record))
    })
    .await
}

async fn worker_get(
    State(app): Controller,
    caller: Caller,
    path: NamePath,
) -> Result<Response, Refusal> {
    WORKER.expect_name(&path)?;
    caller.authorize::<scope::WorkersIdGet>()?;
    let worker: WorkerId = path.parse()?;
    let record = app.roster.get(&worker).ok_or_else(|| missing(&worker))?;
    Ok(answer(&app, StatusCode::OK, &record))
}

async fn worker_put(
    State(app): Controller,
    by: Authorized<scope::WorkersIdPut>,
    path: NamePath,
    headers: HeaderMap,
    JsonOrEmpty(body): Body,
) -> Result<Response, Refusal> {
    WORKER.expect_name(&path)?;
    let worker: WorkerId = path.parse()?;
    let by = by.sub().clone();
    let (said, drained) = said(body)?;
    blocking(move || {
        let there = app.roster.get(&worker).map(|record| record.stamp.version());
        if if_none_match(&headers, there.as_deref())? {
            return Err(Refusal::precondition_failed(format!(
                "there is a worker {worker} already"
            )));
        }
        let (status, record) = app.put_worker(&worker, said, &by, |record| {
            let is_new = record.stamp.revision == 1;
            // The stamp is that after the change; the precondition is about the one before.
            let before = (!is_new).then(|| Stamp {
                revision: record.stamp.revision - 1,
                ..record.stamp.clone()
            });
            if_match(&headers, before.map(|stamp| stamp.version()).as_deref())?;
            if let Some(drained) = drained {
                record.drained = drained;
            }
            Ok(())
        })?;
        Ok(answer(&app, status, &record))
    })
    .await
}

async fn worker_delete(
    State(app): Controller,
    _: Authorized<scope::WorkersIdDelete>,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    WORKER.expect_name(&path)?;
    let worker: WorkerId = path.parse()?;
    blocking(move || {
        let changing = app.roster.change();
        let there = app.state.write(|tx| {
            let there = tx.worker(&worker)?.ok_or_else(|| missing(&worker))?;
            if_match(&headers, Some(&there.stamp.version()))?;
            tx.delete_worker(&worker)?;
            Ok::<_, Refusal>(there)
        })?;
        changing.delete(&worker);
        drop(changing);
        // What waits for work learns that it is no longer registered.
        app.wake_worker(&worker, there.said.slots);
        Ok(Json(json!({})).into_response())
    })
    .await
}

async fn worker_post(
    State(app): Controller,
    caller: Caller,
    path: NamePath,
) -> Result<Response, Refusal> {
    let drained = match path.suffix.as_deref() {
        Some("+drain") => true,
        Some("+resume") => false,
        _ => return Err(WORKER.refusal(&path)),
    };
    let by = caller.authorize::<scope::WorkersIdDrainPost>()?;
    let (worker, by): (WorkerId, ClientId) = (path.parse()?, by.sub().clone());
    blocking(move || {
        let now = app.now();
        let changing = app.roster.change();
        let record = app.state.write(|tx| {
            let there = tx.worker(&worker)?.ok_or_else(|| missing(&worker))?;
            if there.drained == drained {
                return Ok::<_, Refusal>(there);
            }
            let record = WorkerRecord {
                drained,
                stamp: there.stamp.changed(&by, now),
                ..there
            };
            tx.put_worker(&record)?;
            Ok(record)
        })?;
        changing.put(record.clone());
        drop(changing);
        app.wake_worker(&worker, record.said.slots);
        let shown = app.roster.get(&worker).unwrap_or(record);
        Ok(answer(&app, StatusCode::OK, &shown))
    })
    .await
}

impl App {
    /// Registers a worker that asks for work and never said anything of itself: with the defaults.
    pub(super) fn register_by_default(&self, worker: &WorkerId) -> Result<(), Refusal> {
        let said = said(Registration::default())?.0;
        let now = self.now();
        self.put_worker(worker, said, worker, |record| {
            record.last_seen = Some(now);
            Ok(())
        })
        .map(drop)
    }

    /// Creates or replaces a worker. `also` sees the record as it is to be.
    fn put_worker(
        &self,
        worker: &WorkerId,
        said: Said,
        by: &ClientId,
        also: impl FnOnce(&mut WorkerRecord) -> Result<(), Refusal>,
    ) -> Result<(StatusCode, WorkerRecord), Refusal> {
        let now = self.now();
        let changing = self.roster.change();
        let (status, record) = self.state.write(|tx| {
            let (status, mut record) = match tx.worker(worker)? {
                Some(there) => (
                    StatusCode::OK,
                    WorkerRecord {
                        said,
                        stamp: there.stamp.changed(by, now),
                        ..there
                    },
                ),
                None => (
                    StatusCode::CREATED,
                    WorkerRecord {
                        worker: worker.clone(),
                        said,
                        drained: false,
                        last_seen: None,
                        stamp: Stamp::new(by, now),
                    },
                ),
            };
            also(&mut record)?;
            tx.put_worker(&record)?;
            Ok::<_, Refusal>((status, record))
        })?;
        changing.put(record);
        drop(changing);
        let shown = self.roster.get(worker).ok_or_else(|| missing(worker))?;
        // It may be allowed now what it was not when its slots began to wait.
        self.wake_worker(worker, shown.said.slots);
        Ok((status, shown))
    }
}

fn missing(worker: &WorkerId) -> Refusal {
    Refusal::not_found(format!("there is no worker {worker}"))
}

fn answer(app: &App, status: StatusCode, record: &WorkerRecord) -> Response {
    let tag = etag(&record.stamp.version());
    let shown = show::worker(record, app.roster.paused(&record.worker));
    (status, [(header::ETAG, tag)], Json(shown)).into_response()
}

/// What a registration says, checked; and whether it says that the worker is drained, which only
/// operators can.
fn said(body: Registration) -> Result<(Said, Option<bool>), Refusal> {
    let Registration {
        keywords,
        slots,
        allows,
        protocol,
        mut rest,
    } = body;
    let wrong = |what: String| Err(Refusal::unprocessable(what));
    let slots = slots.unwrap_or(1);
    if !(1..=MAX_SLOTS).contains(&slots) {
        return wrong(format!("a worker has 1 to {MAX_SLOTS} slots, not {slots}"));
    }
    if keywords.len() > MAX_KEYWORDS || keywords.iter().any(|word| word.len() > MAX_KEYWORD) {
        return wrong(format!(
            "a worker has at most {MAX_KEYWORDS} keywords of {MAX_KEYWORD} bytes each"
        ));
    }
    let protocol = protocol.unwrap_or(ick_api::WORKER_PROTOCOL);
    if protocol != ick_api::WORKER_PROTOCOL {
        return Err(other_protocol(protocol, rest.get("version")));
    }
    let drained = match take(&mut rest, "drained") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(drained)) => Some(drained),
        Some(_) => return wrong("drained is true or false".to_owned()),
    };
    for ours in OURS {
        take(&mut rest, ours);
    }
    let said = Said {
        keywords,
        slots,
        allows: show::allows(allows),
        protocol,
        rest,
    };
    Ok((said, drained))
}

/// Says which versions there are and what to upgrade.
fn other_protocol(theirs: u32, version: Option<&Value>) -> Refusal {
    let ours = ick_api::WORKER_PROTOCOL;
    let own = env!("CARGO_PKG_VERSION");
    let version = match version.and_then(Value::as_str) {
        Some(version) if version.len() <= MAX_KEYWORD => format!(" (version {version:?})"),
        _ => String::new(),
    };
    let remedy = if theirs > ours {
        format!("upgrade the controller, or install ick-worker {own} there")
    } else {
        format!("upgrade ick-worker to {own} there")
    };
    Refusal::unprocessable(format!(
        "this controller (version {own}) speaks version {ours} of the worker protocol, and the worker\
         {version} version {theirs}: {remedy}"
    ))
    .of_kind(WORKER_PROTOCOL_PROBLEM)
}

fn take(rest: &mut Map<String, Value>, field: &str) -> Option<Value> {
    rest.remove(field)
}
