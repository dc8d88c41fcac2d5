//! A worker acts for itself: not for another worker's lease, build, log or registration, and with its
//! own client for no blob at all.

use crate::forge::World;
use crate::wire::{Answer, ask, call};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Three scopes, as `create-worker` gives them.
fn worker(world: &World, name: &str) -> Result<String> {
    world.token_with(name, &ick_api::scope::WORKER.join(" "))
}

/// A world whose own worker takes no work, with a build of one action.
pub(crate) fn with_a_build(world: &World, action: &str) -> Result<String> {
    world.ick.run(&["drain-worker", "worker-1"])?.exits(0)?;
    world.ick.apply(&format!(
        "
projects:
  - project: p
    pipelines: [p]
pipelines:
  - pipeline: p
    actions:
      - {action}
"
    ))?;
    world.ick.trigger("p")
}

/// What a worker is given to do.
pub(crate) fn take(world: &World, token: &str) -> Result<Value> {
    let item = call(&world.controller, token, "GET", "/work?wait=30s", "")?.is(200, "work")?;
    let item = item.json()?;
    ensure!(item["lease"].is_string(), "no work: {item}");
    Ok(item)
}

/// The report that an item's action has ended well, with more fields.
pub(crate) fn report(world: &World, token: &str, item: &Value, more: &Value) -> Result<Answer> {
    let mut report = json!({
        "build_id": item["build_id"],
        "action_id": item["action_id"],
        "lease": item["lease"],
        "exit_code": 0,
    });
    if let (Some(report), Some(more)) = (report.as_object_mut(), more.as_object()) {
        report.extend(more.clone());
    }
    call(
        &world.controller,
        token,
        "POST",
        "/work",
        &report.to_string(),
    )
}

#[test]
fn a_worker_has_no_part_in_another_s_lease() -> Result<()> {
    let world = World::up()?;
    let build = with_a_build(&world, "{shell: echo x, where: host}")?;
    let (a, b) = (worker(&world, "a")?, worker(&world, "b")?);
    for token in [&a, &b] {
        call(&world.controller, token, "POST", "/workers", "{}")?.is(201, "register")?;
    }
    let item = take(&world, &a)?;
    ensure!(item["worker"] == "a", "{item}");
    let lease = item["lease"].as_str().context("no lease")?;
    let shown = world.ick.build(&build)?;

    // Whatever the body says, a registration is the token's own.
    let body = r#"{"worker": "a", "slots": 9, "drained": true}"#;
    let own = call(&world.controller, &b, "POST", "/workers", body)?.is(200, "register")?;
    ensure!(own.json()?["worker"] == "b", "{own:?}");
    let mine = call(&world.controller, &b, "GET", "/work?slot=1", "")?.is(200, "work")?;
    ensure!(mine.body == "{}", "{mine:?}");
    let renew = format!("/work/+lease?lease={lease}");
    let append = format!("/work/+log?lease={lease}&offset=0");
    for token in [&b, &world.whole_token()?] {
        call(&world.controller, token, "GET", &renew, "")?.is(409, &renew)?;
        report(&world, token, &item, &json!({"stdout": "false\n"}))?.is(409, "report")?;
        report(&world, token, &item, &json!({"worker": "a"}))?.is(409, "report")?;
        let framed = "\u{1}\0\0\0\0\0\0\0\0\0\0\0\u{5}false";
        let headers =
            format!("Authorization: Bearer {token}\r\nContent-Type: application/vnd.ick.log\r\n");
        ask(&world.controller, "POST", &append, &headers, framed)?.is(409, &append)?;
        ask(&world.controller, "POST", &append, &headers, "")?.is(409, &append)?;
    }
    for (method, path, scope) in [
        ("GET", "/workers/a", "uapi_workers_id_get"),
        ("PUT", "/workers/a", "uapi_workers_id_put"),
        ("DELETE", "/workers/a", "uapi_workers_id_delete"),
        ("POST", "/workers/a/+drain", "uapi_workers_id_drain_post"),
        ("POST", "/workers/a/+resume", "uapi_workers_id_drain_post"),
        ("GET", "/workers", "uapi_workers_get"),
        ("GET", "/builds/p/1", "uapi_builds_id_get"),
        ("POST", "/builds/p/1/+cancel", "uapi_builds_id_cancel_post"),
        ("DELETE", "/builds/p/1", "uapi_builds_id_delete"),
        ("GET", "/logs/p/1", "uapi_logs_id_get"),
        ("GET", "/projects/p", "uapi_projects_id_get"),
    ] {
        for token in [&a, &b] {
            call(&world.controller, token, method, path, "{}")?.lacks(scope, path)?;
        }
    }
    for (method, path, scope) in [
        ("GET", "/blobs", "uapi_blobs_get"),
        ("GET", "/blobs/x", "uapi_blobs_id_get"),
        ("PUT", "/blobs/x", "uapi_blobs_id_put"),
        ("DELETE", "/blobs/x", "uapi_blobs_id_delete"),
    ] {
        call(&world.store, &a, method, path, "{}")?.lacks(scope, path)?;
    }

    // Nothing has changed, and the lease is still its worker's.
    assert_eq!(world.ick.build(&build)?, shown);
    assert_eq!(world.ick.log(&build)?, "");
    let whole = world.whole_token()?;
    let there = call(&world.controller, &whole, "GET", "/workers/a", "")?
        .is(200, "a")?
        .json()?;
    ensure!(there["slots"] == 1 && there["drained"] == false, "{there}");
    call(&world.controller, &a, "GET", &renew, "")?.is(200, "its own lease")?;
    let next = report(&world, &a, &item, &json!({}))?
        .is(200, "its own report")?
        .json()?;
    report(&world, &a, &next, &json!({"stdout": "x\n"}))?.is(200, "the last report")?;
    assert_eq!(world.ick.log(&build)?, "x\n");
    // A lease that has ended is nobody's.
    call(&world.controller, &a, "GET", &renew, "")?.is(409, "afterwards")?;
    report(&world, &b, &next, &json!({}))?.is(409, "afterwards")?;
    assert_eq!(world.ick.build(&build)?["status"], "done");
    Ok(())
}
