//! What icktool says, word for word, when there is no secure connection.

use crate::proxy::Proxy;
use crate::site::NAMES;
use anyhow::{Result, ensure};
use ick_tests::{Authority, Outcome, icktool, self_signed};
use rcgen::{DnType, IsCa, date_time_ymd};
use rustls::ServerConfig;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A person with a secret and a CA file, and the authority of that file.
struct Person {
    ca: Authority,
    folder: tempfile::TempDir,
}

impl Person {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ca = Authority::new("Ick test CA")?;
        std::fs::write(folder.path().join("ca.pem"), ca.pem())?;
        std::fs::write(folder.path().join("secret"), "a secret")?;
        Ok(Self { ca, folder })
    }

    fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// `icktool login` there, with the CA file.
    fn logs_in(&self, url: &str) -> Result<Outcome> {
        login(self.folder.path(), url, &["--ca-file", "ca.pem"])
    }

    /// What is said of a certificate: at once, as trying again does not help.
    fn is_told(&self, config: Arc<ServerConfig>, why: &str, hint: &str) -> Result<()> {
        let proxy = Proxy::new(config)?;
        let url = proxy.url();
        let begun = Instant::now();
        let told = self.logs_in(&url)?.exits(6)?;
        ensure!(begun.elapsed() < Duration::from_secs(30), "{told:?}");
        assert_eq!(
            told.stderr,
            format!(
                "icktool: error: cannot log in at {url}: {url} cannot be trusted: {why}\nhint: {hint}\n"
            )
        );
        assert_eq!(proxy.handshakes(), 0);
        Ok(())
    }
}

fn login(folder: &Path, url: &str, more: &[&str]) -> Result<Outcome> {
    let mut command = icktool(folder)?;
    command
        .args(["login", "--controller", url, "--client-id", "me"])
        .args(["--client-secret-file", "secret"])
        .args(more);
    Outcome::of(&mut command)
}

/// The text with the time of "it is … by the clock here" replaced.
fn without_now(text: &str) -> String {
    match text.split_once("; it is ") {
        Some((before, after)) => {
            let after = after
                .split_once(" by the clock")
                .map_or("", |(_, rest)| rest);
            format!("{before}; it is NOW by the clock{after}")
        }
        None => text.to_owned(),
    }
}

#[test]
fn a_certificate_for_other_names_is_told_with_its_names() -> Result<()> {
    let person = Person::new()?;
    let hint =
        "use a URL with a name that it is for, or have the server get a certificate for localhost";
    for (names, told) in [
        (
            &["ick.example"][..],
            "its certificate is for ick.example, not for localhost",
        ),
        (
            &["ick.example", "*.ick.example", "10.0.0.1"],
            "its certificate is for ick.example, *.ick.example and 10.0.0.1, not for localhost",
        ),
        (
            &[],
            "its certificate is for no host, and so not for localhost",
        ),
    ] {
        person.is_told(person.ca.good(names)?, told, hint)?;
    }
    Ok(())
}

#[test]
fn a_certificate_at_the_wrong_time_is_told_with_both_times() -> Result<()> {
    let person = Person::new()?;
    let expired = person.ca.with(&NAMES, |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 3);
    })?;
    let future = person.ca.with(&NAMES, |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    })?;
    for (config, told) in [
        (
            expired,
            "its certificate expired at 2020-02-03T00:00:00.000Z",
        ),
        (
            future,
            "its certificate is not valid before 2999-01-01T00:00:00.000Z",
        ),
    ] {
        let proxy = Proxy::new(config)?;
        let url = proxy.url();
        let said = person.logs_in(&url)?.exits(6)?;
        assert_eq!(
            without_now(&said.stderr),
            format!(
                "icktool: error: cannot log in at {url}: {url} cannot be trusted: {told}; it is NOW by the clock \
                 here\nhint: set the clock here if it is wrong, else have the server get another \
                 certificate\n"
            )
        );
    }
    Ok(())
}

