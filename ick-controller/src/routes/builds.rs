//! `/builds…`, and the builds of a project.

use super::Controller;
use super::listing::fill;
use super::wait::until;
use crate::app::App;
use crate::show::{self, Waits};
use crate::state::{Before, BuildFilter, BuildRecord, Error};
use crate::transition;
use http::{Uri, header};
use ick_api::controller::Builds;
use ick_api::scope;
use ick_core::build::{BuildStatus, Event};
use ick_core::name::{BuildId, ProjectName};
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::axum::routing::get;
use ick_http::axum::{Json, Router};
use ick_http::{
    Authorized, Caller, Methods, NamePath, Page, Query, Refusal, Response, Woken, blocking, etag,
    if_match,
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What can be asked of a build.
const BUILD: Methods = Methods {
    name: "GET, DELETE",
    below: &[("+cancel", "POST")],
};

/// What can be asked of a list of builds, besides the page.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    project: Option<String>,
    status: Option<String>,
}

/// What can be asked of a build.
#[derive(Debug, Default, Deserialize)]
struct AskedBuild {
    wait: Option<String>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/builds", get(list)).route(
        "/builds/{*id}",
        get(build_get)
            .delete(build_delete)
            .post(build_post)
            .fallback(async |path: NamePath| BUILD.refusal(&path)),
    )
}

async fn list(
    app: Controller,
    _: Authorized<scope::BuildsGet>,
    page: Page,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let project = asked
        .project
        .as_deref()
        .map(ick_http::parse_name::<ProjectName>)
        .transpose()?;
    answer_list(app, project, status(&asked)?, page).await
}

/// `GET /projects/NAME/+builds`: also of a project that was deleted, as its builds stay readable.
pub(super) async fn list_of(
    State(app): Controller,
    project: ProjectName,
    page: Page,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let query = ick_http::axum::extract::Query::<Asked>::try_from_uri(uri);
    let asked = query.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let status = status(&asked)?;
    let known = {
        let (app, project) = (Arc::clone(&app), project.clone());
        blocking(move || {
            Ok(app.state.read(|tx| {
                let there = tx.object(crate::state::Kind::Project, project.as_str())?;
                let filter = BuildFilter {
                    project: Some(project.clone()),
                    status: None,
                };
                Ok::<_, Error>(there.is_some() || !tx.builds(&filter, None, 1)?.is_empty())
            })?)
        })
        .await?
    };
    if !known {
        return Err(Refusal::not_found(format!("there is no project {project}")));
    }
    answer_list(State(app), Some(project), status, page).await
}

fn status(asked: &Asked) -> Result<Option<BuildStatus>, Refusal> {
    let Some(word) = &asked.status else {
        return Ok(None);
    };
    BuildStatus::from_word(word).map(Some).ok_or_else(|| {
        let words: Vec<_> = BuildStatus::ALL.iter().map(|one| one.as_str()).collect();
        Refusal::bad_request(format!("a build's status is one of {}", words.join(", ")))
    })
}

async fn answer_list(
    State(app): Controller,
    project: Option<ProjectName>,
    status: Option<BuildStatus>,
    page: Page,
) -> Result<Response, Refusal> {
    let before: Option<Before> = page
        .after
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| Refusal::bad_request("after is what the Link of the page before said"))?;
    blocking(move || {
        let filter = BuildFilter { project, status };
        let mut waits = Waits::new(&app);
        let (builds, next) = app.state.read(|tx| {
            fill(
                &page,
                |last: Option<&BuildRecord>, limit| {
                    let before = last.map(Before::of).or(before);
                    Ok(tx.builds(&filter, before, limit)?)
                },
                |record| {
                    let terms = tx.terms_once(record)?;
                    Ok::<_, Refusal>(waits.show(record, &terms))
                },
                |record| Before::of(record).to_string(),
            )
        })?;
        Ok(page.answer(&Builds { builds }, next.as_deref()))
    })
    .await
}

fn missing(id: &BuildId) -> Refusal {
    Refusal::not_found(format!("there is no build {id}"))
}

/// A build as it is; with `?wait=` as it is when it has ended, or when the wait has.
async fn build_get(
    State(app): Controller,
    caller: Caller,
    path: NamePath,
    Query(asked): Query<AskedBuild>,
) -> Result<Response, Refusal> {
    BUILD.expect_name(&path)?;
    caller.authorize::<scope::BuildsIdGet>()?;
    let id: BuildId = path.parse()?;
    let deadline = until(asked.wait.as_deref())?;
    let mut watcher = asked
        .wait
        .is_some()
        .then(|| app.logs.hints().watch(id.clone()));
    loop {
        let may_wait = watcher.is_some();
        let (app, id) = (Arc::clone(&app), id.clone());
        let answer = blocking(move || {
            let found = app.state.read(|tx| match tx.build(&id)? {
                Some(record) if may_wait && !record.state.status.has_ended() => {
                    Ok::<_, Error>(Some(None))
                }
                Some(record) => Ok(Some(Some((tx.terms(&record)?, record)))),
                None => Ok(None),
            })?;
            let Some((terms, record)) = found.ok_or_else(|| missing(&id))? else {
                return Ok(None);
            };
            let shown = Waits::new(&app).show(&record, &terms);
            let tag = etag(&show::build_version(&record));
            Ok(Some(([(header::ETAG, tag)], Json(shown)).into_response()))
        })
        .await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        if let Some(changes) = &mut watcher
            && changes.changed(deadline).await != Woken::Changed
        {
            // As it is, then.
            watcher = None;
        }
    }
}

async fn build_delete(
    State(app): Controller,
    _: Authorized<scope::BuildsIdDelete>,
    path: NamePath,
    headers: http::HeaderMap,
) -> Result<Response, Refusal> {
    BUILD.expect_name(&path)?;
    let id: BuildId = path.parse()?;
    blocking(move || {
        app.delete_build(&id, |record| {
            if_match(&headers, Some(&show::build_version(record)))
        })?;
        Ok(Json(json!({})).into_response())
    })
    .await
}

async fn build_post(
    State(app): Controller,
    caller: Caller,
    path: NamePath,
) -> Result<Response, Refusal> {
    if path.suffix.as_deref() != Some("+cancel") {
        return Err(BUILD.refusal(&path));
    }
    caller.authorize::<scope::BuildsIdCancelPost>()?;
    let id: BuildId = path.parse()?;
    blocking(move || {
        let now = app.now();
        let moved = app.state.write(|tx| {
            let build = tx.build(&id)?.ok_or_else(|| missing(&id))?;
            transition::happen(tx, build, Event::Cancel, now).map_err(|stuck| app.stuck(stuck))
        })?;
        app.settle(&moved);
        let shown = Waits::new(&app).show(&moved.build, &moved.terms);
        let tag = etag(&show::build_version(&moved.build));
        Ok(([(header::ETAG, tag)], Json(shown)).into_response())
    })
    .await
}
