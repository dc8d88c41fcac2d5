//! What a real system answers is as it is described.

use crate::described::{Call, calls, document};
use crate::raw::{Answer, Request};
use crate::schema;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Holds an answer against the description of its call.
pub(crate) fn problems(
    documents: &BTreeMap<&str, Value>,
    call: &Call,
    answer: &Answer,
) -> Vec<String> {
    let status = answer.status;
    let Some(mut response) = call.responses().get(&status.to_string()) else {
        return vec![format!("the status {status} is not described")];
    };
    let root = &documents[call.service];
    if let Some(place) = response["$ref"].as_str() {
        response = root.pointer(&place[1..]).unwrap_or(&Value::Null);
    }
    let Some(content) = response["content"].as_object() else {
        let empty = answer.body.is_empty();
        return if empty {
            Vec::new()
        } else {
            vec!["there is a body".to_owned()]
        };
    };
    if call.method == "head" {
        return Vec::new();
    }
    let Some(described) = content.get(answer.kind()) else {
        return vec![format!("{:?} is not described for {status}", answer.kind())];
    };
    let mut found = Vec::new();
    let values = match answer.kind() {
        kind if kind.ends_with("ndjson") => lines(&answer.body),
        kind if kind.ends_with("json") => answer.json().map(|value| vec![value]),
        _ => return found,
    };
    match values {
        Ok(values) => {
            for value in &values {
                found.extend(schema::problems(root, &described["schema"], value));
            }
            if status >= 400 && answer.kind() == "application/problem+json" {
                let detail = values[0]["detail"].as_str().unwrap_or_default();
                if detail.is_empty() || values[0]["status"] != status {
                    found.push(format!(
                        "a problem without words, or of another status: {values:?}"
                    ));
                }
            }
        }
        Err(error) => found.push(format!("{error:#}")),
    }
    for name in response["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        // A page may be the last one.
        if name != "Link" && answer.header(&name.to_ascii_lowercase()).is_none() {
            found.push(format!("there is no {name}"));
        }
    }
    found
}

fn lines(body: &[u8]) -> Result<Vec<Value>> {
    let text = std::str::from_utf8(body)?;
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

pub(crate) fn documents() -> Result<BTreeMap<&'static str, Value>> {
    crate::described::SERVICES
        .into_iter()
        .map(|service| Ok((service, document(service)?)))
        .collect()
}

struct Held<'a> {
    world: &'a World,
    documents: BTreeMap<&'static str, Value>,
    calls: Vec<Call>,
}

impl Held<'_> {
    /// Sends a request for the first call of that method and path.
    fn asked(&self, method: &str, path: &str, request: &Request) -> Result<Answer> {
        let call = self
            .calls
            .iter()
            .find(|call| call.method == method && call.path == path)
            .with_context(|| format!("{method} {path} is not described"))?;
        self.answered(call, request)
    }

    /// Sends a request for a call; the answer must be a success, and as described.
    fn answered(&self, call: &Call, request: &Request) -> Result<Answer> {
        let answer = self.world.send(call.service, request)?;
        ensure!(answer.status < 400, "{}: {answer:?}", call.shown());
        let found = problems(&self.documents, call, &answer);
        ensure!(found.is_empty(), "{}: {found:#?}\n{answer:?}", call.shown());
        Ok(answer)
    }
}

#[test]
fn the_answers_of_a_real_system_are_as_described() -> Result<()> {
    let world = World::new()?;
    let held = Held {
        world: &world,
        documents: documents()?,
        calls: calls()?,
    };
    // What makes things first, and what removes them last.
    for method in ["put", "post", "get", "head", "delete"] {
        for call in held.calls.iter().filter(|call| call.method == method) {
            if call.path.starts_with("/work") || call.path == "/token" {
                continue;
            }
            let path = call.path_of(World::name_for(call));
            let mut request = Request::new(method, &path).token(&world.token);
            if let Some(body) = World::body_for(call) {
                request = request.json(&body);
            }
            held.answered(call, &request)?;
            if call.path.ends_with("+trigger") {
                world.ick.build_with_status("some/thing/2", "done")?;
            }
        }
    }
    variants(&held)?;
    as_a_worker(&held)
}

/// Other forms of the same calls.
fn variants(held: &Held<'_>) -> Result<()> {
    let world = held.world;
    let get = |path: &str| Request::new("GET", path).token(&world.token);
    let records = get("/logs/some/thing/2").header("Accept", "application/x-ndjson");
    held.asked("get", "/logs/{id}", &records)?;
    let part = get("/logs/some/thing/2").header("Range", "bytes=1-2");
    ensure!(held.asked("get", "/logs/{id}", &part)?.status == 206);
    let page = get("/builds?limit=1");
    let answer = held.asked("get", "/builds", &page)?;
    ensure!(answer.header("link").is_some(), "{answer:?}");
    let form = world.asks_for_token(None);
    held.asked("post", "/token", &form)?;
    Ok(())
}

/// Work, leases, logs and reports, as a small worker of its own would do them.
fn as_a_worker(held: &Held<'_>) -> Result<()> {
    let world = held.world;
    let up = world.ick.up_file()?;
    let own = up["workers"][0]["name"].as_str().context("a worker")?;
    world.ick.run(&["drain-worker", own])?.exits(0)?;
    world.ick.apply(
        "projects: [{project: by/hand, pipelines: [by/hand]}]\npipelines: [{pipeline: by/hand, actions: [{shell: 'true', where: host}]}]\n",
    )?;
    world.ick.trigger("by/hand")?;
    let work = Request::new("GET", "/work?wait=30s").token(&world.token);
    let item = held.asked("get", "/work", &work)?.json()?;
    let lease = item["lease"].as_str().context("a lease")?;
    let renew = format!("/work/+lease?lease={lease}&wait=1ms");
    held.asked(
        "get",
        "/work/+lease",
        &Request::new("GET", &renew).token(&world.token),
    )?;
    let append = format!("/work/+log?lease={lease}&offset=0");
    let mut append = Request::new("POST", &append)
        .token(&world.token)
        .header("Content-Type", "application/vnd.ick.log");
    append.body = [&[1; 1][..], &[0; 8], &3_u32.to_be_bytes(), b"abc"].concat();
    held.asked("post", "/work/+log", &append)?;
    let mut item = item;
    while item["action_id"].is_string() {
        let report = json!({
            "build_id": item["build_id"], "action_id": item["action_id"], "lease": item["lease"],
            "exit_code": 0, "log_length": 3,
        });
        let report = Request::new("POST", "/work")
            .token(&world.token)
            .json(&report);
        item = held.asked("post", "/work", &report)?.json()?;
    }
    let build = world.ick.build("by/hand/1")?;
    ensure!(build["status"] == "done", "{build}");
    Ok(())
}
