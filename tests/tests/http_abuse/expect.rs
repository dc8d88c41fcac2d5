use crate::servers::{Held, Server, each};
use anyhow::{Result, ensure};

const EXPECT: &str = "Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n";

/// The first answer, which must not be the one that asks for the body; then the server closes.
fn refused(server: &Server, head: &str, status: u16) -> Result<()> {
    let mut client = server.connect()?;
    client.send(head)?;
    client.answer()?.problem(status)?.closes()?;
    assert_eq!(client.rest()?, "");
    Ok(())
}

#[test]
fn what_is_refused_is_refused_before_the_body_is_sent() -> Result<()> {
    each(|server| {
        refused(server, &server.writing_without_a_token(EXPECT), 401)?;
        let lines = format!("Authorization: Bearer nonsense\r\n{EXPECT}");
        refused(server, &server.writing_without_a_token(&lines), 401)?;
        let lines = server.weak_authorization() + EXPECT;
        refused(server, &server.writing_without_a_token(&lines), 403)?;
        refused(server, &server.head("PUT", "/nothing/here", EXPECT), 404)?;
        refused(
            server,
            &server.head("PATCH", server.readable(), EXPECT),
            405,
        )?;
        match server.name {
            "store" => {
                let none = EXPECT.replace("100000000\r", "9000000000000000000\r");
                refused(server, &server.writing(&none), 507)?;
                refused(server, &server.head("PUT", "/blobs/a//b", EXPECT), 400)?;
                let range = format!("Content-Range: bytes 0-1/2\r\n{EXPECT}");
                refused(server, &server.writing(&range), 400)?;
                let there = format!("If-Match: \"x\"\r\n{EXPECT}");
                refused(server, &server.writing(&there), 412)?;
            }
            _ => refused(server, &server.writing(EXPECT), 413)?,
        }
        Ok(Held::new())
    })
}

#[test]
fn a_body_that_is_wanted_is_asked_for() -> Result<()> {
    each(|server| {
        let mut client = server.connect()?;
        client.send(server.writing("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"))?;
        client.answer()?.is(100)?;
        client.send("{}")?;
        let answer = client.answer()?;
        ensure!(matches!(answer.status, 201 | 422), "{}", answer.head);
        Ok(vec![client])
    })
}

/// The client of HTTP/1.0 cannot know of it, and sends the body (RFC 9110, section 10.1.1).
#[test]
fn an_expectation_of_http_1_0_is_none() -> Result<()> {
    each(|server| {
        let head = server.writing("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}");
        let mut client = server.connect()?;
        client.send(head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
        let answer = client.answer()?;
        ensure!(matches!(answer.status, 201 | 422), "{}", answer.head);
        let head = server
            .writing_without_a_token("Content-Length: 4000000\r\nExpect: 100-continue\r\n\r\n");
        let mut client = server.connect()?;
        client.send(head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
        client.send(vec![b'x'; 4_000_000])?;
        client.answer()?.problem(401)?;
        Ok(Held::new())
    })
}

/// Clients that wait to be asked, and are, and then say nothing.
#[test]
fn those_who_are_asked_and_say_nothing_hold_up_nobody() -> Result<()> {
    each(|server| {
        let mut held = Held::new();
        for _ in 0..300 {
            let mut client = server.connect()?;
            client.send(server.writing("Content-Length: 20\r\nExpect: 100-continue\r\n\r\n"))?;
            held.push(client);
        }
        for client in &mut held {
            client.answer()?.is(100)?;
        }
        Ok(held)
    })
}
