//! `/projects…` and `/pipelines…`: the same five calls for both; and what belongs to a project, its
//! trigger and its builds.

use super::listing::fill;
use super::{Controller, builds};
use crate::app::App;
use crate::definitions::Definition;
use crate::limits::Limits;
use crate::show;
use crate::state::{Error, Kind, ObjectRecord, Read, Stamp};
use crate::trigger::Triggered;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use ick_api::controller::Trigger;
use ick_api::scope;
use ick_core::name::{BuildId, ClientId, NameError, PipelineName, ProjectName};
use ick_http::axum::extract::{FromRequest, Request, State};
use ick_http::axum::response::IntoResponse;
use ick_http::axum::routing::{get, post};
use ick_http::axum::{Json, Router};
use ick_http::{
    Authorized, BodyLimit, Caller, JsonOrEmpty, Methods, NamePath, Page, Refusal, Response, Whole,
    blocking, etag, if_match, if_none_match,
};
use serde_json::json;
use std::sync::Arc;

/// What can be asked of a project, and of a pipeline.
const PROJECT: Methods = Methods {
    name: "GET, PUT, DELETE",
    below: &[("+trigger", "POST"), ("+builds", "GET")],
};
const PIPELINE: Methods = Methods {
    name: "GET, PUT, DELETE",
    below: &[],
};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) fn routes(limits: &Limits) -> Router<Arc<App>> {
    let definition = BodyLimit(limits.definition_body);
    Router::new()
        .route(
            "/projects",
            get(
                async |app: Controller, _: Authorized<scope::ProjectsGet>, page: Page| {
                    list(app, Kind::Project, page).await
                },
            )
            .post(
                async |app: Controller, by: Authorized<scope::ProjectsPost>, body: Whole| {
                    create(app, Kind::Project, by.sub().clone(), body).await
                },
            )
            .layer(definition),
        )
        .route(
            "/projects/{*name}",
            get(project_get)
                .put(project_put)
                .delete(project_delete)
                .layer(definition)
                .merge(post(project_post).layer(BodyLimit(limits.trigger_body)))
                .fallback(async |path: NamePath| PROJECT.refusal(&path)),
        )
        .route(
            "/pipelines",
            get(
                async |app: Controller, _: Authorized<scope::PipelinesGet>, page: Page| {
                    list(app, Kind::Pipeline, page).await
                },
            )
            .post(
                async |app: Controller, by: Authorized<scope::PipelinesPost>, body: Whole| {
                    create(app, Kind::Pipeline, by.sub().clone(), body).await
                },
            )
            .layer(definition),
        )
        .route(
            "/pipelines/{*name}",
            get(pipeline_get)
                .put(pipeline_put)
                .delete(pipeline_delete)
                .layer(definition)
                .fallback(async |path: NamePath| PIPELINE.refusal(&path)),
        )
}

async fn project_get(
    app: Controller,
    caller: Caller,
    path: NamePath,
    page: Page,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if path.suffix.as_deref() == Some("+builds") {
        caller.authorize::<scope::ProjectsIdBuildsGet>()?;
        return builds::list_of(app, path.parse()?, page, &uri).await;
    }
    PROJECT.expect_name(&path)?;
    caller.authorize::<scope::ProjectsIdGet>()?;
    show(app, Kind::Project, &path, headers).await
}

async fn project_put(
    app: Controller,
    by: Authorized<scope::ProjectsIdPut>,
    path: NamePath,
    headers: HeaderMap,
    body: Whole,
) -> Result<Response, Refusal> {
    put(app, Kind::Project, by.sub().clone(), &path, headers, body).await
}

async fn project_delete(
    app: Controller,
    _: Authorized<scope::ProjectsIdDelete>,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    delete(app, Kind::Project, &path, headers).await
}

