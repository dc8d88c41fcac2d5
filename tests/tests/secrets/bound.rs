//! Credentials and tokens go to the servers that they are for: a controller that names others is
//! refused in words, and no redirect is followed. `thief` is the server that must get nothing.

use crate::fake::{Fake, Reply};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome, program};
use serde_json::json;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

const SECRET: &str = "the-client's-secret-0123456789";
const TOKEN: &str = "the-token-that-the-idp-gave";

/// A controller, its identity provider and its store, which answer as one is told.
struct World {
    ick: Ick,
    controller: Fake,
    idp: Fake,
    store: Fake,
    thief: Fake,
    named: Arc<Mutex<Named>>,
}

/// What the controller says of the others, and who redirects to the thief.
#[derive(Clone, Default)]
struct Named {
    auth_url: String,
    artifact_store: String,
    /// The beginning of the calls that are redirected, with which status, and where to.
    redirect: Option<(&'static str, u16, String)>,
}

impl Named {
    fn redirected(&self, call: &str) -> Option<Reply> {
        let (begin, status, to) = self.redirect.as_ref()?;
        let path = call.split(' ').nth(1).unwrap_or_default();
        call.starts_with(begin)
            .then(|| Reply::redirect(*status, &format!("{to}{path}")))
    }
}

impl World {
    fn new() -> Result<Self> {
        let named = Arc::new(Mutex::new(Named::default()));
        let serve = |answer: fn(&str, &Named) -> Reply| {
            let named = Arc::clone(&named);
            Fake::start(move |call| {
                let named = named.lock().unwrap_or_else(PoisonError::into_inner).clone();
                named
                    .redirected(call)
                    .unwrap_or_else(|| answer(call, &named))
            })
        };
        let world = Self {
            ick: Ick::new()?,
            controller: serve(as_controller)?,
            idp: serve(|_, _| {
                let token =
                    json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300});
                Reply::json(200, token.to_string())
            })?,
            store: serve(|_, _| Reply::json(200, r#"{"blobs": [], "clients": []}"#))?,
            thief: Fake::thief()?,
            named: Arc::clone(&named),
        };
        let (idp, store) = (world.idp.url.clone(), world.store.url.clone());
        world.name(|named| (named.auth_url, named.artifact_store) = (idp, store));
        Ok(world)
    }

