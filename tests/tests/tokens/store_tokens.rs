//! The tokens that the controller makes for the blobs of one action: good for those, at the store, and
//! for nothing else.

use crate::forge::{World, encode, now, with};
use crate::wire::call;
use crate::workers::{report, take, with_a_build};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ARCHIVE: &str = "{action: archive, artifact: kept/file}";

fn worker(world: &World, name: &str) -> Result<String> {
    world.token_with(name, &ick_api::scope::WORKER.join(" "))
}

/// Takes the build up to its action that archives.
fn archiving(world: &World, worker: &str) -> Result<Value> {
    let first = take(world, worker)?;
    let item = report(world, worker, &first, &json!({}))?
        .is(200, "the first action")?
        .json()?;
    ensure!(item["step"]["action"] == "archive", "{item}");
    Ok(item)
}

fn store_token(item: &Value) -> Result<&str> {
    item["store_token"].as_str().context("no store token")
}

#[test]
fn a_store_token_is_for_its_blob_and_its_method() -> Result<()> {
    let world = World::up()?;
    with_a_build(&world, ARCHIVE)?;
    let worker = worker(&world, "a")?;
    ensure!(
        take(&world, &worker)?["store_token"].is_null(),
        "for an action without blobs"
    );
    let item = archiving(&world, &worker)?;
    let token = store_token(&item)?;
    let put = |path: &str| call(&world.store, token, "PUT", path, "x");
    put("/blobs/kept/file")?.is(201, "its own blob")?;
    for name in [
        "other",
        "kept",
        "kept/fil",
        "kept/file2",
        "kept/file/x",
        "kept/File",
        "kept/../kept/other",
        "kept/%2e%2e/other",
        "kept//file",
        "kept/./file",
        "kept/file%00",
        "x/kept/file",
    ] {
        put(&format!("/blobs/{name}"))?.lacks("uapi_blobs_id_put", name)?;
    }
    for (method, path, scope) in [
        ("GET", "/blobs/kept/file", "uapi_blobs_id_get"),
        ("HEAD", "/blobs/kept/file", "uapi_blobs_id_get"),
        ("DELETE", "/blobs/kept/file", "uapi_blobs_id_delete"),
        ("GET", "/blobs?prefix=kept/file", "uapi_blobs_get"),
        ("GET", "/metrics", "uapi_metrics_get"),
    ] {
        call(&world.store, token, method, path, "")?.lacks(scope, path)?;
    }
    // The other servers do not know its issuer.
    for (url, path) in [(&world.controller, "/projects"), (&world.idp, "/clients")] {
        call(url, token, "GET", path, "")?.refuses_token(path)?;
    }
    Ok(())
}

