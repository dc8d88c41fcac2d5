//! That the worker protocol is small: get a token, get work, report. And who may call what.

use crate::world::{Client, DEADLINE, Process, World, eventually};
use clap::Parser;
use ick_idp::program::Cli;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Runs this test program as identity provider, in a process of its own.
fn idp(args: &[&str], state: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "protocol::as_idp", "--ignored", "--nocapture"]);
    let state = state.to_str().unwrap();
    let args: Vec<_> = ["ick-idp"]
        .iter()
        .chain(args)
        .copied()
        .chain(["--state", state])
        .collect();
    command.env("ICK_TEST_IDP", args.join("\n"));
    command
}

#[test]
#[ignore = "not a test: what the identity provider's process executes"]
fn as_idp() {
    let Ok(args) = std::env::var("ICK_TEST_IDP") else {
        return;
    };
    ick_http::start();
    ick_idp::program::run(&Cli::parse_from(args.split('\n'))).unwrap();
}

/// Makes a client, and returns its secret.
fn create_client(state: &Path, name: &str, scopes: &[&str]) -> String {
    let scopes = scopes.join(" ");
    let output = idp(&["create-client", name, "--scope", &scopes], state)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let json = printed.lines().find(|line| line.starts_with('{')).unwrap();
    let client: Value = serde_json::from_str(json).unwrap();
    client["client_secret"].as_str().unwrap().to_owned()
}

/// The first of a worker's three calls.
fn get_token(idp: &str, client: &str, secret: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret),
    ];
    let mut response = ureq::post(format!("{idp}/token"))
        .config()
        .timeout_global(Some(DEADLINE))
        .build()
        .send_form(form)
        .unwrap();
    let answer: Value = response.body_mut().read_json().unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_worker_needs_three_calls() {
    let folder = tempfile::TempDir::new().unwrap();
    let admin = create_client(folder.path(), "admin", ick_api::scope::ALL);
    let worker = create_client(folder.path(), "tiny", ick_api::scope::WORKER);
    let idp = Process::start(&mut idp(
        &["serve", "--listen", "127.0.0.1:0"],
        folder.path(),
    ));
    let mut world = World::prepare("", &idp.url);
    world.start();
    let admin = Client::new(world.url(), &get_token(&idp.url, "admin", &admin));
    let text = "
projects:
  - {project: p, pipelines: [a]}
pipelines:
  - {pipeline: a, actions: [{shell: echo one, where: host}, {shell: echo two, where: host}]}
";
    let files = json!({"files": [{"name": "p.yaml", "text": text}]});
    admin.post("/+make-it-so", &files).is(200);

    // The worker, whole. Registering is a call more, once.
    let token = get_token(&idp.url, "tiny", &worker);
    let tiny = Client::new(world.url(), &token);
    tiny.post("/workers", &json!({})).is(201);
    let build = admin.post("/projects/p/+trigger", &json!({})).is(201);
    let mut item = tiny.get("/work?wait=30s").is(200);
    let mut executed = Vec::new();
    while item.get("lease").is_some() {
        let output = match item["step"]["shell"].as_str() {
            Some(script) => format!("ran: {script}\n"),
            None => String::new(),
        };
        executed.push(
            item["step"]["action"]
                .as_str()
                .unwrap_or("shell")
                .to_owned(),
        );
        let report = json!({
            "build_id": item["build_id"],
            "action_id": item["action_id"],
            "lease": item["lease"],
            "exit_code": 0,
            "stdout": output,
        });
        item = tiny.post("/work", &report).is(200);
    }
    assert_eq!(item, json!({}));
    assert_eq!(executed, ["create_workspace", "shell", "shell"]);

    let id = build["build_id"].as_str().unwrap();
    let build = admin.get(&format!("/builds/{id}")).is(200);
    assert_eq!(
        (&build["status"], &build["worker"]),
        (&json!("done"), &json!("tiny"))
    );
    let log = admin.get(&format!("/logs/{id}"));
    assert_eq!(log.text(), "ran: echo one\nran: echo two\n");
}