#[test]
fn a_certificate_of_a_stranger_is_told_with_its_name() -> Result<()> {
    let person = Person::new()?;
    let hint = "if this is your own CA, give its certificate with `--ca-file FILE`; at `icktool login` it \
                is kept";
    let file = person.ca_file();
    let stranger = Authority::new("Stranger \x1b[31mLtd")?;
    person.is_told(
        stranger.good(&NAMES)?,
        &format!("its certificate is signed by \"Stranger [31mLtd\", which is not in {file}"),
        hint,
    )?;
    // Instead of the platform's authorities, and not beside them.
    std::fs::write(person.folder.path().join("platform.pem"), stranger.pem())?;
    let proxy = Proxy::new(stranger.good(&NAMES)?)?;
    let mut command = icktool(person.folder.path())?;
    command
        .env("SSL_CERT_FILE", person.folder.path().join("platform.pem"))
        .args([
            "--controller",
            &proxy.url(),
            "--ca-file",
            "ca.pem",
            "status",
        ]);
    Outcome::of(&mut command)?
        .exits(6)?
        .says(&format!("which is not in {file}"))?;
    assert_eq!(proxy.handshakes(), 0);
    Ok(())
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_when_it_is_the_ca_file() -> Result<()> {
    let person = Person::new()?;
    let (config, pem) = self_signed(&NAMES, IsCa::ExplicitNoCa)?;
    person.is_told(
        Arc::clone(&config),
        &format!(
            "its certificate is signed by nobody but itself, and is not in {}",
            person.ca_file()
        ),
        "if you know this certificate, give it with `--ca-file FILE`; at `icktool login` it is kept",
    )?;
    std::fs::write(person.folder.path().join("own.pem"), pem)?;
    let proxy = Proxy::new(config)?;
    // It leads nowhere: the handshake is what counts.
    login(
        person.folder.path(),
        &proxy.url(),
        &["--ca-file", "own.pem"],
    )?
    .exits(6)?;
    ensure!(proxy.handshakes() > 0);
    Ok(())
}

#[test]
fn an_authority_that_shows_itself_as_a_server_is_told() -> Result<()> {
    let person = Person::new()?;
    let ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (config, pem) = self_signed(&NAMES, ca)?;
    std::fs::write(person.folder.path().join("ca.pem"), pem)?;
    person.is_told(
        config,
        "its certificate is an authority's own (CA:TRUE), which is for signing others and not for servers",
        "have the authority sign a certificate for the server, and give the authority's with `--ca-file \
         FILE`",
    )
}

#[test]
fn a_certificate_for_something_else_than_servers_is_told() -> Result<()> {
    let person = Person::new()?;
    let mail = person.ca.with(&NAMES, |params| {
        params.distinguished_name.push(DnType::CommonName, "mail");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::EmailProtection];
    })?;
    let proxy = Proxy::new(mail)?;
    person
        .logs_in(&proxy.url())?
        .exits(6)?
        .says("cannot be trusted: its certificate cannot be used: ")?;
    Ok(())
}

/// A server that answers each first piece with this, and hangs up.
fn answering(answer: &'static [u8]) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    Ok(port)
}

#[test]
fn what_speaks_no_tls_or_an_old_one_or_hangs_up_is_told() -> Result<()> {
    let person = Person::new()?;
    let down = "see whether it runs with `icktool status`, or start one here with `icktool up`";
    for (answer, why, hint) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
            "the URL begins with https://, and what answers there does not speak TLS",
            "write http:// if it is meant to be without TLS, else see whether its reverse proxy runs",
        ),
        // The alert protocol_version of TLS 1.1.
        (
            &[21, 3, 2, 0, 2, 2, 70],
            "it speaks no TLS newer than 1.1; 1.2 is the least",
            "have the server, or the proxy before it, speak TLS 1.2 or 1.3",
        ),
        // The alert handshake_failure.
        (
            &[21, 3, 3, 0, 2, 2, 40],
            "the TLS handshake failed: received fatal alert: HandshakeFailure",
            "see the log of the server, or of the proxy before it",
        ),
        (b"", "the connection was cut in the TLS handshake", down),
    ] {
        let url = format!("https://localhost:{}", answering(answer)?);
        assert_eq!(
            person.logs_in(&url)?.exits(6)?.stderr,
            format!(
                "icktool: error: cannot log in at {url}: {url} cannot be reached: {why}\nhint: {hint}\n"
            )
        );
    }
    Ok(())
}

#[test]
fn http_at_a_port_that_speaks_tls_is_told() -> Result<()> {
    let person = Person::new()?;
    let proxy = Proxy::new(person.ca.good(&NAMES)?)?;
    let nginx = answering(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 66\r\n\r\n\
          <center>The plain HTTP request was sent to HTTPS port</center>\r\n\r\n",
    )?;
    for port in [proxy.port(), nginx] {
        let url = format!("http://localhost:{port}");
        assert_eq!(
            person.logs_in(&url)?.exits(6)?.stderr,
            format!(
                "icktool: error: cannot log in at {url}: {url} cannot be reached: the URL begins with http://, and \
                 what answers there speaks TLS\nhint: write https:// in the URL\n"
            )
        );
    }
    // What is built on OpenSSL hangs up.
    let url = format!("http://localhost:{}", answering(b"")?);
    assert_eq!(
        person.logs_in(&url)?.exits(6)?.stderr,
        format!(
            "icktool: error: cannot log in at {url}: {url} cannot be reached: the connection was cut\n\
             hint: see whether it runs with `icktool status`; if it speaks TLS, write https:// in the URL\n"
        )
    );
    Ok(())
}
