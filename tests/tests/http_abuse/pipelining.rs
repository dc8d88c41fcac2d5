use crate::servers::{Held, each};
use anyhow::{Result, ensure};

#[test]
fn pipelined_requests_are_answered_in_order() -> Result<()> {
    each(|server| {
        let mut client = server.connect()?;
        let slow = if server.name == "controller" {
            server.head("GET", "/work?wait=1s", "\r\n")
        } else {
            server.head("GET", server.readable(), "\r\n")
        };
        let paths = [server.readable(), "/nothing", "/healthz"];
        let fast: String = paths
            .iter()
            .map(|path| server.head("GET", path, "\r\n"))
            .collect();
        client.send(slow + &fast.repeat(100))?;
        client.answer()?.is(200)?;
        for _ in 0..100 {
            client.answer()?.is(200)?;
            client.answer()?.problem(404)?;
            assert_eq!(client.answer()?.is(200)?.body, b"ok\n");
        }
        Ok(vec![client])
    })
}

#[test]
fn a_body_and_what_follows_it_are_told_apart() -> Result<()> {
    each(|server| {
        let mut client = server.connect()?;
        let inner = "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n";
        let length = inner.len();
        for lines in [
            format!("Content-Length: {length}\r\n\r\n{inner}"),
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n"),
        ] {
            client.send(server.writing(&lines) + &server.head("GET", "/healthz", "\r\n"))?;
            let answer = client.answer()?;
            ensure!(matches!(answer.status, 200 | 201 | 400), "{}", answer.head);
            assert_eq!(client.answer()?.is(200)?.body, b"ok\n");
        }
        Ok(vec![client])
    })
}

/// Requests without end behind one that waits, and behind answers that nobody takes.
#[test]
fn a_flood_of_pipelined_requests_is_left_where_it_is() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        let flood = server.head("GET", "/healthz", "\r\n").repeat(300);
        for _ in 0..100 {
            let mut client = server.connect()?;
            if server.name == "controller" {
                client.send(server.head("GET", "/work?wait=10s", "\r\n"))?;
            } else {
                client.send(server.writing("Content-Length: 90\r\n\r\n"))?;
            }
            held.push(client);
            let mut client = server.connect()?;
            client.send("HEAD /version HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300))?;
            held.push(client);
        }
        for _ in 0..20 {
            for client in &mut held {
                client.offer_at_once(flood.as_bytes())?;
            }
        }
        Ok(held)
    })
}
