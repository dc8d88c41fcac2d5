//! Where it is said which authorities are trusted.

use crate::proxy::Proxy;
use crate::site::NAMES;
use anyhow::{Result, ensure};
use ick_tests::{Authority, Outcome, icktool, program};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// `icktool status` there.
fn status(folder: &Path, url: &str) -> Result<Command> {
    let mut command = icktool(folder)?;
    command.args(["status", "--controller", url]);
    Ok(command)
}

#[test]
fn the_platform_s_authorities_are_those_that_ssl_cert_file_and_ssl_cert_dir_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ca = Authority::new("Ick test CA")?;
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("certs"))?;
    std::fs::create_dir(path("none"))?;
    std::fs::write(path("ca.pem"), ca.pem())?;
    // A folder of OpenSSL's kind names each file by a hash of its subject.
    std::fs::write(path("certs/0123abcd.0"), ca.pem())?;
    let proxy = Proxy::new(ca.good(&NAMES)?)?;
    let url = proxy.url();
    Outcome::of(&mut status(folder.path(), &url)?)?
        .exits(6)?
        .says("is signed by \"Ick test CA\", which this machine does not trust")?;
    assert_eq!(proxy.handshakes(), 0);
    for (count, (variable, value)) in [("SSL_CERT_FILE", "ca.pem"), ("SSL_CERT_DIR", "certs")]
        .into_iter()
        .enumerate()
    {
        Outcome::of(status(folder.path(), &url)?.env(variable, path(value)))?
            .exits(6)?
            .says("the connection was cut")?;
        assert_eq!(proxy.handshakes(), count + 1, "{variable}");
    }
    Outcome::of(status(folder.path(), &url)?.env("SSL_CERT_DIR", path("none")))?
        .exits(6)?
        .says("this machine trusts no authority at all")?;
    Ok(())
}

#[test]
fn a_ca_file_that_is_none_is_told_by_icktool_and_by_daemons_at_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let ca = Authority::new("Ick test CA")?;
    std::fs::write(path("key.pem"), rcgen::KeyPair::generate()?.serialize_pem())?;
    std::fs::write(
        path("both.pem"),
        format!(
            "{}{}",
            ca.pem(),
            rcgen::KeyPair::generate()?.serialize_pem()
        ),
    )?;
    std::fs::write(path("text"), "not a certificate\n")?;
    std::fs::write(path("empty"), "")?;
    std::fs::write(path("cut.pem"), &ca.pem()[..200])?;
    std::fs::write(path("huge"), vec![b'\n'; (1 << 20) + 1])?;
    let lines = ca.pem().lines().count() + 1;
    for (file, told) in [
        (
            "none",
            ": the CA file cannot be read: No such file".to_owned(),
        ),
        ("text", ": this is no PEM text".to_owned()),
        ("empty", ": this is no PEM text".to_owned()),
        ("huge", ": this is larger than 1 MiB".to_owned()),
        ("key.pem", ":1: a private key is in this CA file".to_owned()),
        (
            "both.pem",
            format!(":{lines}: a private key is in this CA file"),
        ),
        (
            "cut.pem",
            ":1: the certificate that begins here has no end line".to_owned(),
        ),
    ] {
        let told = format!("{}{told}", path(file));
        let mut given = status(folder.path(), "https://localhost:1")?;
        Outcome::of(given.args(["--ca-file", file]))?
            .exits(2)?
            .says(&format!("icktool: error: --ca-file: {told}"))?;
        let mut given = status(folder.path(), "https://localhost:1")?;
        Outcome::of(given.env("ICK_CA_FILE", path(file)))?
            .exits(2)?
            .says(&format!("icktool: error: ICK_CA_FILE: {told}"))?;
        for (daemon, more) in [
            ("ick-controller", ""),
            ("ick-store", ""),
            (
                "ick-worker",
                "controller: https://x\nclient_id: w\nclient_secret: s\n",
            ),
        ] {
            let config = path(&format!("{daemon}.yaml"));
            std::fs::write(&config, format!("{more}ca_file: {}\n", path(file)))?;
            let state = path("state");
            let refused = Outcome::of(
                Command::new(program(daemon)?)
                    .args(["serve", "--config", &config, "--state", &state]),
            )?;
            ensure!(refused.code != Some(0), "{refused:?}");
            let line = more.lines().count() + 1;
            refused.says(&format!("{config}:{line}:10"))?.says(&told)?;
        }
    }
    Ok(())
}

#[test]
fn a_server_in_the_clear_elsewhere_is_warned_of() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // A proxy stands for a machine elsewhere, whose controller names two servers that are elsewhere too.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(copy) = stream.try_clone() else { return };
            let mut connect = false;
            for line in BufReader::new(copy).lines().map_while(Result::ok) {
                connect |= line.starts_with("CONNECT ");
                if !line.is_empty() {
                    continue;
                }
                let body = if std::mem::take(&mut connect) {
                    String::new()
                } else {
                    serde_json::json!({
                        "version": "1",
                        "api": 1,
                        "artifact_store": "https://store.example",
                        "auth_url": "http://idp.example",
                    })
                    .to_string()
                };
                let length = match body.len() {
                    0 => String::new(),
                    length => format!("Content-Length: {length}\r\n"),
                };
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n{length}\r\n{body}");
            }
        }
    });
    std::fs::write(folder.path().join("secret"), "a secret")?;
    let mut command = icktool(folder.path())?;
    command.env("http_proxy", proxy).args([
        "login",
        "--controller",
        "http://ick.example",
        "--client-id",
        "me",
        "--client-secret-file",
        "secret",
    ]);
    let said = Outcome::of(&mut command)?;
    said.says(
        "warning: what goes to http://ick.example and http://idp.example can be read on the way, secrets and \
         tokens too: https URLs prevent that\n",
    )?;
    Ok(())
}
