//! What a person is told when a limit of a server is reached.

use anyhow::{Result, ensure};
use ick_tests::Ick;

const PROJECT: &str = "
projects:
  - project: p
    pipelines: [q]
pipelines:
  - pipeline: q
    actions:
      - shell: head -c 200000 /dev/urandom > noise
        where: host
      - action: archive
        artifact: p/noise.tar.zst
";

#[test]
fn a_full_queue_is_waited_for_and_then_told() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("controller", "limits: {queued_builds: 1}\n")?;
    ick.apply(PROJECT)?;
    ick.run(&["drain-worker", "worker-1"])?.exits(0)?;
    let first = ick.run(&["build", "p"])?.exits(0)?;
    let refused = ick.run(&["build", "p"])?.exits(6)?;
    refused.says("1 builds wait for a worker already")?;
    ick.run(&["cancel-build", first.stdout.trim()])?.exits(0)?;
    let second = ick.run(&["build", "p"])?.exits(0)?;
    ensure!(second.stdout.trim() == "p/2", "{second:?}");
    Ok(())
}

#[test]
fn what_is_too_large_is_told_and_not_tried_again() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("controller", "limits: {make_it_so_body: 2KiB}\n")?;
    ick.configure("store", "limits: {blob: 100KiB}\n")?;
    ick.apply(PROJECT)?;
    let long = format!("{PROJECT}# {}\n", "x".repeat(3000));
    let file = ick.folder().join("long.yaml");
    std::fs::write(&file, long)?;
    let file = file.display().to_string();
    let refused = ick.run(&["make-it-so", &file])?.exits(2)?;
    refused.says("can have at most 2048 bytes")?;

    let blob = ick.folder().join("blob");
    std::fs::write(&blob, vec![b'x'; 100 << 10])?;
    let blob = blob.display().to_string();
    ick.run(&["put-artifact", &blob, "fits"])?.exits(0)?;
    std::fs::write(&blob, vec![b'x'; (100 << 10) + 1])?;
    let refused = ick.run(&["put-artifact", &blob, "larger"])?.exits(2)?;
    refused.says("can have at most 102400 bytes")?;

    let build = ick.run(&["build", "p", "--wait"])?.exits(1)?;
    let build = ick.build(build.stdout.trim())?;
    let cause = build["cause"]["detail"].as_str().unwrap_or_default();
    ensure!(cause.contains("102400"), "{build}");
    Ok(())
}
