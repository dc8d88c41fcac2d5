use crate::servers::{Held, Server, each};
use anyhow::Result;

/// `count` connections, each with this sent.
fn open(server: &Server, count: usize, bytes: &[u8]) -> Result<Held> {
    let mut held = Held::new();
    for _ in 0..count {
        let mut client = server.connect()?;
        client.offer(bytes);
        held.push(client);
    }
    Ok(held)
}

/// More than there may be connections, and none of them says all it has to say: whoever has waited the
/// longest makes room for the next one.
#[test]
fn half_sent_heads_beyond_all_connections_shut_nobody_out() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        for bytes in ["", "G", "GET /version HTTP/1.1\r\nHost: x\r\n"] {
            held.extend(open(server, 1500, bytes.as_bytes())?);
        }
        held.extend(open(server, 500, server.writing("X: ").as_bytes())?);
        Ok(held)
    })
}

/// Connections that were used and are kept by clients that may never come again.
#[test]
fn idle_connections_beyond_all_connections_shut_nobody_out() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        for _ in 0..4500 {
            let mut client = server.connect()?;
            client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")?;
            client.answer()?.is(200)?;
            held.push(client);
        }
        Ok(held)
    })
}

#[test]
fn half_sent_bodies_without_a_token_are_refused_and_ended() -> Result<()> {
    each(|server| {
        let head = server.writing_without_a_token("Content-Length: 100000000\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend([b'x'; 100_000]);
        let mut held = open(server, 500, &bytes)?;
        for client in &mut held {
            client.answer()?.problem(401)?.closes()?;
        }
        Ok(held)
    })
}

/// Bodies that keep coming though they were refused.
#[test]
fn a_flood_of_bodies_without_a_token_takes_no_memory() -> Result<()> {
    each(|server| {
        let head = server.writing_without_a_token("Content-Length: 100000000\r\n\r\n");
        let mut held = open(server, 1000, head.as_bytes())?;
        let piece = vec![b'x'; 100_000];
        for _ in 0..5 {
            for client in &mut held {
                client.offer_at_once(&piece)?;
            }
        }
        Ok(held)
    })
}

#[test]
fn half_sent_bodies_by_the_hundred_are_waited_for() -> Result<()> {
    each(|server| {
        let head = server.writing("Content-Length: 1000000\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend([b'x'; 200_000]);
        open(server, 300, &bytes)
    })
}

/// In the smallest of pieces, each of which could hold on to a buffer of its own.
#[test]
fn bodies_that_drip_take_no_more_memory_than_their_bytes() -> Result<()> {
    each(|server| {
        let head = server.writing("Content-Length: 1000000\r\n\r\n");
        let mut held = open(server, 300, head.as_bytes())?;
        for _ in 0..200 {
            for client in &mut held {
                client.offer("x");
            }
        }
        Ok(held)
    })
}

/// The largest bodies that are taken whole, each nearly there.
#[test]
fn the_largest_bodies_are_not_all_held_at_a_time() -> Result<()> {
    each(|server| {
        let (method, path, length) = match server.name {
            "controller" => ("POST", "/+make-it-so", 32 << 20),
            "store" => ("PUT", "/blobs/abuse", 32 << 20),
            _ => ("POST", "/clients", 1 << 20),
        };
        let head = server.head(method, path, &format!("Content-Length: {length}\r\n\r\n"));
        let mut held = open(server, 50, head.as_bytes())?;
        let piece = vec![b' '; 1 << 20];
        let mut left = length - 1000;
        while left > 0 {
            let piece = &piece[..left.min(1 << 16)];
            for client in &mut held {
                client.offer_at_once(piece)?;
            }
            left -= piece.len();
        }
        Ok(held)
    })
}

/// Authorised log appends, each an almost whole mebibyte.
#[test]
fn half_sent_log_appends_and_reports_by_the_hundred() -> Result<()> {
    each(|server| {
        if server.name != "controller" {
            return Ok(Held::new());
        }
        let mut held = Held::new();
        for path in ["/work/+log?lease=none&offset=0", "/work"] {
            let head = server.head("POST", path, "Content-Length: 1048576\r\n\r\n");
            let mut bytes = head.into_bytes();
            bytes.extend(vec![b'{'; 1_000_000]);
            let mut clients = open(server, 150, b"")?;
            for client in &mut clients {
                client.offer_at_once(&bytes)?;
            }
            held.extend(clients);
        }
        Ok(held)
    })
}