async fn project_post(
    State(app): Controller,
    caller: Caller,
    path: NamePath,
    request: Request,
) -> Result<Response, Refusal> {
    if path.suffix.as_deref() != Some("+trigger") {
        return Err(PROJECT.refusal(&path));
    }
    let by = caller.authorize::<scope::ProjectsIdTriggerPost>()?;
    let project: ProjectName = path.parse()?;
    let client = by.sub().clone();
    let key = idempotency_key(request.headers())?;
    let JsonOrEmpty(trigger) = JsonOrEmpty::<Trigger>::from_request(request, &()).await?;
    blocking(move || {
        let triggered = app.trigger(&project, &client, key.as_deref(), &trigger)?;
        let (status, build) = match triggered {
            Triggered::New(build) => (StatusCode::CREATED, build),
            Triggered::Before(build) => (StatusCode::OK, build),
        };
        let location = HeaderValue::try_from(format!("/builds/{}", build.build_id))
            .map_err(|error| Refusal::internal(&error))?;
        Ok((status, [(header::LOCATION, location)], Json(build)).into_response())
    })
    .await
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let wrong = || Refusal::bad_request("there can be one Idempotency-Key, of visible ASCII");
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let key = values
        .next()
        .map(|value| value.to_str().map(str::to_owned))
        .transpose()
        .map_err(|_| wrong())?;
    match values.next() {
        Some(_) => Err(wrong()),
        None => Ok(key),
    }
}

async fn pipeline_get(
    app: Controller,
    _: Authorized<scope::PipelinesIdGet>,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    show(app, Kind::Pipeline, &path, headers).await
}

async fn pipeline_put(
    app: Controller,
    by: Authorized<scope::PipelinesIdPut>,
    path: NamePath,
    headers: HeaderMap,
    body: Whole,
) -> Result<Response, Refusal> {
    put(app, Kind::Pipeline, by.sub().clone(), &path, headers, body).await
}

async fn pipeline_delete(
    app: Controller,
    _: Authorized<scope::PipelinesIdDelete>,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    delete(app, Kind::Pipeline, &path, headers).await
}

