use crate::servers::{Held, each};
use anyhow::{Result, ensure};

#[test]
fn a_client_of_http_1_0_gets_an_answer_that_ends_with_the_connection() -> Result<()> {
    each(|server| {
        for path in [
            "/version",
            "/healthz",
            "/metrics",
            "/nothing",
            server.readable(),
        ] {
            let head = server.head("GET", path, "\r\n");
            let mut client = server.connect()?;
            client.send(head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
            let answer = client.answer()?;
            ensure!(answer.head.starts_with("HTTP/1.0 "), "{}", answer.head);
            ensure!(
                answer.header("transfer-encoding").is_none(),
                "{}",
                answer.head
            );
            assert_eq!(answer.header("connection"), None, "{}", answer.head);
            assert_eq!(client.rest()?, "");
        }
        Ok(Held::new())
    })
}

#[test]
fn a_client_of_http_1_0_can_ask_for_the_connection_to_stay() -> Result<()> {
    each(|server| {
        let mut client = server.connect()?;
        let lines = "Connection: keep-alive\r\n\r\n";
        for _ in 0..3 {
            let head = server.head("GET", server.readable(), lines);
            client.send(head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
            let answer = client.answer()?.is(200)?;
            assert_eq!(answer.header("connection"), Some("keep-alive"));
        }
        client.send("GET /healthz HTTP/1.0\r\n\r\n")?;
        client.answer()?.is(200)?;
        assert_eq!(client.rest()?, "");
        Ok(Held::new())
    })
}

#[test]
fn chunks_are_nothing_that_http_1_0_has() -> Result<()> {
    each(|server| {
        let head = server.writing("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        let mut client = server.connect()?;
        client.send(head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
        let answer = client.rest()?;
        ensure!(answer.get(9..12) == Some("400"), "{answer:?}");
        Ok(Held::new())
    })
}
