use crate::client::Client;
use crate::servers::{Held, Server, each};
use anyhow::{Context, Result, ensure};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How many read at a time; of lists, each of which a server makes as a whole, fewer.
const READERS: usize = 100;
const LIST_READERS: usize = 3;

/// How long the log and the blob are that they read, in bytes.
const LENGTH: usize = 16 << 20;

/// Connections that ask for this and take next to nothing of the answer.
fn slow_readers(server: &Server, count: usize, path: &str, lines: &str) -> Result<Held> {
    let mut readers = Held::new();
    for n in 0..count {
        let mut client = server.connect()?;
        // Else much of the answer would be on its way; the first is to get all of it later.
        if n > 0 {
            set_socket_recv_buffer_size(&client.stream, 4096)?;
        }
        client.send(server.head("GET", path, &format!("{lines}\r\n")))?;
        readers.push(client);
    }
    Ok(readers)
}

/// A byte a second, for some seconds, in which another client is served all the time.
fn read(server: &Server, readers: &mut Held) -> Result<()> {
    let mut other = server.connect()?;
    for second in 0..3 {
        let begun = Instant::now();
        for reader in &mut *readers {
            let byte = reader.exactly_one()?;
            ensure!(second > 0 || byte == b'H');
        }
        while begun.elapsed() < Duration::from_secs(1) {
            other.send(server.head("GET", "/version", "\r\n"))?;
            other.answer()?.is(200)?;
        }
    }
    Ok(())
}

/// Who was slow gets all of it in the end.
fn takes_the_rest(reader: &mut Client, at_least: usize) -> Result<()> {
    reader.begin_again(b"HTT");
    let answer = reader.answer()?.is(200)?;
    ensure!(answer.body.len() >= at_least, "{}", answer.body.len());
    Ok(())
}

fn object(server: &Server, method: &str, path: &str, body: &Value) -> Result<Value> {
    let answer = server.call(method, path, &body.to_string())?;
    ensure!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
    Ok(serde_json::from_slice(&answer.body)?)
}

/// A build with a log of [`LENGTH`], made as a worker makes it.
fn long_log(server: &Server) -> Result<String> {
    let files = json!({"files": [{"name": "p.yaml", "text": "
projects:
  - project: long
    pipelines: [long]
pipelines:
  - pipeline: long
    actions:
      - shell: cat book
        where: host
"}]});
    object(server, "POST", "/+make-it-so", &files)?;
    let build = object(server, "POST", "/projects/long/+trigger", &json!({}))?;
    let item = object(server, "GET", "/work?slot=1", &Value::Null)?;
    let lease = item["lease"].as_str().context("no work")?;
    let mut client = server.connect()?;
    let text = vec![b'x'; 1 << 15];
    let mut frame = vec![1];
    frame.extend([0; 8]);
    frame.extend(u32::try_from(text.len())?.to_be_bytes());
    frame.extend(&text);
    let frames = frame.repeat(16);
    let at_once = 16 * text.len();
    for offset in (0..LENGTH).step_by(at_once) {
        let path = format!("/work/+log?lease={lease}&offset={offset}");
        let lines = format!(
            "Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            ick_api::logframe::MEDIA_TYPE,
            frames.len()
        );
        client.send(server.head("POST", &path, &lines))?;
        client.send(&frames)?;
        client.answer()?.is(200)?;
    }
    let id = build["build_id"].as_str().context("no build")?;
    Ok(format!("/logs/{id}"))
}

/// Lists that are as long as one page can be.
fn long_list(server: &Server) -> Result<String> {
    let mut client = server.connect()?;
    let mut fill = |method: &str, path: &str, body: &str| -> Result<()> {
        let lines = format!("Content-Length: {}\r\n\r\n", body.len());
        client.send(server.head(method, path, &lines) + body)?;
        client.answer()?.is(201)?;
        Ok(())
    };
    match server.name {
        "store" => {
            for n in 0..1000 {
                let name = format!("{}/{n}", "n".repeat(150));
                fill("PUT", &format!("/blobs/{name}"), "")?;
            }
            Ok("/blobs?limit=1000".to_owned())
        }
        "idp" => {
            let scope = ick_api::scope::ALL.join(" ");
            for n in 0..1000 {
                let body = json!({"client_id": format!("client-{n}"), "scope": scope});
                fill("POST", "/clients", &body.to_string())?;
            }
            Ok("/clients?limit=1000".to_owned())
        }
        _ => {
            let text = "x".repeat(50_000);
            for n in 0..100 {
                let body = json!({"pipeline": format!("p-{n}"),
                    "actions": [{"shell": format!("echo {text}"), "where": "host"}]});
                fill("POST", "/pipelines", &body.to_string())?;
            }
            Ok("/pipelines?limit=1000".to_owned())
        }
    }
}

#[test]
fn slow_readers_of_a_large_answer_hold_up_nobody() -> Result<()> {
    each(|server| {
        let mut readers = match server.name {
            "controller" => {
                let log = long_log(server)?;
                let mut readers = slow_readers(server, READERS, &log, "")?;
                let follow = format!("{log}?follow=true");
                readers.extend(slow_readers(server, READERS, &follow, "")?);
                let records = "Accept: application/x-ndjson\r\n";
                readers.extend(slow_readers(server, READERS, &log, records)?);
                readers
            }
            "store" => {
                let mut client = server.connect()?;
                client.send(server.writing(&format!("Content-Length: {LENGTH}\r\n\r\n")))?;
                client.send(vec![b'x'; LENGTH])?;
                client.answer()?.is(201)?;
                slow_readers(server, READERS, server.writable().1, "")?
            }
            _ => return Ok(Held::new()),
        };
        read(server, &mut readers)?;
        for reader in readers.iter_mut().step_by(2 * READERS) {
            takes_the_rest(reader, LENGTH)?;
        }
        Ok(readers)
    })
}

#[test]
fn slow_readers_of_a_long_list_hold_up_nobody() -> Result<()> {
    each(|server| {
        let list = long_list(server)?;
        let mut readers = slow_readers(server, LIST_READERS, &list, "")?;
        read(server, &mut readers)?;
        Ok(readers)
    })
}

impl Client {
    fn exactly_one(&mut self) -> Result<u8> {
        Ok(self.exactly(1)?[0])
    }
}
