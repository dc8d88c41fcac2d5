//! haproxy, or a server behind it, that ends in the middle of a build and is started anew.

use crate::installation::{Installation, ended};
use anyhow::{Result, ensure};
use ick_tests::eventually;
use std::path::PathBuf;

/// A build that counts until its gate is open.
fn counting(ick: &Installation) -> Result<PathBuf> {
    let gate = ick.path("gate");
    ick.apply(&format!(
        "
projects:
  - project: counting
    pipelines: [count]
pipelines:
  - pipeline: count
    actions:
      - shell: |
          n=0
          until [ -e {gate} ]; do
            n=$((n + 1)); echo $n
            read -r -t 0.02 < <(:) || true
          done
          echo went through
        where: host
      - action: archive
        artifact: counting/all.tar.zst
",
        gate = gate.display()
    ))?;
    Ok(gate)
}

/// Whether a text is the whole log: every number once, in order, and the end.
fn is_whole(text: &str) -> bool {
    let Some(numbers) = text.strip_suffix("went through\n") else {
        return false;
    };
    let mut count = 0;
    numbers.lines().all(|line| {
        count += 1;
        line == count.to_string()
    })
}

/// Waits until the log has grown beyond a number of bytes.
fn grown(ick: &Installation, beyond: usize) -> Result<usize> {
    eventually("the log to grow", || {
        let log = ick.icktool(&["show-log", "--raw", "counting/1"])?;
        let length = log.stdout.len();
        Ok((log.code == Some(0) && length > beyond).then_some(length))
    })
}

/// A build runs and is followed while something is away; nothing of it is lost.
fn survives(
    ick: &mut Installation,
    away: impl FnOnce(&mut Installation) -> Result<()>,
) -> Result<()> {
    ick.start_worker("w")?;
    let gate = counting(ick)?;
    let building = ick.spawn_icktool(&["build", "counting", "--follow"])?;
    let before = grown(ick, 0)?;
    let following = ick.spawn_icktool(&["show-log", "--follow", "--raw", "counting/1"])?;
    away(ick)?;
    grown(ick, before)?;
    std::fs::write(gate, "")?;
    let followed = ended("show-log --follow", following)?.exits(0)?;
    ensure!(is_whole(&followed.stdout), "{followed:?}");
    assert_eq!(followed.stderr, "");
    let built = ended("build --follow", building)?.exits(0)?;
    let said = built.stderr.split_once("icktool: counting/1 done in ");
    ensure!(said.is_some_and(|(log, _)| is_whole(log)), "{built:?}");
    let build = ick.icktool(&["show-build", "counting/1", "--format", "json"])?;
    let build = build.exits(0)?.json()?;
    assert_eq!(build["attempt"], 1, "{build}");
    let log = ick.icktool(&["show-log", "--raw", "counting"])?.exits(0)?;
    assert_eq!(log.stdout, followed.stdout);
    ick.icktool(&["get-artifact", "counting/all.tar.zst", "-o", "all"])?
        .exits(0)?;
    ensure!(!ick.log("w")?.contains("ERROR"));
    Ok(())
}

/// Waits until the worker says that the log has to wait, and sees that it says why: in the words of the
/// first call that failed.
fn missed(ick: &Installation, why: &[&str]) -> Result<()> {
    let said = eventually("the worker to keep the log", || {
        let log = ick.log("w")?;
        let said = log.split_once("the log waits here: ");
        let line = said.and_then(|(_, rest)| rest.split_once('\n'));
        Ok(line.map(|(line, _)| line.to_owned()))
    })?;
    ensure!(why.contains(&said.as_str()), "{said}");
    Ok(())
}

#[test]
fn a_build_survives_the_end_of_haproxy() -> Result<()> {
    let mut ick = Installation::up(&[])?;
    survives(&mut ick, |ick| {
        ick.kill("haproxy")?;
        let away = |why| format!("{} cannot be reached: {why}", ick.url());
        let refused = away("nothing listens there (connection refused)");
        missed(ick, &[&refused, &away("the connection was cut")])?;
        ick.icktool(&["status"])?.exits(6)?.says(&refused)?;
        ick.start_haproxy()
    })
}

#[test]
fn a_build_survives_the_end_of_the_controller_behind_haproxy() -> Result<()> {
    let mut ick = Installation::up(&[])?;
    survives(&mut ick, |ick| {
        ick.kill("controller")?;
        let down =
            "the controller behind the proxy does not answer: it is down, or just being started";
        ick.icktool(&["status"])?.exits(6)?.says(down)?;
        let ended = "the controller behind the proxy was ended while it was asked";
        let cut = format!("{} cannot be reached: the connection was cut", ick.url());
        missed(ick, &[down, ended, &cut])?;
        // One that begins now waits for it.
        let begun = ick.spawn_icktool(&["show-log", "--follow", "--raw", "counting/1"])?;
        ick.start_controller()?;
        let other = ick.path("other");
        std::thread::spawn(move || {
            let followed = begun.wait_with_output();
            std::fs::write(
                other,
                followed.map(|output| output.stdout).unwrap_or_default(),
            )
        });
        Ok(())
    })?;
    eventually("the follower that began meanwhile", || {
        let followed = std::fs::read_to_string(ick.path("other")).unwrap_or_default();
        Ok(is_whole(&followed).then_some(()))
    })
}
