use crate::ask::{answer, ask, bearer, connect, send, token, url};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};

const ENDLESS: &str = "
projects:
  - project: endless
    pipelines: [endless]
pipelines:
  - pipeline: endless
    actions:
      - shell: echo begun; sleep 1000
        where: host
";

/// What a daemon has written to its standard error.
fn log(ick: &Ick, daemon: &str) -> Result<String> {
    let path = ick.state().join(daemon).join("log");
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The lines of a daemon's access log, every one of which must be whole.
fn lines(ick: &Ick, daemon: &str) -> Result<Vec<Value>> {
    let text = log(ick, daemon)?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// The one line that a request got.
fn line(ick: &Ick, daemon: &str, id: &str) -> Result<Value> {
    eventually("the request's line", || {
        let mut lines = lines(ick, daemon)?;
        lines.retain(|line| line["id"] == id);
        ensure!(lines.len() <= 1, "{lines:?}");
        Ok(lines.pop())
    })
}

#[test]
fn each_request_has_one_line_that_tells_no_secret() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("store", "access_log: json\n")?;
    let up = ick.up_file()?;
    let (store, admin) = (url(&ick, "store")?, token(&ick, &up)?);
    let bearer = bearer(&admin);
    let body = "x".repeat(3000);
    let put = ask(&store, "PUT", "/blobs/a/b", &bearer, &body)?;
    assert_eq!(put.status, 201, "{put:?}");
    let id = put.header("x-request-id").context("no id")?;
    let line_of_put = line(&ick, "store", id)?;
    for (key, value) in [
        ("method", Value::from("PUT")),
        ("path", Value::from("/blobs/a/b")),
        ("status", Value::from(201)),
        ("sub", up["client_id"].clone()),
        ("request_bytes", Value::from(3000)),
        ("answer_bytes", Value::from(put.body.len())),
        ("cut", Value::from(false)),
    ] {
        assert_eq!(line_of_put[key], value, "{key} of {line_of_put}");
    }
    ensure!(
        line_of_put["duration_ms"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0),
        "{line_of_put}"
    );
    let time = line_of_put["time"].as_str().context("no time")?;
    ensure!(time.parse::<ick_core::time::Timestamp>().is_ok(), "{time}");

    // What comes before a token was judged, without one, and with a query that nobody shall read.
    let none = ask(&store, "GET", "/blobs/a?token=hunter2", "", "")?;
    assert_eq!(none.status, 401);
    let refused = line(&ick, "store", none.header("x-request-id").context("no id")?)?;
    assert_eq!(
        (&refused["path"], &refused["sub"]),
        (&"/blobs/a".into(), &Value::Null)
    );
    let head = ask(&store, "HEAD", "/blobs/a/b", &bearer, "")?;
    let head = line(&ick, "store", head.header("x-request-id").context("no id")?)?;
    assert_eq!(
        (&head["answer_bytes"], &head["cut"]),
        (&0.into(), &false.into())
    );
    let got = ask(&store, "GET", "/blobs/a/b", &bearer, "")?;
    let got = line(&ick, "store", got.header("x-request-id").context("no id")?)?;
    assert_eq!(
        (&got["answer_bytes"], &got["cut"]),
        (&3000.into(), &false.into())
    );

    let text = log(&ick, "store")?;
    for secret in ["hunter2", admin.as_str(), "Bearer", "xxxx"] {
        ensure!(!text.contains(secret), "{secret} is in\n{text}");
    }
    Ok(())
}

#[test]
fn no_path_can_forge_a_line() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("idp", "access_log: json\n")?;
    ick.configure("store", "access_log: text\n")?;
    let forged = "\n{\"id\":\"forged\"}\n2026-01-01T00:00:00.000Z access forged - GET / 200";
    let escaped = forged.replace('\n', "%0A").replace(' ', "%20");
    let long = format!("/{}", "a".repeat(60_000));
    let paths: [Vec<u8>; 8] = [
        forged.into(),
        escaped.into(),
        format!("/{}", forged.replace('\n', "\r")).into(),
        b"/\x1b[2J\x07".to_vec(),
        "/caf\u{e9}/\u{2028}\u{85}".into(),
        b"/\"quoted\\\"".to_vec(),
        b"/\xff\xfe".to_vec(),
        long.into(),
    ];
    for server in ["idp", "store"] {
        let url = url(&ick, server)?;
        let mut ids = Vec::new();
        for path in &paths {
            let answer = answer(send(&url, "GET", path, "", "")?)?;
            ensure!(
                matches!(answer.status, 400 | 401 | 404 | 414 | 431),
                "{answer:?}"
            );
            // A request that is none has no line.
            ids.extend(answer.header("x-request-id").map(str::to_owned));
        }
        ensure!(ids.len() >= 3, "{ids:?}");
        let last = ids.last().context("none")?.clone();
        eventually("the last line", || {
            Ok(log(&ick, server)?.contains(&last).then_some(()))
        })?;
        let text = log(&ick, server)?;
        for id in &ids {
            assert_eq!(text.matches(id.as_str()).count(), 1, "{id} in\n{text}");
        }
        let clean =
            |c: char| c == '\n' || !(c.is_control() || ('\u{2028}'..='\u{2029}').contains(&c));
        ensure!(text.chars().all(clean), "{text:?}");
        let own: Vec<_> = text
            .lines()
            .filter(|line| line.contains("forged"))
            .collect();
        ensure!(
            !own.iter().any(|line| line.starts_with("{\"id\"")),
            "{own:?}"
        );
        ensure!(
            !own.iter().any(|line| line.starts_with("2026-01-01")),
            "{own:?}"
        );
        ensure!(text.lines().all(|line| line.len() < 2000), "{text}");
    }
    for line in lines(&ick, "idp")? {
        let path = line["path"].as_str().context("no path")?;
        ensure!(path.chars().all(|c| c.is_ascii_graphic()), "{path:?}");
    }
    Ok(())
}