/// The name in the path, which is nothing else's.
fn name(kind: Kind, path: &NamePath) -> Result<String, Refusal> {
    match kind {
        Kind::Project => PROJECT.expect_name(path)?,
        Kind::Pipeline => PIPELINE.expect_name(path)?,
    }
    checked(kind, &path.name).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn checked(kind: Kind, text: &str) -> Result<String, NameError> {
    match kind {
        Kind::Project => text.parse::<ProjectName>().map(|name| name.to_string()),
        Kind::Pipeline => text.parse::<PipelineName>().map(|name| name.to_string()),
    }
}

fn missing(kind: Kind, name: &str) -> Refusal {
    Refusal::not_found(format!("there is no {kind} {name}"))
}

/// The project's oldest build that waits for a worker, where it is a project.
fn next_build(tx: &(impl Read + ?Sized), record: &ObjectRecord) -> Result<Option<BuildId>, Error> {
    if record.kind != Kind::Project {
        return Ok(None);
    }
    let project = record
        .name
        .parse()
        .map_err(|error| Error::Damaged(format!("project {}: {error}", record.name)))?;
    tx.next_build(&project)
}

fn answer(status: StatusCode, record: &ObjectRecord, next: Option<&BuildId>) -> Response {
    let tag = etag(&record.stamp.version());
    let shown = show::object(record, next);
    (status, [(header::ETAG, tag)], Json(shown)).into_response()
}

async fn list(State(app): Controller, kind: Kind, page: Page) -> Result<Response, Refusal> {
    blocking(move || {
        let (shown, next) = app.state.read(|tx| {
            fill(
                &page,
                |last: Option<&ObjectRecord>, limit| {
                    let after = last.map(|record| record.name.as_str());
                    let after = after.or(page.after.as_deref());
                    Ok(tx.objects(kind, after, limit)?)
                },
                |record| Ok::<_, Refusal>(show::object(record, next_build(tx, record)?.as_ref())),
                |record| record.name.clone(),
            )
        })?;
        let key = format!("{kind}s");
        Ok(page.answer(&json!({ key: shown }), next.as_deref()))
    })
    .await
}

async fn show(
    State(app): Controller,
    kind: Kind,
    path: &NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = name(kind, path)?;
    blocking(move || {
        let found = app.state.read(|tx| {
            let Some(record) = tx.object(kind, &name)? else {
                return Ok(None);
            };
            let next = next_build(tx, &record)?;
            Ok::<_, Error>(Some((record, next)))
        })?;
        let (record, next) = found.ok_or_else(|| missing(kind, &name))?;
        // The tag is of the definition, so a client that asks whether that has changed may miss that
        // another build waits; hence no 304 here.
        let _ = if_none_match(&headers, Some(&record.stamp.version()))?;
        Ok(answer(StatusCode::OK, &record, next.as_ref()))
    })
    .await
}

async fn create(
    State(app): Controller,
    kind: Kind,
    by: ClientId,
    Whole(body): Whole,
) -> Result<Response, Refusal> {
    blocking(move || {
        let definition = Definition::from_body(kind, &body)?;
        app.expect_room()?;
        let now = app.now();
        let record = app.state.write(|tx| {
            let name = definition.name();
            if tx.object(kind, name)?.is_some() {
                return Err(Refusal::conflict(format!(
                    "there is a {kind} {name} already: change it with PUT /{kind}s/{name}"
                )));
            }
            let record = ObjectRecord {
                kind,
                name: name.to_owned(),
                definition: definition.to_map(),
                made_by: None,
                stamp: Stamp::new(&by, now),
            };
            tx.put_object(&record)?;
            Ok(record)
        })?;
        // What is new has no builds, unless the name was used before: those have all ended.
        Ok(answer(StatusCode::CREATED, &record, None))
    })
    .await
}

async fn put(
    State(app): Controller,
    kind: Kind,
    by: ClientId,
    path: &NamePath,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Refusal> {
    let name = name(kind, path)?;
    blocking(move || {
        let definition = Definition::from_body(kind, &body)?;
        if definition.name() != name {
            return Err(Refusal::unprocessable(format!(
                "the body defines {kind} {}, and the address is that of {name}",
                definition.name()
            )));
        }
        app.expect_room()?;
        let now = app.now();
        let (status, record, next) = app.state.write(|tx| {
            let there = tx.object(kind, &name)?;
            let version = there.as_ref().map(|there| there.stamp.version());
            if_match(&headers, version.as_deref())?;
            if if_none_match(&headers, version.as_deref())? {
                return Err(Refusal::precondition_failed(format!(
                    "there is a {kind} {name} already"
                )));
            }
            let definition = definition.to_map();
            let (status, record) = match there {
                Some(there) if there.definition == definition => (StatusCode::OK, there),
                Some(there) => {
                    let record = ObjectRecord {
                        definition,
                        stamp: there.stamp.changed(&by, now),
                        ..there
                    };
                    tx.put_object(&record)?;
                    (StatusCode::OK, record)
                }
                None => {
                    let record = ObjectRecord {
                        kind,
                        name: name.clone(),
                        definition,
                        made_by: None,
                        stamp: Stamp::new(&by, now),
                    };
                    tx.put_object(&record)?;
                    (StatusCode::CREATED, record)
                }
            };
            let next = next_build(tx, &record)?;
            Ok((status, record, next))
        })?;
        Ok(answer(status, &record, next.as_ref()))
    })
    .await
}

async fn delete(
    State(app): Controller,
    kind: Kind,
    path: &NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = name(kind, path)?;
    blocking(move || {
        app.state.write(|tx| {
            let there = tx
                .object(kind, &name)?
                .ok_or_else(|| missing(kind, &name))?;
            if_match(&headers, Some(&there.stamp.version()))?;
            if kind == Kind::Project {
                let project: ProjectName = name
                    .parse()
                    .map_err(|error: NameError| Refusal::internal(&error))?;
                if let Some(build) = tx.unfinished_build(&project)? {
                    return Err(Refusal::conflict(format!(
                        "project {name} has builds that have not ended, {build} among them: cancel them or wait, then delete it"
                    )));
                }
            }
            tx.delete_object(kind, &name)?;
            Ok(())
        })?;
        Ok(Json(json!({})).into_response())
    })
    .await
}