    fn name(&self, change: impl FnOnce(&mut Named)) {
        change(&mut self.named.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// icktool with these variables, for this controller.
    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Result<Outcome> {
        let home = self.ick.folder().join("home");
        let mut command = Command::new(program("icktool")?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("ICK_CONTROLLER", &self.controller.url)
            .envs(variables.iter().copied())
            .current_dir(self.ick.folder())
            .stdin(Stdio::null())
            .args(args);
        Outcome::of(&mut command)
    }

    fn nothing_was_stolen(&self, what: &str) -> Result<()> {
        let seen = self.thief.seen();
        ensure!(seen.is_empty(), "{what}: {seen:#?}");
        Ok(())
    }
}

fn as_controller(call: &str, named: &Named) -> Reply {
    match call {
        "GET /version" => Reply::json(
            200,
            json!({
                "version": "1",
                "api": 1,
                "auth_url": named.auth_url,
                "artifact_store": named.artifact_store,
            })
            .to_string(),
        ),
        "POST /workers" => Reply::json(201, r#"{"worker": "me"}"#),
        call if call.starts_with("GET /work") => Reply::json(503, "{}"),
        _ => Reply::json(200, r#"{"projects": []}"#),
    }
}

/// The ways in which icktool is given what it sends.
fn ways() -> [(&'static str, Vec<(&'static str, &'static str)>); 3] {
    [
        ("login", vec![]),
        (
            "credentials of the environment",
            vec![("ICK_CLIENT_ID", "me"), ("ICK_CLIENT_SECRET", SECRET)],
        ),
        ("a token of the environment", vec![("ICK_TOKEN", TOKEN)]),
    ]
}

/// A world in which the credentials of a way were used once, at every server.
fn used(way: &str, variables: &[(&str, &str)]) -> Result<World> {
    let world = World::new()?;
    if way == "login" {
        let file = world.ick.folder().join("secret");
        std::fs::write(&file, SECRET)?;
        let file = file.display().to_string();
        let args = ["login", "--client-id", "me", "--client-secret-file", &file];
        world.run(&args, &[])?.exits(0)?;
    }
    world.run(&["list-projects"], variables)?.exits(0)?;
    world.run(&["list-artifacts"], variables)?.exits(0)?;
    for server in [&world.controller, &world.store] {
        let seen = server.seen();
        let bearer = format!("authorization: bearer {TOKEN}");
        let with_token = seen
            .iter()
            .filter(|one| one.0.to_lowercase().contains(&bearer));
        ensure!(with_token.count() == 1, "{way}: {seen:#?}");
        ensure!(
            !format!("{seen:?}").contains(SECRET),
            "the secret is for the idp: {seen:#?}"
        );
    }
    Ok(world)
}

#[test]
fn icktool_refuses_another_issuer_and_another_store() -> Result<()> {
    for (way, variables) in ways() {
        let world = used(way, &variables)?;
        let thief = world.thief.url.clone();
        world.name(|named| named.auth_url.clone_from(&thief));
        for args in [
            &["list-projects"][..],
            &["list-clients"],
            &["list-artifacts"],
        ] {
            world
                .run(args, &variables)?
                .exits(5)?
                .says(&thief)?
                .says(&world.idp.url)?
                .says("log in again")?;
        }
        let (idp, store) = (world.idp.url.clone(), world.store.url.clone());
        world.name(|named| (named.auth_url, named.artifact_store) = (idp, thief.clone()));
        std::fs::write(world.ick.folder().join("file"), "x")?;
        for args in [
            &["list-artifacts"][..],
            &["get-artifact", "x", "-o", "x"],
            &["put-artifact", "file", "x"],
            &["list-projects"],
        ] {
            world
                .run(args, &variables)?
                .exits(5)?
                .says(&thief)?
                .says(&store)?
                .says("the artifact store")?;
        }
        world.nothing_was_stolen(way)?;
        world.name(|named| named.artifact_store.clone_from(&store));
        world.run(&["list-artifacts"], &variables)?.exits(0)?;
    }
    Ok(())
}

#[test]
fn icktool_follows_no_redirect() -> Result<()> {
    let (way, variables) = ("login", []);
    let world = used(way, &variables)?;
    for (args, begin) in [
        (&["list-projects"][..], "GET /projects"),
        (&["list-artifacts"], "GET /blobs"),
        (&["list-clients"], "GET /clients"),
        (&["list-projects"], "GET /version"),
        (&["build", "p"], "POST /projects"),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let to = world.thief.url.clone();
            world.name(|named| named.redirect = Some((begin, status, to)));
            let outcome = world.run(args, &variables)?;
            ensure!(outcome.code != Some(0), "{begin} {status}: {outcome:?}");
            world.nothing_was_stolen(&format!("{begin} {status}"))?;
        }
    }
    let to = world.thief.url.clone();
    world.name(|named| named.redirect = Some(("POST /token", 307, to)));
    let fresh = [("ICK_CLIENT_ID", "other"), ("ICK_CLIENT_SECRET", SECRET)];
    let outcome = world.run(&["list-projects"], &fresh)?;
    ensure!(outcome.code != Some(0), "{outcome:?}");
    world.nothing_was_stolen("POST /token")
}

/// Runs the worker until it has asked for work, or has ended; what it said, and its exit code.
fn work(world: &World) -> Result<(Option<i32>, String)> {
    let state = world.ick.folder().join("worker");
    let asked = || {
        let seen = world.controller.seen();
        seen.iter()
            .filter(|one| one.call().starts_with("GET /work"))
            .count()
    };
    let before = asked();
    let log = std::fs::File::create(world.ick.folder().join("worker.log"))?;
    let mut worker = Command::new(program("ick-worker")?)
        .env("ICK_LOG", "trace")
        .args(["serve", "--state"])
        .arg(&state)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()?;
    let code = ick_tests::eventually("the worker to work or to end", || {
        let ended = worker.try_wait()?;
        Ok((ended.is_some() || asked() > before).then_some(ended))
    });
    let ended = code.inspect_err(|_| {
        let _ = worker.kill();
    })?;
    if ended.is_none() {
        worker.kill()?;
        worker.wait()?;
    }
    let said = std::fs::read_to_string(world.ick.folder().join("worker.log"))?;
    ensure!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");
    Ok((ended.and_then(|status| status.code()), said))
}

#[test]
fn the_worker_refuses_another_issuer_another_store_and_redirects() -> Result<()> {
    let world = World::new()?;
    let state = world.ick.folder().join("worker");
    std::fs::create_dir(&state)?;
    std::fs::write(
        state.join("config.yaml"),
        format!(
            "controller: {}\nclient_id: me\nclient_secret: {SECRET}\n",
            world.controller.url
        ),
    )?;
    let (code, said) = work(&world)?;
    ensure!(code.is_none(), "it should work: {said}");
    let (idp, store, thief) = (
        world.idp.url.clone(),
        world.store.url.clone(),
        world.thief.url.clone(),
    );
    for (auth_url, artifact_store, before) in [(&thief, &store, &idp), (&idp, &thief, &store)] {
        world.name(|named| {
            named.auth_url.clone_from(auth_url);
            named.artifact_store.clone_from(artifact_store);
        });
        let (code, said) = work(&world)?;
        ensure!(code == Some(2), "{code:?}: {said}");
        let last = said.lines().last().context("nothing")?;
        for part in [&thief, before, "nothing was sent", "binding.json"] {
            ensure!(last.contains(part), "{part}: {said}");
        }
    }
    world.name(|named| named.artifact_store.clone_from(&store));
    for begin in ["POST /workers", "POST /token", "GET /version"] {
        let to = thief.clone();
        world.name(|named| named.redirect = Some((begin, 307, to)));
        let asked = world.controller.seen().len() + world.idp.seen().len();
        let mut worker = Command::new(program("ick-worker")?)
            .args(["serve", "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It was redirected, and what it does next it has done.
        let again =
            ick_tests::eventually("the worker to meet the redirect twice or to end", || {
                let calls = world
                    .controller
                    .seen()
                    .into_iter()
                    .chain(world.idp.seen())
                    .skip(asked);
                let met = calls.filter(|one| one.call().starts_with(begin)).count();
                Ok((met > 1 || worker.try_wait()?.is_some()).then_some(()))
            });
        let _ = worker.kill();
        worker.wait()?;
        again?;
        world.nothing_was_stolen(begin)?;
    }
    world.name(|named| named.redirect = None);
    let (code, said) = work(&world)?;
    ensure!(code.is_none(), "it works again: {said}");
    Ok(())
}
