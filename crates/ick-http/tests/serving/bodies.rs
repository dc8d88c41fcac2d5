use crate::server::{Answer, LONG, Server};
use ick_http::Limits;
use std::time::{Duration, Instant};

fn head(method: &str, path: &str, headers: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {{token}}\r\n{headers}\r\n"
    )
}

#[test]
fn a_huge_body_without_a_token_is_not_looked_at() {
    let server = Server::start(Limits::default());
    for headers in [
        "Content-Length: 100000000000\r\n",
        "Content-Length: 100000000000\r\nExpect: 100-continue\r\n",
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
    ] {
        let mut client = server.connect();
        client.send(&format!("PUT /upload HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        let answer = client.answer();
        answer.problem(401);
        assert_eq!(answer.header("connection"), Some("close"), "{headers}");
        client.no_more_to_send();
        assert_eq!(client.rest(), "");
    }
    server.assert_no_connection_stays();
}

#[test]
fn a_small_body_that_is_refused_leaves_the_connection_as_it_should_be() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    let body = "x".repeat(100_000);
    client.send(&format!(
        "PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{body}"
    ));
    client.answer().problem(401);
    // The client saw the answer though it had sent everything; the server closes.
    assert_eq!(client.rest(), "");
    assert_eq!(
        server.call("PUT", "/untouched", "", &body).problem(409),
        "not now"
    );
    server.assert_no_connection_stays();
}

#[test]
fn a_body_over_its_limit() {
    let server = Server::start(Limits::default());
    assert_eq!(
        server.call("PUT", "/whole", "", &"x".repeat(1000)).body,
        "1000"
    );
    // By its length, before a byte of it is asked for.
    let answer = server.ask(&head(
        "PUT",
        "/whole",
        "Content-Length: 1001\r\nExpect: 100-continue\r\n",
    ));
    assert_eq!(
        answer.problem(413),
        "the body of this request can have at most 1000 bytes"
    );
    // In chunks, when there turns out to be too much.
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let chunked = head("PUT", "/whole", "Transfer-Encoding: chunked\r\n");
    assert_eq!(
        server.ask(&format!("{chunked}{chunk}0\r\n\r\n")).body,
        "1000"
    );
    server
        .ask(&format!("{chunked}{chunk}1\r\nx\r\n0\r\n\r\n"))
        .problem(413);
    server
        .call(
            "POST",
            "/builds",
            "Content-Type: application/json\r\n",
            &" ".repeat(1001),
        )
        .problem(413);
    server.assert_no_connection_stays();
}

#[test]
fn a_body_is_asked_for_only_when_it_is_wanted() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    let expecting = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let token = server.token();
    client.send(&head("PUT", "/upload", expecting).replace("{token}", &token));
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    let answer: Answer = client.answer();
    assert_eq!((answer.status, answer.body.as_str()), (200, "5"));
    // A body that was read leaves the connection open.
    client.send(&head("PUT", "/untouched", expecting).replace("{token}", &token));
    let refused = client.answer();
    refused.problem(409);
    assert_eq!(refused.header("connection"), Some("close"));
    server.assert_no_connection_stays();
}

#[test]
fn a_stalled_body_ends_and_a_slow_one_does_not() {
    let server = Server::start(Limits {
        body_bytes: 10,
        body_interval: Duration::from_millis(500),
        ..Limits::default()
    });
    for path in ["/upload", "/whole"] {
        let begun = Instant::now();
        let answer = server.ask(&head("PUT", path, "Content-Length: 100\r\n"));
        assert!(begun.elapsed() < LONG);
        assert!(answer.problem(408).contains("too slowly"), "{path}");
    }
    // Twice as fast as it must be, for three intervals.
    let mut client = server.connect();
    let slow = head("PUT", "/upload", "Content-Length: 60\r\n");
    client.send(&slow.replace("{token}", &server.token()));
    let begun = Instant::now();
    for n in 0..60_u32 {
        let due = Duration::from_millis(25) * n;
        client.hears_nothing_for(due.saturating_sub(begun.elapsed()));
        client.send("x");
    }
    assert_eq!(client.answer().body, "60");
    drop(client);
    // One byte every now and then is not progress.
    let mut client = server.connect();
    let drip = head("PUT", "/upload", "Content-Length: 60\r\n");
    client.send(&drip.replace("{token}", &server.token()));
    let begun = Instant::now();
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut buffer = [0; 12];
    loop {
        client.try_send("x");
        if std::io::Read::read(&mut client.stream, &mut buffer).is_ok() {
            break;
        }
        assert!(begun.elapsed() < LONG);
    }
    assert_eq!(&buffer, b"HTTP/1.1 408");
    drop(client);
    server.assert_no_connection_stays();
}

#[test]
fn a_body_that_breaks_off() {
    let server = Server::start(Limits::default());
    for path in ["/upload", "/whole"] {
        for (headers, part) in [
            ("Content-Length: 100\r\n", "half"),
            ("Transfer-Encoding: chunked\r\n", "5\r\nhal"),
            ("Transfer-Encoding: chunked\r\n", "xyz\r\n"),
        ] {
            let mut client = server.connect();
            let request = format!("{}{part}", head("PUT", path, headers));
            client.send(&request.replace("{token}", &server.token()));
            client.no_more_to_send();
            let answer = client.rest();
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
                "{answer}"
            );
        }
    }
    server.assert_no_connection_stays();
}

#[test]
fn a_large_upload_arrives_whole() {
    let server = Server::start(Limits::default());
    let body = "0123456789abcdef".repeat(1 << 18);
    assert_eq!(server.call("PUT", "/upload", "", &body).body, "4194304");
}

#[test]
fn an_answer_that_nobody_takes_ends() {
    let server = Server::start(Limits {
        write_time: Duration::from_millis(300),
        ..Limits::default()
    });
    let mut client = server.connect();
    client.send(&head("GET", "/flood", "").replace("{token}", &server.token()));
    server.assert_no_connection_stays();
    drop(client);
}

#[test]
fn an_answer_that_is_cut_does_not_look_complete() {
    let server = Server::start(Limits::default());
    let ask = |path| {
        let mut client = server.connect();
        let request = head("GET", path, "Connection: close\r\n");
        client.send(&request.replace("{token}", &server.token()));
        client.rest()
    };
    let whole = ask("/flood");
    assert!(whole.len() > 64 << 20 && whole.ends_with("\r\n0\r\n\r\n"));
    let cut = ask("/cut");
    assert!(!cut.ends_with("0\r\n\r\n"));
}