#[test]
fn every_call_needs_a_token_with_its_scope() {
    let world = World::new();
    let nobody = Client::new(world.url(), "");
    let answer = nobody.post("/projects/x/+trigger", &json!({}));
    answer.is(401);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    nobody.get("/logs/hello/1").is(401);
    nobody.get("/version").is(200);
    let poor = world.client_with("poor", "uapi_builds_get");
    poor.get("/builds").is(200);
    for path in [
        "/logs/hello/1",
        "/work",
        "/projects",
        "/builds/hello/1",
        "/workers",
    ] {
        let answer = poor.get(path);
        answer.is(403);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
    }
    let append = poor.send("POST", "/work/+log?lease=x&offset=0", &[], b"");
    assert!(
        append
            .header("www-authenticate")
            .unwrap()
            .contains("uapi_work_post")
    );
}

/// A project of one action, and a worker that makes workspaces by itself.
fn maker_of_workspaces(world: &World) -> Client {
    world.apply(
        "projects: [{project: hello, pipelines: [p]}]\n\
         pipelines: [{pipeline: p, actions: [{shell: echo, where: host}]}]\n",
    );
    let worker = world.client_with("w", &ick_api::scope::WORKER.join(" "));
    let registration = json!({"makes_workspaces": true});
    worker.post("/workers", &registration).is(201);
    worker
}

#[test]
fn a_worker_that_makes_workspaces_is_not_given_that_action() {
    let world = World::new();
    let worker = maker_of_workspaces(&world);
    // Handed out when it asks, and when it waits already: both begin with the build's own action.
    for waits_already in [false, true] {
        let (id, item) = std::thread::scope(|scope| {
            let asking = waits_already.then(|| scope.spawn(|| worker.work("30s")));
            if waits_already {
                let metrics = || world.client("admin").get("/metrics").text().to_owned();
                eventually("the slot to wait", || {
                    metrics().contains("ick_slots_waiting 1\n").then_some(())
                });
            }
            let id = world.trigger("hello");
            let item = match asking {
                Some(asking) => asking.join().unwrap(),
                None => worker.work("30s"),
            };
            (id, item)
        });
        assert_eq!(
            (&item["build_id"], &item["action_id"]),
            (&json!(id), &json!("2"))
        );
        // Asked again, it is the very same.
        assert_eq!(worker.work("0s")["lease"], item["lease"]);
        let build = world.build(&id);
        assert_eq!(build["actions"][0]["status"], "done", "{build}");
        assert_eq!(build["actions"][1]["status"], "building", "{build}");
        worker.exited(&item, 0).is(200);
        assert_eq!(world.build(&id)["status"], "done");
        let said = [
            "attempt 1 on worker w, slot 1\n",
            "action 1 done\n",
            "action 2 started: shell\n",
        ];
        let records = [("accept", "application/x-ndjson")];
        let records = world
            .client("admin")
            .send("GET", &format!("/logs/{id}"), &records, b"");
        for line in said {
            assert!(records.text().contains(line.trim()), "{}", records.text());
        }
    }
}

#[test]
fn a_slot_can_take_its_next_build_with_the_report_that_ends_one() {
    let world = World::new();
    let worker = maker_of_workspaces(&world);
    let ids = [world.trigger("hello"), world.trigger("hello")];
    let first = worker.work("30s");
    let ended = |item: &Value, next: &str| {
        let report = json!({
            "build_id": item["build_id"],
            "action_id": item["action_id"],
            "lease": item["lease"],
            "exit_code": 0,
        });
        worker.post(&format!("/work{next}"), &report).is(200)
    };
    let second = ended(&first, "?next=true");
    assert_eq!(
        (&first["build_id"], &second["build_id"]),
        (&json!(ids[0]), &json!(ids[1]))
    );
    assert_eq!(second["action_id"], "2");
    // It is the slot's, however its last report and its question are repeated.
    assert_eq!(ended(&first, ""), json!({}));
    assert_eq!(worker.work("0s")["lease"], second["lease"]);
    assert_eq!(ended(&second, "?next=true"), json!({}));
    // One that is drained takes none.
    world.trigger("hello");
    let third = worker.work("30s");
    world.trigger("hello");
    let admin = world.client("admin");
    admin.post("/workers/w/+drain", &json!({})).is(200);
    assert_eq!(ended(&third, "?next=true"), json!({}));
    for id in ids {
        assert_eq!(world.build(&id)["status"], "done");
    }
}
