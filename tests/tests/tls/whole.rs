//! The whole main path over https.

use crate::site::{NAMES, Site};
use anyhow::{Context, Result, ensure};
use ick_tests::{HELLO, eventually, program};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::process::{Command, Stdio};

/// Builds, and looks at the log and the artifact.
fn build(site: &Site, id: &str) -> Result<()> {
    let hello = format!("hello from {id}\n");
    let built = site.icktool(&["build", "--follow", "hello"])?.exits(0)?;
    assert_eq!(built.stdout.trim(), id);
    ensure!(built.stderr.contains(&hello), "{built:?}");
    let log = site.icktool(&["show-log", "--raw", "hello"])?.exits(0)?;
    assert_eq!(log.stdout, hello);
    let got = [
        "get-artifact",
        "hello/greeting.tar.zst",
        "-o",
        "got.tar.zst",
    ];
    site.icktool(&got)?.exits(0)?;
    ensure!(std::fs::metadata(site.path("got.tar.zst"))?.len() > 0);
    std::fs::remove_file(site.path("got.tar.zst"))?;
    Ok(())
}

#[test]
fn login_builds_logs_and_artifacts_go_over_https_with_an_authority_of_ones_own() -> Result<()> {
    let mut site = Site::up()?;
    let ca_file = site.path("ca.pem");
    std::fs::write(site.path("hello.yaml"), HELLO)?;
    site.icktool(&["make-it-so", "hello.yaml"])?.exits(0)?;
    let worker = site.worker("w")?;
    site.start(
        "ick-worker",
        "worker",
        &format!("{worker}ca_file: {}\n", ca_file.display()),
    )?;
    build(&site, "hello/1")?;
    site.icktool(&["status"])?.exits(0)?;
    site.icktool(&["list-clients"])?.exits(0)?;

    // Other certificates, as they come before the old ones expire: connections are cut, and nothing else.
    let before = site.controller.handshakes();
    for proxy in [&site.controller, &site.store, &site.idp] {
        proxy.show(site.ca.good(&NAMES)?);
    }
    build(&site, "hello/2")?;
    ensure!(site.controller.handshakes() > before);

    // The controller's housekeeping removes at the store what a deleted build has left.
    let blobs = site.path("store/blobs");
    let count = files(&blobs)?;
    site.icktool(&["delete-build", "hello/1"])?.exits(0)?;
    eventually("the removal of the deleted build's artifact", || {
        Ok((files(&blobs)? < count).then_some(()))
    })?;

    // The authority is remembered, whatever becomes of the file.
    std::fs::remove_file(&ca_file)?;
    site.icktool(&["whoami"])?.exits(0)?;
    site.icktool(&["logout"])?.exits(0)?;
    site.login(&[])?
        .exits(6)?
        .says("its certificate is signed by \"Ick test CA\", which this machine does not trust")?;
    Ok(())
}

/// How many files are below a folder.
fn files(folder: &std::path::Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() {
            files(&entry.path())?
        } else {
            1
        };
    }
    Ok(count)
}

#[test]
fn a_worker_that_cannot_trust_the_controller_says_so_once_and_tries_on() -> Result<()> {
    let mut site = Site::up()?;
    let worker = site.worker("w")?;
    let stranger = ick_tests::Authority::new("Stranger")?;
    site.controller.show(stranger.good(&NAMES)?);
    let ca_file = format!("ca_file: {}\n", site.path("ca.pem").display());
    site.start("ick-worker", "worker", &format!("{worker}{ca_file}"))?;
    let said = format!(
        "cannot register yet: {} cannot be trusted: its certificate is signed by \"Stranger\", which is \
         not in {}; if that is an authority of your own, `ca_file` in the configuration names a file with \
         its certificate; trying on",
        site.controller.url(),
        site.path("ca.pem").display()
    );
    eventually("the worker to say whom it does not trust", || {
        Ok(site.log("worker")?.contains(&said).then_some(()))
    })?;
    site.controller.show(site.ca.good(&NAMES)?);
    eventually("the worker to be there", || {
        let workers = site.icktool(&["show-worker", "w"])?;
        Ok((workers.code == Some(0)).then_some(()))
    })?;
    assert_eq!(site.log("worker")?.matches("cannot register").count(), 1);
    Ok(())
}

#[test]
fn what_create_worker_prints_brings_the_authority_along() -> Result<()> {
    let site = Site::up()?;
    let made = site
        .icktool(&["create-worker", "w", "--allow-host"])?
        .exits(0)?;
    let programs = program("ick-worker")?;
    let programs = programs.parent().context("no folder")?.display();
    let path = std::env::var("PATH")?;
    let home = site.path("other-host");
    std::fs::create_dir(&home)?;
    std::fs::write(site.path("hello.yaml"), HELLO)?;
    site.icktool(&["make-it-so", "hello.yaml"])?.exits(0)?;
    let mut shell = Command::new("sh")
        .env_clear()
        .env("PATH", format!("{programs}:{path}"))
        .env("HOME", &home)
        .current_dir(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(site.path("worker.log"))?)
        .spawn()?;
    let mut stdin = shell.stdin.take().context("no stdin")?;
    stdin.write_all(made.stdout.as_bytes())?;
    drop(stdin);
    let built = build(&site, "hello/1");
    // The shell's one child is the worker.
    let id = shell.id();
    let child = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    if let Some(worker) = Pid::from_raw(child.trim().parse()?) {
        kill_process(worker, Signal::INT)?;
    }
    ensure!(shell.wait()?.success());
    built
}

#[test]
fn an_issuer_that_is_suddenly_another_url_gets_nothing() -> Result<()> {
    let mut site = Site::up()?;
    // The same identity provider, without TLS.
    let plain = site.log("idp")?;
    let plain = plain.split("listening on ").nth(1).unwrap_or_default();
    let plain = plain
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    let at = site.serve_controller(&plain)?;
    site.controller.lead_to(at);
    let before = site.idp.handshakes();
    let said = format!(
        "{} now names {plain} as the place to send credentials to, and it was {} before: nothing was sent",
        site.controller.url(),
        site.idp.url()
    );
    site.icktool(&["token"])?.exits(5)?.says(&said)?;
    assert_eq!(site.idp.handshakes(), before);
    Ok(())
}
