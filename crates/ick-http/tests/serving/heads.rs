use crate::server::{LONG, Server};
use ick_http::Limits;
use std::time::{Duration, Instant};

#[test]
fn a_half_sent_head_is_closed_after_a_while() {
    let head_time = Duration::from_millis(300);
    let server = Server::start(Limits {
        head_time,
        ..Limits::default()
    });
    for half in ["", "G", "GET /version HTTP/1.1\r\nHost: x\r\n"] {
        let begun = Instant::now();
        let mut client = server.connect();
        client.send(half);
        assert_eq!(client.rest(), "", "{half:?}");
        let took = begun.elapsed();
        assert!(took >= head_time && took < LONG, "{half:?}: {took:?}");
    }
    server.assert_no_connection_stays();
}

#[test]
fn a_head_that_drips_is_closed_too() {
    let head_time = Duration::from_millis(300);
    let server = Server::start(Limits {
        head_time,
        ..Limits::default()
    });
    let mut client = server.connect();
    client.send("GET /version HTTP/1.1\r\n");
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let begun = Instant::now();
    // A header byte every 20 ms is no progress that counts.
    while client.try_send("X") {
        let mut byte = [0];
        match std::io::Read::read(&mut client.stream, &mut byte) {
            Ok(0) => break,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
            Ok(_) => panic!("an answer to half a head"),
        }
        assert!(begun.elapsed() < LONG);
    }
    server.assert_no_connection_stays();
}

#[test]
fn too_many_and_too_long_headers() {
    let server = Server::start(Limits::default());
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(100_000));
    for headers in [many, long] {
        let mut client = server.connect();
        client.try_send(&format!(
            "GET /version HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
        ));
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let target = "a".repeat(70_000);
    let mut client = server.connect();
    client.try_send(&format!("GET /{target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let answer = client.rest();
    assert!(
        answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    server.assert_no_connection_stays();
}

/// Whatever could make a body pass for a second request ends the connection.
#[test]
fn ambiguous_lengths_are_refused() {
    let server = Server::start(Limits::default());
    let second = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    for headers in [
        "Content-Length: abc",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x10",
        "Content-Length: 5, 6",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
    ] {
        let mut client = server.connect();
        client.try_send(&format!(
            "POST /open HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{second}"
        ));
        let answers = client.rest();
        assert!(answers.starts_with("HTTP/1.1 400 "), "{headers}: {answers}");
        assert_eq!(
            answers.matches("HTTP/1.1").count(),
            1,
            "{headers}: {answers}"
        );
    }
    // RFC 9112, section 6.1: chunked wins, and the connection ends afterwards or the request is refused.
    let mut client = server.connect();
    client.try_send(&format!(
        "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}"
    ));
    client.no_more_to_send();
    let answers = client.rest();
    assert!(
        !answers.contains("1.2.3") || answers.contains("open"),
        "{answers}"
    );
    server.assert_no_connection_stays();
}

#[test]
fn what_is_no_http_is_refused() {
    let server = Server::start(Limits::default());
    for garbage in [
        "\r\n\r\n\r\nnonsense\r\n\r\n",
        "GET /version\r\n\r\n",
        "GET /version HTTP/3.7\r\n\r\n",
        "GET /version HTTP/1.1\r\nHost x\r\n\r\n",
        "GET /version HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
    ] {
        let mut client = server.connect();
        client.try_send(garbage);
        client.no_more_to_send();
        let answer = client.rest();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{garbage:?}: {answer}"
        );
    }
    server.assert_no_connection_stays();
}

#[test]
fn requests_in_all_connections_make_more_of_them_wait() {
    let server = Server::start(Limits {
        connections: 2,
        body_interval: LONG,
        ..Limits::default()
    });
    let mut busy = [server.connect(), server.connect()];
    for client in &mut busy {
        let head = "PUT /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                    Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        client.send(&head.replace("{token}", &server.token()));
        assert_eq!(client.answer().status, 100);
    }
    let mut three = server.connect();
    three.send(VERSION);
    three
        .stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut byte = [0];
    let waiting = std::io::Read::read(&mut three.stream, &mut byte);
    assert_eq!(
        waiting.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "no room for a third one"
    );
    let [mut one, mut two] = busy;
    one.send("hello");
    assert_eq!(one.answer().body, "5");
    // It has nothing to do now, and makes room.
    three.stream.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(three.answer().status, 200);
    assert_eq!(one.rest(), "");
    two.send("hello");
    assert_eq!(two.answer().body, "5", "what is under way is not ended");
}

const VERSION: &str = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn who_has_waited_the_longest_makes_room() {
    let server = Server::start(Limits {
        connections: 3,
        head_time: 10 * LONG,
        ..Limits::default()
    });
    let mut half = server.connect();
    half.send("GET /version HTTP/1.1\r\n");
    let mut idle = server.connect();
    idle.send(VERSION);
    assert_eq!(idle.answer().status, 200);
    let mut used = server.connect();
    let mut held = Vec::new();
    for expected in [&mut half, &mut idle] {
        used.send(VERSION);
        assert_eq!(used.answer().status, 200);
        let mut more = server.connect();
        more.send(VERSION);
        assert_eq!(more.answer().status, 200);
        assert_eq!(expected.rest(), "");
        held.push(more);
    }
    used.send(VERSION);
    assert_eq!(used.answer().status, 200);
}
