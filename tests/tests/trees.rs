//! Build environments: one build makes a Debian system tree, others are executed in it.

use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome, need, project_folder};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType};
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

fn example(path: &str) -> String {
    let path = project_folder().join("examples").join(path);
    path.display().to_string()
}

/// The example from its README lines, on the farm and without it.
#[test]
fn one_build_makes_the_environment_of_another_and_a_laptop_gives_the_same() -> Result<()> {
    for (tool, package) in [
        ("bwrap", "bubblewrap"),
        ("git", "git"),
        ("mmdebstrap", "mmdebstrap"),
        ("newuidmap", "uidmap"),
    ] {
        need(tool, package)?;
    }
    let ick = Ick::up()?;
    let repository = ick.folder().join("wordcount.git");
    Outcome::of(Command::new(example("wordcount/make-repository")).arg(&repository))?.exits(0)?;
    let url = format!("git_url=file://{}", repository.display());
    let file = example("tree/project.yaml");
    ick.run(&["make-it-so", &file])?.exits(0)?;
    ick.run(&["build", "--follow", "tree/debian"])?.exits(0)?;
    ensure!(ick.log("tree/debian")?.starts_with("gcc (Debian "));

    let build = ["build", "--follow", "tree/wordcount", "-p", &url];
    ick.run(&build)?.exits(0)?;
    let log = ick.log("tree/wordcount/1")?;
    ensure!(
        log.starts_with("make\t") && log.contains("\n6 checks passed\n"),
        "{log}"
    );
    ick.run(&build)?.exits(0)?;
    assert_eq!(ick.log("tree/wordcount/2")?, log);
    let said = ick.run(&["show-log", "tree/wordcount/2", "--timestamps"])?;
    ensure!(said.exits(0)?.stderr.contains("unpacked before"));

    // The same on a laptop, with the tree from the farm.
    let store = ick.folder().join("store");
    fs::create_dir_all(store.join("tree"))?;
    let fetch = |name: &str, to: &str| -> Result<()> {
        ick.run(&["get-artifact", name, "-o", to])?.exits(0)?;
        Ok(())
    };
    fetch("tree/debian.tar.zst", "store/tree/debian.tar.zst")?;
    fetch("tree/wordcount.tar.zst", "from-farm")?;
    let store = store.display().to_string();
    let run = [
        "run",
        &file,
        "tree/wordcount",
        "-p",
        &url,
        "--store",
        &store,
    ];
    let here = ick.run(&run)?.exits(0)?;
    assert_eq!(here.stdout, log);
    let made = fs::read(ick.folder().join("store/tree/wordcount.tar.zst"))?;
    ensure!(
        made == fs::read(ick.folder().join("from-farm"))?,
        "the artifacts differ"
    );
    Ok(())
}

/// An address of this machine at which nobody listens, as long as the socket is there.
fn silent() -> Result<(OwnedFd, SocketAddr)> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &any)?;
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket, address))
}

/// Each fails its action, by name and with what to do; the worker goes on.
#[test]
fn a_tree_that_cannot_be_made_says_why() -> Result<()> {
    need("mmdebstrap", "mmdebstrap")?;
    let ick = Ick::up()?;
    // It is taken, so that nobody else listens there, and who comes is not heard.
    let (_socket, silent) = silent()?;
    let cases = [
        (
            "codename",
            "debian_codename: nosuchrelease".to_owned(),
            "there is no release nosuchrelease at ",
        ),
        (
            "mirror",
            format!("debian_codename: bookworm, mirror: \"http://{silent}/debian\""),
            " does not answer: ",
        ),
        (
            "package",
            "debian_codename: bookworm, packages: [no-such-package]".to_owned(),
            "`packages`: E: Unable to locate package no-such-package; ",
        ),
        (
            "option",
            "debian_codename: bookworm, mirror: \"deb [trusted=yes] http://x y z\"".to_owned(),
            "mirror must begin with http:// or https://",
        ),
    ];
    for (name, fields, expected) in cases {
        ick.apply(&format!(
            "projects:\n  - project: {name}\n    pipelines: [{name}]\npipelines:\n  - pipeline: {name}\n    \
             actions:\n      - {{action: debootstrap, {fields}}}\n"
        ))?
        .exits(0)?;
        ick.run(&["build", "--wait", name])?.exits(1)?;
        let build = ick.build(&format!("{name}/1"))?;
        let why = build["cause"]["detail"].as_str().context("no cause")?;
        ensure!(why.contains(expected), "{name}: {why}");
    }
    Ok(())
}
