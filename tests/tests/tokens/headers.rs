//! How a token comes with a request: in one `Authorization` header, and nowhere else.

use crate::forge::World;
use crate::wire::ask;
use anyhow::{Result, ensure};

#[test]
fn a_token_comes_in_one_header_and_nowhere_else() -> Result<()> {
    let world = World::up()?;
    let token = world.whole_token()?;
    for (url, path) in world.servers() {
        let get = |path: &str, headers: &str| ask(url, "GET", path, headers, "");
        for good in [
            format!("Authorization: Bearer {token}\r\n"),
            format!("authorization: bearer {token}\r\n"),
            format!("AUTHORIZATION: BEARER {token}\r\n"),
            format!("Authorization: Bearer   {token}  \r\n"),
        ] {
            get(path, &good)?.is(200, &good)?;
        }
        for bad in [
            format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"),
            format!("Authorization: Bearer {token}\r\nAuthorization: Bearer x\r\n"),
            format!("Authorization: Bearer x\r\nAuthorization: Bearer {token}\r\n"),
            format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
            format!("Authorization: Bearer {token},x\r\n"),
            format!("Authorization: Bearer {token} x\r\n"),
            format!("Authorization: Bearer x {token}\r\n"),
            format!("Authorization: Bearer\t{token}\r\n"),
            format!("Authorization: Bearer{token}\r\n"),
            format!("Authorization: Bearer=\"{token}\"\r\n"),
            format!("Authorization: Bearer \"{token}\"\r\n"),
            format!("Authorization: Token {token}\r\n"),
            format!("Authorization: Basic {token}\r\n"),
            format!("Authorization: {token}\r\n"),
            "Authorization: Basic aWNrdG9vbDp4\r\n".to_owned(),
            "Authorization: Bearer \r\n".to_owned(),
            "Authorization: Bearer\r\n".to_owned(),
            "Authorization: \r\n".to_owned(),
            "Authorization: Bearer t\u{f6}ken\r\n".to_owned(),
        ] {
            get(path, &bad)?.refuses_token(&bad)?;
        }
        let elsewhere = [
            (format!("{path}?access_token={token}"), String::new()),
            (format!("{path}?token={token}"), String::new()),
            (
                format!("{path}?authorization=Bearer%20{token}"),
                String::new(),
            ),
            (path.to_owned(), format!("Cookie: access_token={token}\r\n")),
            (
                path.to_owned(),
                format!("X-Authorization: Bearer {token}\r\n"),
            ),
            (
                path.to_owned(),
                format!("Proxy-Authorization: Bearer {token}\r\n"),
            ),
            (path.to_owned(), String::new()),
        ];
        for (path, headers) in elsewhere {
            let answer = get(&path, &headers)?.is(401, &format!("{path} {headers}"))?;
            ensure!(
                answer.header("www-authenticate") == Some("Bearer"),
                "{answer:?}"
            );
        }
        let form = format!("access_token={token}");
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        ask(url, "POST", path, kind, &form)?.is(401, "in a form")?;
    }
    Ok(())
}
