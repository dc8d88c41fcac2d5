//! Logs over HTTP: appended at offsets, read in ranges, followed.

use crate::world::{Client, World, eventually, frame};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A build that is being executed, and the worker's item.
fn building(world: &World) -> (String, Client, Value) {
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    (id, worker, item)
}

fn finish(worker: &Client, mut item: Value) {
    while item.get("lease").is_some() {
        item = worker.exited(&item, 0).is(200);
    }
}

#[test]
fn only_the_right_offset_is_taken() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    let taken = worker.print(&item, 0, "hello\n").is(200);
    assert_eq!(
        (&taken["length"], &taken["cancelled"]),
        (&json!(6), &json!(0))
    );
    assert!(taken["lease_expires"].as_str().unwrap() > taken["now"].as_str().unwrap());
    for offset in [0, 5, 7, u64::MAX] {
        assert_eq!(
            worker.print(&item, offset, "again\n").is(409)["length"],
            json!(6)
        );
    }
    // An empty body only asks.
    assert_eq!(worker.append(&item, 0, b"").is(200)["length"], json!(6));
    eventually("durable", || {
        let asked = worker.append(&item, 0, b"").is(200);
        (asked["durable"] == json!(6)).then_some(())
    });
    // Ick's words count here, but are no text.
    let mut body = frame(3, b"cloning\n");
    body.extend(frame(2, b"oops\n"));
    assert_eq!(worker.append(&item, 6, &body).is(200)["length"], json!(19));
    assert_eq!(world.log(&id), "hello\noops\n");
    let left = item["log_left"].as_u64().unwrap();
    assert!(worker.work("0s")["log_left"].as_u64().unwrap() < left);
}

#[test]
fn what_is_no_append_is_refused_whole() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    let mut cut = frame(1, b"good\n");
    cut.extend(&frame(1, b"cut\n")[..10]);
    worker.append(&item, 0, &cut).is(400);
    worker.append(&item, 0, &frame(7, b"no stream\n")).is(400);
    worker
        .append(&item, 0, &frame(1, &vec![b'x'; 1 << 20]))
        .is(413);
    let lease = item["lease"].as_str().unwrap();
    let path = format!("/work/+log?lease={lease}&offset=0");
    worker
        .send("POST", &path, &[("content-type", "text/plain")], b"text")
        .is(415);
    for path in [
        "/work/+log?offset=0",
        "/work/+log?lease=x",
        "/work/+log?lease=x&offset=-1",
    ] {
        worker.send("POST", path, &[], b"").is(400);
    }
    worker
        .send("POST", "/work/+log?lease=nobodys&offset=0", &[], b"")
        .is(409);
    assert_eq!(world.log(&id), "");
}

#[test]
fn a_report_brings_text_and_says_how_long_the_log_is() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    worker.print(&item, 0, "before\n").is(200);
    let report = |length: u64| {
        let report = json!({
            "build_id": id, "action_id": "1", "lease": item["lease"], "exit_code": 0,
            "stdout": "out\n", "stderr": "err\n", "log_length": length,
        });
        worker.post("/work", &report)
    };
    assert_eq!(report(7).is(409)["length"], json!(7));
    assert_eq!(world.log(&id), "before\n");
    let next = report(15).is(200);
    assert_eq!(
        (&next["action_id"], &next["log_offset"]),
        (&json!("2"), &json!(15))
    );
    report(15).is(200);
    assert_eq!(world.log(&id), "before\nout\nerr\n");
}

#[test]
fn a_log_is_read_in_ranges() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    let admin = world.client("admin");
    let path = format!("/logs/{id}");
    let empty = admin.get(&path);
    assert_eq!(
        (empty.status, empty.text(), empty.header("content-length")),
        (200, "", Some("0"))
    );
    worker.print(&item, 0, "0123456789").is(200);
    let whole = admin.get(&path);
    assert_eq!(whole.header("content-type"), Some("text/plain"));
    assert_eq!((whole.status, whole.text()), (200, "0123456789"));
    let range = |range: &str| admin.send("GET", &path, &[("range", range)], b"");
    for (asked, said, bytes) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=4-", "bytes 4-9/10", "456789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
    ] {
        let part = range(asked);
        assert_eq!(
            (part.status, part.text(), part.header("content-range")),
            (206, bytes, Some(said)),
            "{asked}"
        );
    }
    let beyond = range("bytes=10-");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(admin.get(&format!("{path}?offset=7")).text(), "789");
    admin.get("/logs/hello/99").is(404);
    admin.get("/logs/hello").is(400);
    admin.get(&format!("{path}?attempt=2")).is(404);
    admin.get(&format!("{path}?attempt=0")).is(404);
    admin.get(&format!("{path}?attempt=x")).is(400);
}

#[test]
fn following_shows_what_comes_and_ends_with_the_build() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    worker.print(&item, 0, "one\n").is(200);
    let (mut follower, head) = follow(
        &world,
        &format!("/logs/{id}?follow=true&offset=2"),
        "text/plain",
    );
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(follower.chunk().as_deref(), Some("e\n"));
    let printed = std::time::Instant::now();
    worker.print(&item, 4, "two\n").is(200);
    assert_eq!(follower.chunk().as_deref(), Some("two\n"));
    assert!(printed.elapsed() < std::time::Duration::from_secs(2));
    // What a second action prints belongs to the same log.
    let item = worker.exited(&item, 0).is(200);
    worker.print(&item, 8, "three\n").is(200);
    assert_eq!(follower.chunk().as_deref(), Some("three\n"));
    finish(&worker, item);
    assert_eq!(follower.chunk(), None, "a clean end");
    // Joined late, everything is there at once, and the end too.
    let admin = world.client("admin");
    assert_eq!(
        admin.get(&format!("/logs/{id}?follow=true")).text(),
        "one\ntwo\nthree\n"
    );
    assert_eq!(
        admin
            .get(&format!("/logs/{id}?follow=true&offset=99"))
            .text(),
        ""
    );
}

