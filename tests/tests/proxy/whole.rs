//! The main path through haproxy.

use crate::installation::Installation;
use anyhow::{Result, ensure};
use ick_tests::{HELLO, Outcome, eventually};
use std::process::Stdio;

#[test]
fn three_servers_are_one_name() -> Result<()> {
    let mut ick = Installation::up(&[])?;
    let url = ick.url();
    let checked = ick.check()?.exits(0)?;
    assert_eq!(
        checked.stdout, "Configuration file is valid\n",
        "{checked:?}"
    );
    assert_eq!(checked.stderr, "");

    let me = ick
        .icktool(&["whoami", "--format", "json"])?
        .exits(0)?
        .json()?;
    assert_eq!(me["controller"], url);
    assert_eq!(me["issuer"], format!("{url}/idp"));
    let status = ick.icktool(&["status"])?.exits(0)?;
    assert_eq!(status.stdout.matches("serves").count(), 3, "{status:?}");

    ick.start_worker("w")?;
    ick.apply(HELLO)?;
    let built = ick.icktool(&["build", "hello", "--follow"])?.exits(0)?;
    ensure!(built.stderr.contains("hello from hello/1\n"), "{built:?}");
    let log = ick.icktool(&["show-log", "--raw", "hello"])?.exits(0)?;
    assert_eq!(log.stdout, "hello from hello/1\n");
    let kept = ["get-artifact", "hello/greeting.tar.zst", "-o", "got"];
    ick.icktool(&kept)?.exits(0)?;

    // More than any buffer on the way, up and down; icktool compares the digests.
    let content: Vec<u8> = (0..2_500_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(ick.path("large"), &content)?;
    ick.icktool(&["put-artifact", "large", "a/large"])?
        .exits(0)?;
    ick.icktool(&["get-artifact", "a/large", "-o", "back"])?
        .exits(0)?;
    ensure!(
        std::fs::read(ick.path("back"))? == content,
        "it is another one"
    );

    // One without the right is told so, and its content stays where it is.
    let scopes = ["create-client", "hook", "--scope", "uapi_blobs_get"];
    let hook = ick.icktool(&[&scopes[..], &["--format", "json"]].concat())?;
    let secret = hook.exits(0)?.json()?["client_secret"].clone();
    let mut put = ick_tests::icktool(&ick.path("."))?;
    put.args(["put-artifact", "large", "a/other", "--ca-file", "ca.pem"])
        .args(["--controller", &url])
        .env("ICK_CLIENT_ID", "hook")
        .env("ICK_CLIENT_SECRET", secret.as_str().unwrap_or_default());
    Outcome::of(&mut put)?.exits(5)?.says("uapi_blobs_id_put")?;

    // A request has a line in haproxy's own log, without its query, and one in the server's, by the same id.
    let head = Outcome::of(&mut ick.curl("/builds?project=hello", &[])?)?.stdout;
    let id = header(&head, "x-request-id").unwrap_or_default();
    ensure!(!id.is_empty(), "{head}");
    for (log, line) in [
        ("haproxy", format!(" GET /builds {{{id}}}\n")),
        ("controller", format!(" {id} admin GET /builds 200 ")),
    ] {
        eventually("the line about the request", || {
            Ok(ick.log(log)?.contains(&line).then_some(()))
        })?;
    }
    ensure!(!ick.log("haproxy")?.contains("lease="));
    Ok(())
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

#[test]
fn addresses_in_answers_lead_through_haproxy() -> Result<()> {
    let ick = Installation::up(&[])?;
    for name in ["a/1", "a/2"] {
        std::fs::write(ick.path("file"), name)?;
        ick.icktool(&["put-artifact", "file", name])?.exits(0)?;
    }
    let new = r#"{"client_id": "new", "scope": "uapi_blobs_get"}"#;
    let json = ["--header", "Content-Type: application/json", "--data", new];
    let made = Outcome::of(&mut ick.curl("/idp/clients", &json)?)?.stdout;
    ensure!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let place = header(&made, "location").unwrap_or_default();
    let shown = Outcome::of(&mut ick.curl(&place, &[])?)?.stdout;
    ensure!(shown.contains(r#""client_id":"new""#), "{place}: {shown}");

    for (list, last) in [
        ("/idp/clients?limit=1", r#""client_id":"new""#),
        ("/store/blobs?limit=1", r#""name":"a/2""#),
    ] {
        let first = Outcome::of(&mut ick.curl(list, &[])?)?.stdout;
        let link = header(&first, "link").unwrap_or_default();
        let next = link
            .trim_start_matches('<')
            .split('>')
            .next()
            .unwrap_or_default();
        let second = Outcome::of(&mut ick.curl(next, &[])?)?.stdout;
        ensure!(second.contains(last), "{list}: {link}: {second}");
    }
    Ok(())
}

#[test]
fn no_build_is_given_to_a_worker_that_is_gone() -> Result<()> {
    let mut ick = Installation::up(&[])?;
    ick.apply(HELLO)?;
    let registered = ["--data", "{}", "--header", "Content-Type: application/json"];
    let worker = Outcome::of(&mut ick.curl("/workers", &registered)?)?.stdout;
    ensure!(worker.starts_with("HTTP/1.1 201 "), "{worker}");
    let waiting = |ick: &Installation| -> Result<bool> {
        let figures = Outcome::of(&mut ick.curl("/metrics", &[])?)?.stdout;
        Ok(figures.contains("\nick_slots_waiting 1"))
    };
    let mut poll = ick.curl("/work?wait=60s&slot=1", &[])?;
    let mut poll = poll.stdout(Stdio::null()).spawn()?;
    eventually("the poll", || Ok(waiting(&ick)?.then_some(())))?;
    poll.kill()?;
    poll.wait()?;
    // It was the client that ended it (C), before the head of the answer (H).
    eventually("the poll's end", || {
        let log = ick.log("haproxy")?;
        let ended = log.lines().any(|line| line.contains(" CH-- GET /work "));
        Ok((ended && !waiting(&ick)?).then_some(()))
    })?;
    ick.icktool(&["build", "hello"])?.exits(0)?;
    let build = ick.icktool(&["show-build", "hello/1", "--format", "json"])?;
    assert_eq!(build.exits(0)?.json()?["status"], "triggered");
    ick.start_worker("w")?;
    ick.icktool(&["build", "hello", "--wait"])?.exits(0)?;
    let build = ick.icktool(&["show-build", "hello/1", "--format", "json"])?;
    let build = build.exits(0)?.json()?;
    assert_eq!(build["worker"], "w", "{build}");
    assert_eq!(build["attempt"], 1, "{build}");
    Ok(())
}
