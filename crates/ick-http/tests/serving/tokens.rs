use crate::server::{ISSUER, Server, token};
use ick_http::Limits;

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

#[test]
fn no_token_no_answer_whatever_the_path() {
    let server = Server::start(Limits::default());
    for path in [
        "/builds",
        "/nothing",
        "/",
        "/version/",
        "//version",
        "/%76ersion",
        "/OPEN",
    ] {
        let answer = server.ask(&get(path, ""));
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    server
        .ask("DELETE /builds HTTP/1.1\r\nHost: x\r\n\r\n")
        .problem(401);
    for (path, body) in [
        ("/version", r#"{"api":1,"version":"1.2.3"}"#),
        ("/healthz", "ok\n"),
    ] {
        let answer = server.ask(&get(path, ""));
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
    // A public path needs no token for any method.
    server.ask(&get("/open", "")).problem(405);
    assert_eq!(
        server.ask("POST /open HTTP/1.1\r\nHost: x\r\n\r\n").body,
        "open"
    );
}

#[test]
fn bad_tokens() {
    let server = Server::start(Limits::default());
    let good = server.token();
    let elsewhere = token(&server.keyring, "http://elsewhere", &["uapi_builds_get"]);
    for (headers, error) in [
        ("Authorization: Bearer\r\n".to_owned(), "invalid_request"),
        (
            "Authorization: Basic eDp5\r\n".to_owned(),
            "invalid_request",
        ),
        (format!("Authorization: {good}\r\n"), "invalid_request"),
        (
            format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
            "invalid_request",
        ),
        (
            "Authorization: Bearer x.y.z\r\n".to_owned(),
            "invalid_token",
        ),
        (
            format!("Authorization: Bearer {good}x\r\n"),
            "invalid_token",
        ),
        (
            format!("Authorization: Bearer {}\r\n", "x".repeat(9000)),
            "invalid_token",
        ),
        (
            format!("Authorization: Bearer {elsewhere}\r\n"),
            "invalid_token",
        ),
    ] {
        let answer = server.ask(&get("/builds", &headers));
        answer.problem(401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with(&format!("Bearer error=\"{error}\"")),
            "{headers}: {challenge}"
        );
        // In the address it does not count at all.
        let path = format!("/builds?access_token={good}");
        server.ask(&get(&path, "")).problem(401);
    }
}

#[test]
fn a_missing_scope_is_named() {
    let server = Server::start(Limits::default());
    let answer = server.call("GET", "/clients", "", "");
    assert_eq!(
        answer.problem(403),
        "this needs the scope uapi_clients_get, which the token does not have"
    );
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"insufficient_scope\", scope=\"uapi_clients_get\"")
    );
    let without = token(&server.keyring, ISSUER, &["uapi_metrics"]);
    let headers = format!("Authorization: Bearer {without}\r\n");
    server.ask(&get("/metrics", &headers)).problem(403);
}
