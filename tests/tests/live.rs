//! What is written is readable while the action still runs, and ends up exactly as it was written.

use anyhow::{Result, ensure};
use ick_tests::Ick;

#[test]
fn output_is_readable_while_the_action_runs() -> Result<()> {
    let ick = Ick::up()?;
    let gate = ick.folder().join("gate");
    ick.apply(&format!(
        "
projects:
  - project: live
    pipelines: [live]
pipelines:
  - pipeline: live
    actions:
      - shell: |
          printf 'no line end yet'
          until [ -e {gate} ]; do read -r -t 0.05 < <(:) || true; done
          printf ', but now\\n'
        where: host
",
        gate = gate.display()
    ))?;
    let id = ick.trigger("live")?;
    let log = ick.log_with(&id, "no line end yet")?;
    assert_eq!(log, "no line end yet");
    assert_eq!(ick.build(&id)?["status"], "building");
    std::fs::write(&gate, "")?;
    ick.build_with_status(&id, "done")?;
    assert_eq!(ick.log(&id)?, "no line end yet, but now\n");
    Ok(())
}

#[test]
fn every_byte_arrives_once_and_in_order() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(
        "
projects:
  - project: loud
    pipelines: [loud]
pipelines:
  - pipeline: loud
    actions:
      - shell: seq 1 1000000
        where: host
      - shell: head -c 300000 /dev/zero | tr '\\0' '\\377'
        where: host
",
    )?;
    ick.run(&["build", "loud", "--wait"])?.exits(0)?;
    let raw = ick.command(&["show-log", "loud", "--raw"])?.output()?;
    let mut expected: Vec<u8> = (1..=1_000_000)
        .flat_map(|n| format!("{n}\n").into_bytes())
        .collect();
    expected.extend(std::iter::repeat_n(0xff, 300_000));
    ensure!(
        raw.stdout == expected,
        "{} bytes, not {}",
        raw.stdout.len(),
        expected.len()
    );
    Ok(())
}

#[test]
fn control_sequences_of_a_log_do_not_reach_the_terminal() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(
        "
projects:
  - project: rude
    pipelines: [rude]
pipelines:
  - pipeline: rude
    actions:
      - shell: printf '\\033[31mred\\033[0m \\033]0;title\\007\\033[2J\\n'
        where: host
",
    )?;
    ick.run(&["build", "rude", "--wait"])?.exits(0)?;
    assert_eq!(
        ick.log("rude")?,
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}\u{1b}[2J\n"
    );
    let shown = ick.run(&["show-log", "rude"])?.exits(0)?.stdout;
    ensure!(shown.contains("red"), "{shown:?}");
    ensure!(!shown.contains("\u{1b}]"), "{shown:?}");
    ensure!(!shown.contains("\u{1b}[2J"), "{shown:?}");
    ensure!(!shown.contains('\u{7}'), "{shown:?}");
    Ok(())
}
