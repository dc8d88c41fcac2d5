//! Keys rotate while clients work, and nobody is refused.

use crate::forge::World;
use crate::wire::call;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ick_client::{Credentials, Idp, TokenSource};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The shortest that the identity provider takes: a key each 14 seconds, fetched each second.
const SETTINGS: &str = "jwks_refresh: 1s\ntoken_lifetime: 10s\nkey_lifetime: 14s\n";

/// The first key, and three rotations.
const KEYS: usize = 4;

/// How long all that may take.
const LONG: Duration = Duration::from_secs(180);

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// The keys that their tokens were signed with.
    kids: Mutex<BTreeSet<String>>,
    calls: AtomicU64,
    /// Answers other than 200.
    refused: Mutex<Vec<String>>,
    enough: AtomicBool,
}

impl Seen {
    fn keys(&self) -> usize {
        self.kids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

fn kid(token: &str) -> Result<String> {
    let header = token.split('.').next().unwrap_or_default();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    Ok(header["kid"].as_str().context("no kid")?.to_owned())
}

/// Calls all three servers until there is enough, with a token that is renewed as icktool's is.
fn work(world: &World, credentials: &Credentials, seen: &Seen) -> Result<()> {
    let source = TokenSource::client(Idp::new(&world.idp)?, credentials.clone());
    while !seen.enough.load(Ordering::Relaxed) {
        let token = source.token()?;
        let token = token.reveal();
        let key = kid(token)?;
        seen.kids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key);
        for (url, path) in world.servers() {
            let answer = match call(url, token, "GET", path, "") {
                Ok(answer) => answer,
                // It is just being started again: not reached is not refused.
                Err(_) if url == world.idp => continue,
                Err(error) => return Err(error),
            };
            seen.calls.fetch_add(1, Ordering::Relaxed);
            if answer.status != 200 {
                seen.refused
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(format!("{path}: {answer:?}"));
            }
        }
    }
    Ok(())
}

/// Whether there is a key that is published and does not sign yet: the worst moment to be away.
fn a_key_is_coming(world: &World) -> Result<bool> {
    let file = world.ick.state().join("idp/keys.json");
    let keys: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let newest = keys["keys"].as_array().and_then(|keys| keys.last());
    let from = newest.and_then(|key| key["signs_from"].as_u64());
    Ok(from.is_some_and(|from| u128::from(from) > now))
}

#[test]
fn nobody_is_refused_while_keys_rotate_and_the_idp_restarts() -> Result<()> {
    let world = World::with_setting("idp", SETTINGS)?;
    let clients = (1..=3)
        .map(|n| {
            let scope = "uapi_projects_get uapi_blobs_get uapi_clients_get";
            world.client(&format!("client-{n}"), scope)
        })
        .collect::<Result<Vec<_>>>()?;
    let seen = Seen::default();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let working: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(|| work(&world, client, &seen)))
            .collect();
        let watched = watch(&world, &seen, begun);
        seen.enough.store(true, Ordering::Relaxed);
        for one in working {
            one.join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        watched
    })?;
    let refused = seen
        .refused
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let calls = seen.calls.into_inner();
    ensure!(
        refused.is_empty(),
        "{} of {calls} calls: {refused:#?}",
        refused.len()
    );
    ensure!(calls > 1000, "only {calls} calls");
    Ok(())
}

/// Waits for the rotations, and ends and starts the identity provider in the middle of the second.
fn watch(world: &World, seen: &Seen, begun: Instant) -> Result<()> {
    let mut restarted = false;
    while seen.keys() < KEYS {
        ensure!(begun.elapsed() < LONG, "only {} keys so far", seen.keys());
        if !restarted && seen.keys() >= 2 && a_key_is_coming(world)? {
            world.ick.kill("idp")?;
            world.ick.start()?;
            restarted = true;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    ensure!(restarted, "the identity provider was never started again");
    Ok(())
}