#[test]
fn each_issuer_counts_for_its_own_tokens_only() -> Result<()> {
    let world = World::up()?;
    let (idp, controller) = (world.signer("idp")?, world.signer("controller")?);
    let claims = world.claims()?;
    let of_controller = with(&claims, "iss", json!(world.controller));
    // With the other's key, a token is nobody's.
    world.refuse(
        "the controller's key, the idp's name",
        &controller.token(&claims),
    )?;
    world.refuse(
        "the idp's key, the controller's name",
        &idp.token(&of_controller),
    )?;
    let header = with(&idp.header(), "kid", json!(controller.kid));
    world.refuse(
        "the idp's key by the controller's name",
        &idp.sign(&header, &of_controller),
    )?;
    world.refuse(
        "the idp's key by the controller's name",
        &idp.sign(&header, &claims),
    )?;

    // With its own key, the controller has nothing to say but for named blobs, and at the store alone.
    let all = controller.token(&of_controller);
    for (url, path) in [(&world.controller, "/projects"), (&world.idp, "/clients")] {
        call(url, &all, "GET", path, "")?.refuses_token(path)?;
    }
    let more = format!(
        "{} uapi_blobs_id_put:a uapi_blobs_get:a",
        ick_api::scope::ALL.join(" ")
    );
    let more = controller.token(&with(&of_controller, "scope", json!(more)));
    for (method, path, scope) in [
        ("GET", "/blobs", "uapi_blobs_get"),
        ("GET", "/blobs/a", "uapi_blobs_id_get"),
        ("PUT", "/blobs/b", "uapi_blobs_id_put"),
        ("DELETE", "/blobs/a", "uapi_blobs_id_delete"),
        ("GET", "/metrics", "uapi_metrics_get"),
    ] {
        call(&world.store, &all, method, path, "x")?.lacks(scope, path)?;
        call(&world.store, &more, method, path, "x")?.lacks(scope, path)?;
    }
    call(&world.store, &more, "PUT", "/blobs/a", "x")?.is(201, "the named one")?;

    let put = |field: &str, value: Value| {
        let named = with(&of_controller, "scope", json!("uapi_blobs_id_put:a"));
        let token = controller.token(&with(&named, field, value));
        call(&world.store, &token, "PUT", "/blobs/a", "x")
    };
    let now = now()?;
    put("exp", json!(now + 100))?.is(200, "good")?;
    put("exp", json!(now - 31))?.refuses_token("ended")?;
    put("nbf", json!(now + 120))?.refuses_token("not good yet")?;
    put("iat", json!(now + 120))?.refuses_token("from the future")?;
    put("aud", json!("other"))?.refuses_token("of another installation")?;
    put("scope", json!("uapi_blobs_id_put:b"))?.lacks("uapi_blobs_id_put", "another blob")?;
    let message = format!(
        "{}.{}",
        encode(r#"{"alg":"none"}"#),
        encode(of_controller.to_string())
    );
    world.refuse("none", &format!("{message}."))
}

/// The store asks nobody, so that a token of a lost lease is good until it ends, five minutes at most,
/// for the one blob that it names. It gets no successor, and what a build has recorded stays.
#[test]
fn the_token_of_a_lost_lease_has_no_successor_and_changes_no_record() -> Result<()> {
    let world = World::with_setting("controller", "lease_length: 2s\n")?;
    let build = with_a_build(&world, ARCHIVE)?;
    let (a, b) = (worker(&world, "a")?, worker(&world, "b")?);
    let lost = archiving(&world, &a)?;
    let renew = format!(
        "/work/+lease?lease={}",
        lost["lease"].as_str().unwrap_or_default()
    );
    // The worker is silent; its lease ends, and another gets the build.
    call(&world.controller, &b, "POST", "/workers", "{}")?.is(201, "register")?;
    let item = archiving(&world, &b)?;
    ensure!(item["attempt"] == 2, "{item}");
    let refused = call(&world.controller, &a, "GET", &renew, "")?.is(409, "the lost lease")?;
    ensure!(!refused.body.contains("eyJ"), "{refused:?}");
    report(&world, &a, &lost, &json!({}))?.is(409, "a report under the lost lease")?;

    let stored = call(
        &world.store,
        store_token(&item)?,
        "PUT",
        "/blobs/kept/file",
        "right",
    )?;
    let stored = stored.is(201, "the second attempt's")?.json()?;
    report(&world, &b, &item, &json!({"artifacts": [stored]}))?.is(200, "the report")?;
    let late = call(
        &world.store,
        store_token(&lost)?,
        "PUT",
        "/blobs/kept/file",
        "late",
    )?;
    late.is(200, "until it ends")?;
    call(
        &world.store,
        store_token(&lost)?,
        "PUT",
        "/blobs/kept/other",
        "late",
    )?
    .lacks("uapi_blobs_id_put", "another blob")?;
    let begun = Instant::now();
    while world.ick.build(&build)?["status"] != "done" {
        ensure!(
            begun.elapsed() < Duration::from_secs(30),
            "the build does not end"
        );
    }
    let got = world
        .ick
        .run(&["get-artifact", "kept/file", "--build", &build, "-o", "-"])?;
    assert_eq!(got.exits(0)?.stdout, "right");
    Ok(())
}