#[test]
fn the_line_of_a_stream_comes_when_it_has_ended() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("controller", "access_log: json\n")?;
    ick.apply(ENDLESS)?;
    ick.run(&["build", "endless"])?.exits(0)?;
    ick.log_with("endless/1", "begun")?;
    let (controller, admin) = (url(&ick, "controller")?, token(&ick, &ick.up_file()?)?);
    let follow = || -> Result<_> {
        let mut stream = connect(&controller)?;
        write!(
            stream,
            "GET /logs/endless/1?follow=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n",
            bearer(&admin)
        )?;
        let mut reader = BufReader::new(stream);
        let mut id = None;
        let mut line = String::new();
        while line != "begun\n" {
            line.clear();
            ensure!(reader.read_line(&mut line)? > 0, "it ended");
            let named = line.strip_prefix("x-request-id: ").map(str::trim);
            id = id.or(named.map(str::to_owned));
        }
        Ok((reader, id.context("no id")?))
    };
    let (left, left_id) = follow()?;
    let (mut stayed, stayed_id) = follow()?;
    let written = |id: &str| -> Result<bool> {
        Ok(lines(&ick, "controller")?
            .iter()
            .any(|line| line["id"] == id))
    };
    ensure!(!written(&left_id)? && !written(&stayed_id)?, "too early");
    drop(left);
    let left = line(&ick, "controller", &left_id)?;
    assert_eq!(
        (&left["cut"], &left["answer_bytes"]),
        (&true.into(), &6.into()),
        "{left}"
    );
    ensure!(!written(&stayed_id)?, "too early");
    ick.run(&["cancel-build", "endless/1"])?.exits(0)?;
    stayed.read_to_end(&mut Vec::new())?;
    let stayed = line(&ick, "controller", &stayed_id)?;
    assert_eq!(
        (&stayed["cut"], &stayed["answer_bytes"]),
        (&false.into(), &6.into()),
        "{stayed}"
    );
    Ok(())
}

#[test]
fn a_daemon_that_was_not_asked_to_writes_none() -> Result<()> {
    let ick = Ick::up()?;
    for server in ["idp", "controller", "store"] {
        let answer = ask(&url(&ick, server)?, "GET", "/version", "", "")?;
        assert_eq!((answer.status, answer.header("x-request-id")), (200, None));
        ensure!(
            !log(&ick, server)?.contains("/version"),
            "{}",
            log(&ick, server)?
        );
    }
    Ok(())
}
