//! Whatever a client sends, no server fails: random and nasty requests for every call that is described.
//!
//! `ICK_SEED=N` sends those of an earlier run again, `ICK_REQUESTS=N` so many for each call.

use crate::answers::{documents, problems};
use crate::described::{Call, calls};
use crate::nasty::{body, headers, path, query};
use crate::random::Random;
use crate::raw::{Answer, Request};
use crate::world::World;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many requests each call gets.
const REQUESTS: u64 = 250;

/// A token is good for five minutes: a fresh one is fetched after so many requests.
const TOKEN: u64 = 1000;

/// After so many findings no more are looked for.
const ENOUGH: usize = 8;

#[test]
fn no_request_makes_a_server_fail() -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = number("ICK_SEED").unwrap_or(u64::try_from(time.as_micros())?);
    let requests = number("ICK_REQUESTS").unwrap_or(REQUESTS);
    sent(seed, requests)
        .with_context(|| format!("again with ICK_SEED={seed} ICK_REQUESTS={requests}"))
}

fn sent(seed: u64, requests: u64) -> Result<()> {
    let mut world = World::new()?;
    let pids = world.pids()?;
    let documents = documents()?;
    let calls = calls()?;
    let mut count = 0;
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        for n in 0..requests {
            // Each is a matter of its own seed, so that one can be had again without those before.
            let mut random = Random::new(seed ^ (place as u64) << 32 ^ n);
            let hostile = Hostile::new(&mut random, call, &documents[call.service], &world.token);
            let answer = world.send(call.service, &hostile.request)?;
            *seen.entry(answer.status).or_default() += 1;
            let found = hostile.judged(call, &calls, &documents, &answer);
            if !found.is_empty() {
                let (call, request) = (call.shown(), &hostile.request);
                wrong.push(format!(
                    "{call}, request {n}: {found:#?}\n{request:?}\n\n{answer:?}"
                ));
            }
            ensure!(wrong.len() < ENOUGH, "{}", wrong.join("\n\n"));
            count += 1;
            if count % TOKEN == 0 {
                world.renew()?;
            }
        }
    }
    world.is_well(&pids)?;
    // They are of all kinds, or nothing would be said by this.
    println!("{count} requests: {seen:?}");
    for status in [200, 201, 400, 401, 404, 405, 409, 412, 413, 415, 422] {
        ensure!(
            seen.contains_key(&status),
            "nothing was answered {status}: {seen:?}"
        );
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

/// A request that something about may be wrong.
struct Hostile {
    request: Request,
    /// It is for the described call, whatever else is wrong.
    for_the_call: bool,
}

impl Hostile {
    fn new(random: &mut Random, call: &Call, root: &Value, token: &str) -> Self {
        let (path, mut for_the_call) = path(random, call);
        let mut target = path;
        target.extend(query(random, call, root));
        let mut request = Request::new(&call.method, "");
        request.target = target;
        if random.once_in(25) {
            request.method = random
                .one_of(&["PATCH", "OPTIONS", "DELETE", "POST", "BREW", "TRACE"])
                .to_owned();
            for_the_call = false;
        }
        if !random.once_in(30) {
            request = request.token(token);
        }
        for header in headers(random, call) {
            request.headers.push(header);
        }
        body(random, call, root, &mut request);
        Self {
            request,
            for_the_call,
        }
    }

    fn judged(
        &self,
        call: &Call,
        calls: &[Call],
        documents: &BTreeMap<&str, Value>,
        answer: &Answer,
    ) -> Vec<String> {
        let status = answer.status;
        if self.for_the_call {
            // Too long a head is refused before there is a call.
            let before = [414, 431].contains(&status);
            return if before {
                Vec::new()
            } else {
                problems(documents, call, answer)
            };
        }
        let known: BTreeSet<&str> = calls
            .iter()
            .filter(|other| other.service == call.service)
            .flat_map(|other| other.responses().keys().map(String::as_str))
            .collect();
        let mut found = Vec::new();
        if !known.contains(&*status.to_string()) && ![405, 414, 431].contains(&status) {
            found.push(format!("no call of the service answers {status}"));
        }
        let words = || {
            answer.json().is_ok_and(|problem| {
                problem["detail"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            })
        };
        let has_body =
            self.request.method != "HEAD" && ![414, 431].contains(&status) && call.path != "/token";
        if status >= 400 && has_body && (answer.kind() != "application/problem+json" || !words()) {
            found.push("a refusal without words".to_owned());
        }
        found
    }
}
