//! Each limit, set low in the configuration and exceeded from outside.

use crate::world::{Answer, World, frame};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const KIB: usize = 1024;

/// Checks a refusal: its status, and words in it.
#[track_caller]
fn refused(answer: &Answer, status: u16, words: &str) {
    let problem = answer.is(status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(words), "{detail}");
}

#[test]
fn each_body_has_its_own_limit() {
    let world = World::with(
        "limits:\n  definition_body: 2KiB\n  trigger_body: 3KiB\n  make_it_so_body: 4KiB\n  \
         report_body: 5KiB\n  registration_body: 6KiB\n",
    );
    world.hello();
    let admin = world.client("admin");
    for (method, path, kib) in [
        ("POST", "/projects", 2),
        ("PUT", "/projects/hello", 2),
        ("POST", "/pipelines", 2),
        ("PUT", "/pipelines/greet", 2),
        ("POST", "/projects/hello/+trigger", 3),
        ("POST", "/+make-it-so", 4),
        ("POST", "/work", 5),
        ("POST", "/workers", 6),
        ("PUT", "/workers/w", 6),
        ("POST", "/work/+log?lease=l&offset=0", 1024),
    ] {
        let send = |bytes| {
            let frames = [("content-type", ick_api::logframe::MEDIA_TYPE)];
            admin.send(method, path, &frames, &vec![b' '; bytes])
        };
        let limit = kib * KIB;
        refused(&send(limit + 1), 413, &limit.to_string());
        let status = send(limit).status;
        assert!(status != 413 && status < 500, "{method} {path}: {status}");
    }
}

#[test]
fn a_head_has_limits() {
    let world = World::with("limits: {head_size: 8KiB, headers: 16, head_time: 1s}\n");
    let ask = |headers: &str| {
        let mut stream = connect(&world);
        let head = format!("GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let many = "X: y\r\n".repeat(14);
    assert!(ask(&format!("{many}\r\n")).starts_with("HTTP/1.1 200 "));
    assert!(ask(&format!("{many}X: y\r\n\r\n")).starts_with("HTTP/1.1 431 "));
    let long = "y".repeat(7 * KIB);
    assert!(ask(&format!("X: {long}\r\n\r\n")).starts_with("HTTP/1.1 200 "));
    let long = "y".repeat(9 * KIB);
    assert!(ask(&format!("X: {long}\r\n\r\n")).starts_with("HTTP/1.1 431 "));
    // One that never ends is closed without an answer.
    assert_eq!(ask("X: y"), "");
}

#[test]
fn a_body_that_stalls_is_refused() {
    let world = World::with("limits: {body_bytes: 1KiB, body_interval: 1s}\n");
    let token = world.client("admin");
    let mut stream = connect(&world);
    write!(
        stream,
        "POST /projects HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\
         Authorization: Bearer {}\r\n\r\n{{",
        token.token()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn connections_beyond_their_number_wait_for_those_that_idle() {
    let world = World::with("limits: {connections: 2, head_time: 1s}\n");
    let idle = [connect(&world), connect(&world)];
    // Its turn comes when the idle ones are closed.
    assert_eq!(world.client("anyone").get("/version").status, 200);
    drop(idle);
}

fn connect(world: &World) -> TcpStream {
    let stream = TcpStream::connect(world.url().trim_start_matches("http://")).unwrap();
    let deadline = Some(Duration::from_secs(60));
    stream.set_read_timeout(deadline).unwrap();
    stream
}

#[test]
fn the_queue_has_an_end() {
    let mut world = World::with("limits: {queued_builds: 2}\n");
    let first = world.hello();
    let admin = world.client("admin");
    let trigger = |client: &crate::world::Client, key: &str| {
        let key = [("idempotency-key", key)];
        client.send("POST", "/projects/hello/+trigger", &key, b"")
    };
    let second = trigger(&admin, "k").is(201);
    let answer = trigger(&admin, "other");
    refused(&answer, 503, "2 builds wait for a worker already");
    assert_eq!(answer.header("retry-after"), Some("5"));
    // No number is lost by it, and what has been triggered is answered as before.
    assert_eq!(trigger(&admin, "k").is(200)["build_id"], second["build_id"]);
    world.restart();
    let admin = world.client("admin");
    assert_eq!(trigger(&admin, "other").status, 503);
    admin
        .post(&format!("/builds/{first}/+cancel"), &json!({}))
        .is(200);
    assert_eq!(trigger(&admin, "other").is(201)["build_number"], 3);
    assert_eq!(trigger(&admin, "more").status, 503);
    // A build that a worker has does not wait.
    let worker = world.worker("w");
    assert_eq!(worker.work("0s")["build_id"], "hello/2");
    assert_eq!(trigger(&admin, "more").is(201)["build_number"], 4);
}

#[test]
fn an_append_is_a_mebibyte() {
    let world = World::new();
    world.hello();
    let worker = world.worker("w");
    let item = worker.work("10s");
    let whole = frame(1, &vec![b'x'; KIB * KIB - 13]);
    worker.append(&item, 0, &whole).is(200);
    let more = frame(1, &vec![b'x'; KIB * KIB - 12]);
    refused(&worker.append(&item, 0, &more), 413, "1048576");
}

#[test]
fn a_configuration_that_is_wrong_is_told_with_every_place() {
    let world = World::prepare("", "http://127.0.0.1:1");
    let config = "limits:\n  conections: 5\n  head_size: 1KiB\n  head_time: 2h\nqueue_timeout: 5\n";
    std::fs::write(world.state().join("config.yaml"), config).unwrap();
    let ended = world.command().output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    for part in [
        "config.yaml:2:3",
        "did you mean \"connections\"",
        "config.yaml:3:14",
        "this must be from 8KiB to 1MiB, not 1KiB",
        "config.yaml:4:14",
        "this must be from 1s to 1h, not 2h",
        "config.yaml:5:16",
        "a duration has a unit",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}