#[test]
fn a_follower_is_cut_not_ended_when_the_controller_goes() {
    let mut world = World::new();
    let (id, worker, item) = building(&world);
    worker.print(&item, 0, "one\n").is(200);
    let path = format!("/logs/{id}?follow=true&offset=0");
    for kill in [false, true] {
        let (mut follower, _) = follow(&world, &path, "text/plain");
        assert_eq!(follower.chunk().as_deref(), Some("one\n"));
        if kill {
            world.kill();
        } else {
            let pid = world.process().id().to_string();
            assert!(
                std::process::Command::new("kill")
                    .arg(pid)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        assert!(follower.is_cut());
        world.restart();
    }
}

#[test]
fn records_have_every_stream_in_order_and_resume() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    let mut body = frame(1, b"out\n");
    body.extend(frame(2, &[0xFF, b'\n']));
    body.extend(frame(3, b"ick's\n"));
    worker.append(&item, 0, &body).is(200);
    finish(&worker, item);
    let admin = world.client("admin");
    let records = |query: &str| -> Vec<Value> {
        let answer = admin.send(
            "GET",
            &format!("/logs/{id}{query}"),
            &[("accept", "application/x-ndjson")],
            b"",
        );
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        answer
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let all = records("?follow=true");
    let seqs: Vec<_> = all
        .iter()
        .map(|record| record["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>());
    let written: Vec<_> = all
        .iter()
        .filter(|record| record["stream"] != json!("ick"))
        .map(|r| {
            (
                r["stream"].as_str().unwrap(),
                r["text"].as_str(),
                r["base64"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        written,
        [
            ("stdout", Some("out\n"), None),
            ("stderr", None, Some("/wo="))
        ]
    );
    let said: Vec<_> = all
        .iter()
        .filter(|record| record["stream"] == json!("ick"))
        .map(|record| record["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        said,
        [
            "attempt 1 on worker w, slot 1\n",
            "action 1 started: create_workspace\n",
            "ick's\n",
            "action 1 done\n",
            "action 2 started: shell\n",
            "action 2 done\n",
            "action 3 started: shell\n",
            "action 3 done\n",
            "build done\n",
        ]
    );
    let after = seqs.len() as u64 - 2;
    assert_eq!(records(&format!("?after={after}")), all[after as usize..]);
    assert_eq!(records("?attempt=1"), all);
    assert!(
        all.iter()
            .all(|r| r["attempt"] == json!(1) && r["t"].as_str().unwrap().ends_with('Z'))
    );
    admin.get(&format!("/logs/{id}?after=3")).is(400);
}

#[test]
fn a_deleted_build_has_no_log() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    worker.print(&item, 0, "one\n").is(200);
    let admin = world.client("admin");
    admin
        .send("DELETE", &format!("/builds/{id}"), &[], b"")
        .is(409);
    finish(&worker, item);
    let file = world.state().join("logs/hello/0/1.log");
    assert!(file.exists());
    admin
        .send("DELETE", &format!("/builds/{id}"), &[], b"")
        .is(200);
    admin.get(&format!("/logs/{id}")).is(404);
    eventually("the file is gone", || (!file.exists()).then_some(()));
}

#[test]
fn hundreds_follow_one_log() {
    let world = World::new();
    let (id, worker, item) = building(&world);
    let path = format!("/logs/{id}?follow=true");
    let mut followers: Vec<_> = (0..300)
        .map(|_| follow(&world, &path, "text/plain").0)
        .collect();
    let mut expected = String::new();
    for number in 0..20 {
        let line = format!("line {number}\n");
        worker.print(&item, expected.len() as u64, &line).is(200);
        expected.push_str(&line);
    }
    finish(&worker, item);
    for follower in &mut followers {
        let mut text = String::new();
        while let Some(piece) = follower.chunk() {
            text.push_str(&piece);
        }
        assert_eq!(text, expected);
    }
}

/// A follower on a bare connection, so that a cut and an end are told apart.
struct Follower(BufReader<TcpStream>);

fn follow(world: &World, path: &str, accept: &str) -> (Follower, String) {
    let mut stream = TcpStream::connect(world.url().strip_prefix("http://").unwrap()).unwrap();
    stream
        .set_read_timeout(Some(crate::world::DEADLINE))
        .unwrap();
    let token = world.client("reader");
    let token = token.token();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    (Follower(reader), head)
}

impl Follower {
    fn next(&mut self) -> std::io::Result<Option<String>> {
        let mut size = String::new();
        if self.0.read_line(&mut size)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut piece = vec![0; size + 2];
        self.0.read_exact(&mut piece)?;
        piece.truncate(size);
        Ok((size > 0).then(|| String::from_utf8(piece).unwrap()))
    }

    /// What comes next; none at a clean end.
    fn chunk(&mut self) -> Option<String> {
        self.next().unwrap()
    }

    fn is_cut(&mut self) -> bool {
        matches!(self.next(), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
    }
}
