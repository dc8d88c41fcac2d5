//! Every call needs its own scope, which is named when it is missing; and who asks comes before what
//! is sent.

use crate::forge::{World, with};
use crate::wire::{call, send};
use anyhow::{Result, ensure};
use serde_json::json;

/// The calls of a server: method, path, scope.
type Calls = &'static [(&'static str, &'static str, &'static str)];

const CONTROLLER: Calls = &[
    ("GET", "/projects", "uapi_projects_get"),
    ("POST", "/projects", "uapi_projects_post"),
    ("GET", "/projects/a/b", "uapi_projects_id_get"),
    ("PUT", "/projects/a/b", "uapi_projects_id_put"),
    ("DELETE", "/projects/a/b", "uapi_projects_id_delete"),
    (
        "POST",
        "/projects/a/b/+trigger",
        "uapi_projects_id_trigger_post",
    ),
    (
        "GET",
        "/projects/a/b/+builds",
        "uapi_projects_id_builds_get",
    ),
    ("GET", "/pipelines", "uapi_pipelines_get"),
    ("POST", "/pipelines", "uapi_pipelines_post"),
    ("GET", "/pipelines/a/b", "uapi_pipelines_id_get"),
    ("PUT", "/pipelines/a/b", "uapi_pipelines_id_put"),
    ("DELETE", "/pipelines/a/b", "uapi_pipelines_id_delete"),
    ("POST", "/+make-it-so", "uapi_make_it_so_post"),
    ("GET", "/builds", "uapi_builds_get"),
    ("GET", "/builds/a/b/1", "uapi_builds_id_get"),
    ("DELETE", "/builds/a/b/1", "uapi_builds_id_delete"),
    (
        "POST",
        "/builds/a/b/1/+cancel",
        "uapi_builds_id_cancel_post",
    ),
    ("GET", "/logs/a/b/1", "uapi_logs_id_get"),
    ("GET", "/workers", "uapi_workers_get"),
    ("POST", "/workers", "uapi_workers_post"),
    ("GET", "/workers/w", "uapi_workers_id_get"),
    ("PUT", "/workers/w", "uapi_workers_id_put"),
    ("DELETE", "/workers/w", "uapi_workers_id_delete"),
    ("POST", "/workers/w/+drain", "uapi_workers_id_drain_post"),
    ("POST", "/workers/w/+resume", "uapi_workers_id_drain_post"),
    ("GET", "/work", "uapi_work_get"),
    ("GET", "/work/+lease?lease=l", "uapi_work_get"),
    ("POST", "/work", "uapi_work_post"),
    ("POST", "/work/+log?lease=l&offset=0", "uapi_work_post"),
    ("GET", "/metrics", "uapi_metrics_get"),
];

const STORE: Calls = &[
    ("GET", "/blobs", "uapi_blobs_get"),
    ("GET", "/blobs/a/b", "uapi_blobs_id_get"),
    ("HEAD", "/blobs/a/b", "uapi_blobs_id_get"),
    ("PUT", "/blobs/a/b", "uapi_blobs_id_put"),
    ("DELETE", "/blobs/a/b", "uapi_blobs_id_delete"),
    ("GET", "/metrics", "uapi_metrics_get"),
];

const IDP: Calls = &[
    ("GET", "/clients", "uapi_clients_get"),
    ("POST", "/clients", "uapi_clients_post"),
    ("GET", "/clients/a/b", "uapi_clients_id_get"),
    ("DELETE", "/clients/a/b", "uapi_clients_id_delete"),
    (
        "POST",
        "/clients/a/b/+secret",
        "uapi_clients_id_secret_post",
    ),
    ("GET", "/metrics", "uapi_metrics_get"),
];

fn all(world: &World) -> [(&str, Calls); 3] {
    [
        (&world.controller, CONTROLLER),
        (&world.store, STORE),
        (&world.idp, IDP),
    ]
}

#[test]
fn every_call_needs_its_own_scope_and_no_other() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let claims = world.claims()?;
    let with_scopes = |scope: &str| signer.token(&with(&claims, "scope", json!(scope)));
    let mut seen = Vec::new();
    for (url, calls) in all(&world) {
        for (method, path, scope) in calls {
            let what = format!("{method} {path}");
            let others: Vec<&str> = ick_api::scope::ALL
                .iter()
                .copied()
                .filter(|one| one != scope)
                .collect();
            let without = with_scopes(&others.join(" "));
            call(url, &without, method, path, "{}")?.lacks(scope, &what)?;
            call(url, &with_scopes(""), method, path, "{}")?.lacks(scope, &what)?;
            let narrowed = format!("{scope}:other {scope}_ x{scope} {}", scope.to_uppercase());
            call(url, &with_scopes(&narrowed), method, path, "{}")?.lacks(scope, &what)?;
            let enough = call(url, &with_scopes(scope), method, path, "{}")?;
            ensure!(
                !matches!(enough.status, 401 | 403 | 500..),
                "{what}: {enough:?}"
            );
            seen.push(*scope);
        }
    }
    for scope in ick_api::scope::ALL {
        ensure!(seen.contains(scope), "no call here needs {scope}");
    }
    Ok(())
}

#[test]
fn who_asks_is_looked_at_before_what_is_sent() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let poor = signer.token(&with(&world.claims()?, "scope", json!("")));
    for (url, calls) in all(&world) {
        for (method, path, scope) in calls {
            if !matches!(*method, "POST" | "PUT") {
                continue;
            }
            // None of the bodies is sent. Whoever waits for one would not answer.
            for promise in ["", "Expect: 100-continue\r\n"] {
                let head = |more: &str| {
                    format!(
                        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                         Content-Length: 100000\r\n{promise}{more}\r\n"
                    )
                };
                let what = format!("{method} {path} {promise}");
                send(url, head("").as_bytes())?.is(401, &what)?;
                let bad = head("Authorization: Bearer a.b.c\r\n");
                send(url, bad.as_bytes())?.refuses_token(&what)?;
                let lacking = head(&format!("Authorization: Bearer {poor}\r\n"));
                send(url, lacking.as_bytes())?.lacks(scope, &what)?;
            }
        }
    }
    Ok(())
}
