use crate::server::Server;
use ick_http::Limits;

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn every_refusal_is_a_problem() {
    let server = Server::start(Limits::default());
    server.call("GET", "/nothing", "", "").problem(404);
    server.call("GET", "/builds/", "", "").problem(404);
    let answer = server.call("DELETE", "/builds", "", "");
    answer.problem(405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD,POST"));
    server.call("BREW", "/builds", "", "").problem(405);
    for broken in ["", "{", "[1,", "nonsense", "{\"name\": \"\u{1}\"}"] {
        server.call("POST", "/builds", JSON, broken).problem(400);
    }
    let deep = "[".repeat(900);
    server.call("POST", "/builds", JSON, &deep).problem(400);
    for other in ["{}", "[]", "{\"name\": 1}", "{\"name\": \"a\", \"b\": 1}"] {
        server.call("POST", "/builds", JSON, other).problem(422);
    }
    let good = server.call("POST", "/builds", JSON, r#"{"name": "you"}"#);
    assert_eq!((good.status, good.body.as_str()), (200, "hello, you"));
    // What the client calls it does not count: `curl -d` calls everything a form.
    for kind in ["", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        let answer = server.call("POST", "/builds", kind, r#"{"name": "you"}"#);
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello, you"));
    }
    server.call("POST", "/builds", "", "{").problem(400);
    assert_eq!(good.header("x-content-type-options"), Some("nosniff"));
    server.assert_no_connection_stays();
}

#[test]
fn a_panic_is_a_500_that_shows_nothing() {
    let server = Server::start(Limits::default());
    for path in ["/panic", "/panic-inside"] {
        let answer = server.call("GET", path, "", "");
        answer.problem(500);
        assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
    }
    assert_eq!(server.call("GET", "/builds", "", "").body, "builds");
}

#[test]
fn head_has_no_body() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    let token = server.token();
    for path in ["/builds", "/nothing"] {
        client.send(&format!(
            "HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
    }
    client.send("GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let all = client.rest();
    let heads: Vec<&str> = all.split("HTTP/1.1 ").collect();
    assert_eq!(heads.len(), 4, "{all}");
    assert!(heads[1].starts_with("200") && heads[1].ends_with("\r\n\r\n"));
    assert!(heads[1].contains("content-length: 6"));
    assert!(heads[2].starts_with("404") && heads[2].ends_with("\r\n\r\n"));
    assert!(heads[3].contains(r#"{"api":1,"version":"1.2.3"}"#));
}

#[test]
fn what_is_counted() {
    let server = Server::start(Limits::default());
    server.call("GET", "/builds", "", "");
    server.call("GET", "/builds", "", "");
    server.call("GET", "/nothing/a", "", "");
    server.ask("GET /clients HTTP/1.1\r\nHost: x\r\n\r\n");
    let metrics = server.call("GET", "/metrics", "", "").body;
    for line in [
        r#"ick_http_requests_total{method="GET",route="/builds",status="200"} 2"#,
        r#"ick_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"ick_http_requests_total{method="GET",route="none",status="401"} 1"#,
        r#"ick_http_request_duration_seconds_count{route="/builds"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
