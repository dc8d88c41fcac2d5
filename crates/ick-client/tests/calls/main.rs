//! The client against servers that answer in every way a server can.
#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fake;

use fake::{Fake, Reply};
use ick_api::controller::{Registration, Trigger};
use ick_client::{
    Append, Binding, Controller, Credentials, Error, ErrorKind, Idp, LogPart, Retry, Store,
    TokenSource, Upload,
};
use ick_core::name::{BlobName, BuildId};
use ick_core::secret::Secret;
use std::io::Read;
use std::time::{Duration, Instant};

fn credentials() -> Credentials {
    Credentials {
        client_id: "me".parse().unwrap(),
        client_secret: Secret::new("hunter2 &=%"),
    }
}

fn build_id() -> BuildId {
    "hello/1".parse().unwrap()
}

const TOKEN: &str = r#"{"access_token":"tok","token_type":"Bearer","expires_in":300,"scope":"a"}"#;

#[test]
fn one_token_serves_many_calls_on_one_connection() {
    let idp = Fake::start(|_, _| Reply::json(200, TOKEN));
    let server = Fake::start(|_, _| Reply::json(200, r#"{"projects":[]}"#));
    let source = TokenSource::client(Idp::new(&idp.url).unwrap(), credentials());
    let controller = Controller::new(&server.url).unwrap().with_token(source);
    for _ in 0..3 {
        controller.projects(None).unwrap();
    }
    let asked = idp.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target, "/token");
    assert_eq!(asked[0].body, b"grant_type=client_credentials");
    // me:hunter2+%26%3D%25
    assert_eq!(
        asked[0].header("authorization"),
        Some("Basic bWU6aHVudGVyMislMjYlM0QlMjU=")
    );
    for request in server.seen() {
        assert_eq!(request.header("authorization"), Some("Bearer tok"));
        assert_eq!(request.connection, 0);
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let idp = Fake::start(|_, n| {
        Reply::json(
            200,
            &format!(r#"{{"access_token":"t{n}","token_type":"Bearer","expires_in":300}}"#),
        )
    });
    let server = Fake::start(|request, _| match request.header("authorization") {
        Some("Bearer t1") => Reply::json(200, r#"{"projects":[]}"#),
        _ => Reply::problem(401, "", "no"),
    });
    let source = TokenSource::client(Idp::new(&idp.url).unwrap(), credentials());
    let controller = Controller::new(&server.url).unwrap().with_token(source);
    controller.projects(None).unwrap();
    assert_eq!(idp.seen().len(), 2);

    let fixed = TokenSource::fixed(Secret::new("old"));
    let controller = Controller::new(&server.url).unwrap().with_token(fixed);
    let error = controller.projects(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAllowed);
}

#[test]
fn a_token_is_shared_by_a_private_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache/token.json");
    let idp = Fake::start(|_, _| Reply::json(200, TOKEN));
    let source = || {
        TokenSource::client_with_cache(Idp::new(&idp.url).unwrap(), credentials(), &file)
            .token()
            .unwrap()
    };
    assert_eq!(source().reveal(), "tok");
    assert_eq!(source().reveal(), "tok");
    assert_eq!(idp.seen().len(), 1);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn refused_credentials_are_named_without_the_secret() {
    let idp = Fake::start(|_, _| {
        Reply::json(
            401,
            r#"{"error":"invalid_client","error_description":"no such client or secret"}"#,
        )
    });
    let source = TokenSource::client(Idp::new(&idp.url).unwrap(), credentials());
    let error = source.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAllowed);
    let shown = format!("{error} {error:?} {source:?} {:?}", credentials());
    assert!(shown.contains("no such client or secret (invalid_client)"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let busy = Fake::start(|_, n| match n {
        0 | 1 => Reply::problem(503, "retry-after: 0\r\n", "busy"),
        2 => Reply::nothing(),
        _ => Reply::json(200, r#"{"projects":[]}"#),
    });
    Controller::new(&busy.url).unwrap().projects(None).unwrap();
    assert_eq!(busy.seen().len(), 4);

    let cut = Fake::start(|_, _| Reply::nothing());
    let controller = Controller::new(&cut.url).unwrap();
    let error = controller
        .create_project(&serde_json::json!({}))
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: true, .. }));
    assert_eq!(cut.seen().len(), 1);
}

#[test]
fn a_trigger_is_repeated_with_its_key() {
    let server = Fake::start(|_, n| match n {
        0 => Reply::nothing(),
        _ => Reply::problem(422, "", "no pipeline wants x"),
    });
    let controller = Controller::new(&server.url).unwrap();
    let project = "hello".parse().unwrap();
    let error = controller
        .trigger(&project, &Trigger::default(), None)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Wrong);
    assert_eq!(error.to_string(), "no pipeline wants x");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    let key = seen[0].header("idempotency-key").unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(seen[1].header("idempotency-key"), Some(key));
    assert_eq!(seen[0].target, "/projects/hello/+trigger");
}

#[test]
fn nobody_there_is_told_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let controller = Controller::new(&url).unwrap();
    let error = controller.version().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(
        error.to_string(),
        format!("{url} cannot be reached: nothing listens there (connection refused)")
    );
}

#[test]
fn a_missing_scope_is_named() {
    let server = Fake::start(|_, _| {
        Reply::problem(
            403,
            "www-authenticate: Bearer error=\"insufficient_scope\", scope=\"uapi_projects_get\"\r\n",
            "this needs a scope",
        )
    });
    match Controller::new(&server.url).unwrap().projects(None) {
        Err(Error::Problem { scope, .. }) => {
            assert_eq!(scope.as_deref(), Some("uapi_projects_get"));
        }
        other => assert_eq!(format!("{other:?}"), "a problem"),
    }
}

#[test]
fn lists_go_on_to_their_end_but_not_to_another_server() {
    let server = Fake::start(|request, _| match request.target.as_str() {
        "/workers?limit=1000" => Reply::with(
            200,
            "link: </workers?limit=1000&after=a>; rel=\"next\"\r\n",
            r#"{"workers":[{"worker":"a"}]}"#,
        ),
        "/workers?limit=1000&after=a" => Reply::json(200, r#"{"workers":[{"worker":"b"}]}"#),
        _ => Reply::with(
            200,
            "link: <http://127.0.0.1:1/projects>; rel=\"next\"\r\n",
            r#"{"projects":[{"project":"a"}]}"#,
        ),
    });
    let controller = Controller::new(&server.url).unwrap();
    let workers = controller.workers(None).unwrap();
    let names: Vec<_> = workers.iter().map(|w| w.worker.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    // Half a list is none.
    let error = controller.projects(None).unwrap_err().to_string();
    assert!(
        error.contains("goes on at http://127.0.0.1:1/projects"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_a_proxy_says_of_a_server_that_is_away_is_no_last_word() {
    let server = Fake::start(|_, n| match n {
        0 => Reply::with(502, "", "<h1>Bad Gateway</h1>"),
        1 => Reply::with(504, "", "<h1>Gateway Timeout</h1>"),
        _ => Reply::json(200, r#"{"projects":[]}"#),
    });
    Controller::new(&server.url)
        .unwrap()
        .projects(None)
        .unwrap();
    assert_eq!(server.seen().len(), 3);
    // It may have been done.
    let cut = Fake::start(|_, _| Reply::with(504, "", ""));
    let error = Controller::new(&cut.url)
        .unwrap()
        .create_project(&serde_json::json!({}))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} answered 504 Gateway Timeout", cut.url)
    );
    assert_eq!(cut.seen().len(), 1);
}

#[test]
fn following_a_log_survives_cuts_and_ends_with_the_build() {
    let server = Fake::start(|request, n| match (request.target.as_str(), n) {
        ("/logs/hello/1?follow=true&offset=0", 0) => Reply::chunks(&["one\n", "tw"], false),
        ("/logs/hello/1?follow=true&offset=6", 1) => Reply::nothing(),
        ("/logs/hello/1?follow=true&offset=6", 2) => Reply::chunks(&["o\n"], true),
        _ => Reply::problem(400, "", "wrong offset"),
    });
    let mut text = String::new();
    Controller::new(&server.url)
        .unwrap()
        .follow_log(&build_id(), 0)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "one\ntwo\n");
}

#[test]
fn a_log_that_is_cut_is_no_log() {
    let server = Fake::start(|_, _| Reply::chunks(&["one"], false));
    let mut text = String::new();
    let read = Controller::new(&server.url)
        .unwrap()
        .log(&build_id(), LogPart::default())
        .unwrap()
        .read_to_string(&mut text);
    assert!(read.is_err());
}

#[test]
fn records_come_once_each() {
    let record = |seq: u64, text: &str| {
        format!(
            r#"{{"seq":{seq},"t":"2026-01-01T00:00:00.000Z","attempt":1,"action_id":"2","stream":"stdout","text":"{text}"}}{}"#,
            "\n"
        )
    };
    let server = Fake::start(move |request, n| match (request.target.as_str(), n) {
        ("/logs/hello/1?follow=true&after=0", 0) => {
            Reply::chunks(&[&record(1, "a"), "{}\n", &record(2, "b"), "{\"se"], false)
        }
        ("/logs/hello/1?follow=true&after=2", 1) => {
            Reply::chunks(&[&record(2, "b"), &record(3, "c")], true)
        }
        _ => Reply::problem(400, "", "wrong"),
    });
    let texts: Vec<_> = Controller::new(&server.url)
        .unwrap()
        .log_records(&build_id(), 0, true)
        .map(|r| r.unwrap().text.unwrap())
        .collect();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[test]
fn an_append_at_the_wrong_offset_says_where_to_go_on() {
    let server = Fake::start(|_, _| {
        let body = r#"{"status":409,"detail":"x","length":17}"#;
        Reply::with(409, "content-type: application/problem+json\r\n", body)
    });
    let append = Controller::new(&server.url)
        .unwrap()
        .append_log("l", 3, b"");
    assert!(matches!(append, Ok(Append::At(17))));
    assert_eq!(server.seen()[0].target, "/work/+log?lease=l&offset=3");
}

const HI: &str = "sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

#[test]
fn an_upload_is_hashed_on_its_way() {
    let stored = format!(r#"{{"name":"a/b","digest":"{HI}","size":2}}"#);
    let server = Fake::start(move |_, _| Reply::json(201, &stored));
    let store = Store::new(&server.url).unwrap();
    let name: BlobName = "a/b".parse().unwrap();
    let got = store.put(&name, &mut "hi".as_bytes(), Upload::default());
    assert_eq!(got.unwrap().size, 2);
    assert_eq!(server.seen()[0].body, b"hi");
    let other = store.put(&name, &mut "ho".as_bytes(), Upload::default());
    assert!(matches!(other, Err(Error::Digest { .. })));
}

#[test]
fn a_refused_upload_is_not_sent() {
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the content was read"))
        }
    }
    let server = Fake::start(|_, _| Reply::problem(412, "", "it exists"));
    let upload = Upload {
        only_new: true,
        ..Upload::default()
    };
    let error = Store::new(&server.url)
        .unwrap()
        .put(&"a".parse().unwrap(), &mut Untouched, upload)
        .unwrap_err();
    assert_eq!(error.to_string(), "it exists");
    assert_eq!(server.seen()[0].header("if-none-match"), Some("*"));
}

#[test]
fn a_download_goes_on_after_a_cut_and_is_checked() {
    let server = Fake::start(|request, _| match request.header("range") {
        None => {
            let text = format!("HTTP/1.1 200 OK\r\netag: \"{HI}\"\r\ncontent-length: 2\r\n\r\nh");
            Reply(text.into_bytes(), true)
        }
        Some("bytes=1-") => Reply::with(206, "content-range: bytes 1-1/2\r\n", "i"),
        Some(_) => Reply::problem(416, "", "no"),
    });
    let store = Store::new(&server.url).unwrap();
    let mut content = Vec::new();
    let digest = store
        .get(&"a".parse().unwrap(), None)
        .unwrap()
        .copy_to(&mut content)
        .unwrap();
    assert_eq!(digest.to_string(), HI);
    assert_eq!(content, b"hi");

    let server = Fake::start(|_, _| Reply::with(200, &format!("etag: \"{HI}\"\r\n"), "ho"));
    let damaged = Store::new(&server.url)
        .unwrap()
        .get(&"a".parse().unwrap(), None)
        .unwrap()
        .copy_to(&mut Vec::new());
    assert!(matches!(damaged, Err(Error::Digest { .. })));
}

#[test]
fn credentials_stay_with_the_issuer_of_their_first_use() {
    let server = Fake::start(|_, n| {
        let port = 8752 + n;
        let body = format!(r#"{{"version":"1","api":1,"auth_url":"http://127.0.0.1:{port}/"}}"#);
        Reply::json(200, &body)
    });
    let controller = Controller::new(&server.url).unwrap();
    let first = Binding::new(&controller, &controller.version().unwrap()).unwrap();
    first.check(None).unwrap();
    first.check(Some(&first.clone())).unwrap();
    let second = Binding::new(&controller, &controller.version().unwrap()).unwrap();
    let error = second.check(Some(&first)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAllowed);
}

#[test]
fn a_waiting_call_is_broken_by_a_shut_down() {
    let (asked, is_asked) = std::sync::mpsc::channel();
    let server = Fake::start(move |_, _| {
        asked.send(()).unwrap();
        std::thread::park();
        Reply::nothing()
    });
    let controller = Controller::new(&server.url)
        .unwrap()
        .with_retry(Retry::NEVER);
    let polls = controller.clone();
    let waiting = std::thread::spawn(move || polls.work(1, Duration::from_secs(30), None));
    is_asked.recv_timeout(Duration::from_secs(10)).unwrap();
    controller.shut_down();
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn a_call_on_a_kept_connection_is_quick() {
    let server = Fake::start(|_, _| Reply::json(200, r#"{"worker":"w"}"#));
    let controller = Controller::new(&server.url).unwrap();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            controller.register(&Registration::default()).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    // Generous: a debug build on a busy machine. What it guards against is a new connection, a
    // look-up or Nagle's delay (40 ms) with every call.
    assert!(times[50] < Duration::from_millis(20), "{:?}", times[50]);
    assert_eq!(server.seen().last().map(|r| r.connection), Some(0));
}

#[test]
fn https_to_a_server_without_tls_is_an_error_like_others() {
    // It also shows that cryptography and the system's certificates are there without any set-up.
    let server = Fake::start(|_, _| Reply::json(200, "{}"));
    let url = server.url.replace("http://", "https://");
    let error = Controller::new(&url).unwrap().version().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
}
