//! Nobody comes by a right that they do not have: not by a new client, a client of others, or a token
//! of a client that is gone.

use crate::forge::World;
use crate::wire::{Answer, call};
use anyhow::{Result, ensure};
use ick_client::Credentials;
use serde_json::json;

/// What a keeper of clients needs, and some rights to give away.
const KEEPER: &str = "uapi_clients_get uapi_clients_post uapi_clients_id_get uapi_clients_id_delete \
                      uapi_clients_id_secret_post uapi_work_get uapi_projects_get";

fn create(world: &World, by: &str, name: &str, scope: &str) -> Result<Answer> {
    let body = json!({"client_id": name, "scope": scope}).to_string();
    call(&world.idp, by, "POST", "/clients", &body)
}

#[test]
fn a_client_gives_only_what_it_has() -> Result<()> {
    let world = World::up()?;
    let keeper = world.client("keeper", KEEPER)?;
    let token = world.token(&keeper, None)?;
    create(&world, &token, "mine", "uapi_projects_get")?.is(201, "what it has")?;
    for (scope, lacks) in [
        ("uapi_projects_post", "uapi_projects_post"),
        ("uapi_projects_get uapi_work_post x", "uapi_work_post x"),
        ("uapi_blobs_id_get:a", "uapi_blobs_id_get:a"),
        ("uapi_projects_get:a", "uapi_projects_get:a"),
        ("UAPI_PROJECTS_GET", "UAPI_PROJECTS_GET"),
        ("*", "*"),
    ] {
        create(&world, &token, "theirs", scope)?.lacks(lacks, scope)?;
    }
    let all = ick_api::scope::ALL.join(" ");
    create(&world, &token, "theirs", &all)?.is(403, "everything")?;
    // A narrowed token has what it was given, whatever its client has.
    let narrow = world.token(&keeper, Some("uapi_clients_post"))?;
    create(&world, &narrow, "theirs", "uapi_projects_get")?
        .lacks("uapi_projects_get", "narrowed")?;
    call(&world.idp, &token, "GET", "/clients/theirs", "")?.is(404, "it was never made")?;
    // Nor is more to be had for asking.
    for scope in [
        "uapi_projects_post",
        "uapi_projects_get uapi_work_post",
        &all,
    ] {
        ensure!(world.token(&keeper, Some(scope)).is_err(), "{scope}");
    }
    Ok(())
}

#[test]
fn a_stronger_client_is_neither_taken_over_nor_replaced() -> Result<()> {
    let world = World::up()?;
    let keeper = world.client("keeper", KEEPER)?;
    let token = world.token(&keeper, None)?;
    let before = call(&world.idp, &token, "GET", "/clients", "")?
        .is(200, "the list")?
        .body;
    // icktool's client has every scope, the worker's has two that the keeper has not.
    for name in ["icktool", "worker-1"] {
        let path = format!("/clients/{name}");
        create(&world, &token, name, "uapi_work_get")?.is(409, "it is there")?;
        for (method, path) in [("POST", format!("{path}/+secret")), ("DELETE", path)] {
            let refused = call(&world.idp, &token, method, &path, "")?.is(403, &path)?;
            let lacks = refused.header("www-authenticate").unwrap_or_default();
            ensure!(lacks.contains("uapi_work_post"), "{lacks}");
        }
    }
    let after = call(&world.idp, &token, "GET", "/clients", "")?
        .is(200, "the list")?
        .body;
    assert_eq!(before, after);
    // What is no stronger than its keeper it may change, delete, make again.
    create(&world, &token, "mine", "uapi_projects_get")?.is(201, "made")?;
    call(&world.idp, &token, "POST", "/clients/mine/+secret", "")?.is(200, "changed")?;
    let narrow = world.token(&keeper, Some("uapi_clients_id_delete"))?;
    call(&world.idp, &narrow, "DELETE", "/clients/mine", "")?
        .lacks("uapi_projects_get", "narrowed")?;
    call(&world.idp, &token, "DELETE", "/clients/mine", "")?.is(200, "deleted")?;
    create(&world, &token, "mine", "uapi_work_get")?.is(201, "made again")?;
    Ok(())
}

/// A token holds until it ends, five minutes at most, for the servers ask nobody. But nothing that would
/// last longer can be made with it once its client is gone.
#[test]
fn a_client_that_is_gone_gets_no_token_and_gives_nothing() -> Result<()> {
    let world = World::up()?;
    let keeper = world.client("keeper", KEEPER)?;
    let token = world.token(&keeper, None)?;
    create(&world, &token, "mate", "uapi_work_get")?.is(201, "before")?;
    world.ick.run(&["delete-client", "keeper"])?.exits(0)?;
    ensure!(world.token(&keeper, None).is_err());
    let wrong = Credentials {
        client_secret: ick_core::secret::Secret::new("x"),
        ..keeper
    };
    ensure!(world.token(&wrong, None).is_err());
    call(&world.controller, &token, "GET", "/projects", "")?.is(200, "until it ends")?;
    create(&world, &token, "other", "uapi_work_get")?.is(403, "a client")?;
    call(&world.idp, &token, "POST", "/clients/mate/+secret", "")?.is(403, "a secret")?;
    call(&world.idp, &token, "DELETE", "/clients/mate", "")?.is(403, "a deletion")?;
    Ok(())
}
