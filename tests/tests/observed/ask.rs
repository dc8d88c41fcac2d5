//! Requests byte by byte, and tokens for them.

use anyhow::{Context, Result, ensure};
use ick_tests::{DEADLINE, Ick};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer that was read to the end of the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// The URL of `idp`, `controller` or `store`.
pub(crate) fn url(ick: &Ick, server: &str) -> Result<String> {
    let up = ick.up_file()?;
    let url = up[server]["url"].as_str();
    url.map(str::to_owned).context("no URL in up.json")
}

pub(crate) fn connect(url: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Sends a request on a connection of its own. `headers` are whole lines.
pub(crate) fn send(
    url: &str,
    method: &str,
    path: &[u8],
    headers: &str,
    body: &str,
) -> Result<TcpStream> {
    let mut stream = connect(url)?;
    let length = body.len();
    let head = format!(
        " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    let request = [
        method.as_bytes(),
        b" ",
        path,
        head.as_bytes(),
        body.as_bytes(),
    ]
    .concat();
    stream.write_all(&request)?;
    Ok(stream)
}

/// Reads the answer to the end of the connection.
pub(crate) fn answer(mut stream: TcpStream) -> Result<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no head")?;
    let status = head.get(9..12).context("no status")?.parse()?;
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

pub(crate) fn ask(
    url: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Result<Answer> {
    answer(send(url, method, path.as_bytes(), headers, body)?)
}

/// `POST /token` with a form.
pub(crate) fn ask_token(ick: &Ick, form: &str) -> Result<Answer> {
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    ask(&url(ick, "idp")?, "POST", "/token", kind, form)
}

/// An access token of a client.
pub(crate) fn token(ick: &Ick, client: &Value) -> Result<String> {
    let text = |key: &str| client[key].as_str().context("no such text");
    let (id, secret) = (text("client_id")?, text("client_secret")?);
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let answer = ask_token(ick, &form)?;
    ensure!(answer.status == 200, "{answer:?}");
    let answer: Value = serde_json::from_str(&answer.body)?;
    let token = answer["access_token"].as_str().context("no token")?;
    Ok(token.to_owned())
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
