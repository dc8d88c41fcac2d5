use crate::servers::{Held, each};
use anyhow::{Result, ensure};

#[test]
fn chunks_that_are_none_are_refused() -> Result<()> {
    each(|server| {
        for body in [
            "fffffffffffffffff\r\nx",
            "10000000000000000\r\nx",
            "-1\r\nx",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "\r\n\r\n",
            "g\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\nhello\n0\n\n",
            "5\rhello",
            "5;a=\nb\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\r\nX: a\nb\r\n\r\n",
            "5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
        ] {
            let mut client = server.connect()?;
            let head = server.writing("Transfer-Encoding: chunked\r\n\r\n");
            client.offer(head + body + "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
            let answers = client.rest()?;
            assert_eq!(
                answers.matches("HTTP/1.1 ").count(),
                1,
                "{body:?}: {answers:?}"
            );
            ensure!(answers.get(9..12) == Some("400"), "{body:?}: {answers:?}");
        }
        Ok(Held::new())
    })
}

/// Extensions and trailers without end, by many at a time.
#[test]
fn floods_around_chunks_are_ended() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        for flood in [
            format!("5{}\r\nhello\r\n", ";a=b".repeat(100_000)),
            format!("5;{}\r\nhello\r\n", "a".repeat(400_000)),
            "5;a=b;c=d;e=f;g=h;i=j;k=l\r\nhello\r\n".repeat(10_000),
            format!("0\r\n{}", "X: y\r\n".repeat(70_000)),
            format!("0\r\nX: {}\r\n", "y".repeat(400_000)),
            "1\r\nx\r\n".repeat(5000),
        ] {
            for _ in 0..10 {
                let mut client = server.connect()?;
                client.send(server.writing("Transfer-Encoding: chunked\r\n\r\n"))?;
                client.offer_at_once(flood.as_bytes())?;
                held.push(client);
            }
        }
        Ok(held)
    })
}
