use crate::servers::{Held, each};
use anyhow::{Context, Result, ensure};

#[test]
fn too_many_and_too_long_headers_are_refused() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        for lines in [
            "X: y\r\n".repeat(100),
            "X: y\r\n".repeat(100_000),
            format!("X: {}\r\n", "y".repeat(100_000)),
            format!("X: {}\r\n", "y".repeat(10_000_000)),
            format!("{}: y\r\n", "X".repeat(100_000)),
            format!("Cookie: {}\r\n", "a=b; ".repeat(100_000)),
        ] {
            let start: String = lines.chars().take(20).collect();
            let mut client = server.connect()?;
            client.offer(server.head("GET", "/version", &lines) + "\r\n");
            let answer = client.rest().context(start.clone())?;
            // What is sent on after the refusal can undo it: the connection is reset then.
            let lost = answer.is_empty() && lines.len() > 500_000;
            ensure!(
                lost || answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 400 "),
                "{start}: {answer:?}"
            );
            held.push(client);
        }
        Ok(held)
    })
}

#[test]
fn a_target_that_is_too_long_is_refused() -> Result<()> {
    each(|server| {
        for length in [30_000, 70_000, 1_000_000] {
            let target = format!("/{}", "a".repeat(length));
            let mut client = server.connect()?;
            client.offer(server.head("GET", &target, "Connection: close\r\n\r\n"));
            let answer = client.rest()?;
            let lost = answer.is_empty() && length > 500_000;
            ensure!(
                lost || ["404", "414", "431"].contains(&answer.get(9..12).unwrap_or_default()),
                "{length}: {answer:?}"
            );
        }
        Ok(Held::new())
    })
}

/// More than any server has room for, if it kept them.
#[test]
fn large_heads_by_the_thousand_stay_within_the_memory() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        let head = format!("GET /version HTTP/1.1\r\nX: {}", "y".repeat(28_000));
        for _ in 0..2500 {
            let mut client = server.connect()?;
            client.offer_at_once(head.as_bytes())?;
            held.push(client);
        }
        // Whoever comes with a head that is complete is served meanwhile.
        server.serves_others()?;
        for client in &mut held {
            client.offer_at_once(&[b'y'; 3000])?;
        }
        Ok(held)
    })
}

#[test]
fn what_is_no_head_is_refused() -> Result<()> {
    each(|server| {
        for (head, expected) in [
            ("GET /version HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "400"),
            (
                "GET /version HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
                "400",
            ),
            ("GET /version HTTP/1.1\r\n Host: x\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost : x\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost: x\r\nX\0: b\r\n\r\n", "400"),
            ("GET /ver\0sion HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
            ("G\0T /version HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost: x\r\nÄ: b\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", "400"),
            ("GET /version HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", "400"),
            ("GET /version HTTP/9.9\r\nHost: x\r\n\r\n", "400"),
            ("GET  /version HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n", "400"),
            // A value may be anything but control characters (RFC 9110, section 5.5).
            (
                "GET /version HTTP/1.1\r\nConnection: close\r\nX: Ä\u{7ff}\r\n\r\n",
                "200",
            ),
            // And a lone LF may end a line (RFC 9112, section 2.2).
            ("GET /version HTTP/1.1\nConnection: close\n\n", "200"),
        ] {
            let mut client = server.connect()?;
            client.send(head)?;
            let answer = client.rest()?;
            let status = answer.get(9..12).unwrap_or_default();
            ensure!(status == expected, "{head:?}: {answer:?}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}");
        }
        Ok(Held::new())
    })
}

#[test]
fn a_header_that_counts_and_is_not_ascii_is_refused_in_words() -> Result<()> {
    each(|server| {
        let path = server.readable();
        for value in [
            "Bearer Ä",
            "Bearer \u{ff}\u{fe}",
            "Bär x",
            "Bearer  ",
            "Bearer",
        ] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\n\r\n");
            server.ask(head)?.problem(401)?;
        }
        let twice = server.authorization().repeat(2);
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{twice}\r\n");
        server.ask(head)?.problem(401)?;
        // Two headers of a request that is refused, and nothing but the refusal.
        let lines = "If-Match: Ä\r\nContent-Type: Ä\r\nAccept: Ä\r\nRange: Ä\r\n\r\n";
        let answer = server.ask(server.head("GET", path, lines))?;
        ensure!(answer.status < 500, "{}", answer.head);
        Ok(Held::new())
    })
}
