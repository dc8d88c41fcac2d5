//! What one project archives, another one takes into its workspace.

use anyhow::{Result, ensure};
use ick_tests::{Ick, need};

const PROJECTS: &str = r#"
projects:
  - project: maker
    pipelines: [make]
  - project: user
    pipelines: [use]
pipelines:
  - pipeline: make
    actions:
      - shell: |
          mkdir lib
          echo 'echo made by maker' > lib/tool
          chmod 755 lib/tool
          ln -s lib/tool tool
      - action: archive
        artifact: maker/tool
  - pipeline: use
    actions:
      - action: populate_workspace
        artifact: maker/none
      - action: populate_workspace
        artifact: maker/tool
        required: true
      - shell: |
          ./tool
          echo more >> lib/tool
"#;

#[test]
fn another_project_uses_what_was_archived() -> Result<()> {
    need("bwrap", "bubblewrap")?;
    let ick = Ick::up()?;
    let file = ick.folder().join("ick.yaml");
    std::fs::write(&file, PROJECTS)?;
    let file = file.display().to_string();

    ick.run(&["make-it-so", &file])?.exits(0)?;
    let missing = ick.run(&["build", "user", "--follow"])?.exits(1)?;
    ensure!(
        missing
            .stderr
            .contains("maker/tool is not in the artifact store: build first"),
        "{missing:?}"
    );
    ick.run(&["build", "maker", "--wait"])?.exits(0)?;
    let used = ick.run(&["build", "user", "--follow"])?.exits(0)?;
    ensure!(used.stderr.contains("made by maker\n"), "{used:?}");
    let build = ick.build("maker/1")?;
    let digest = build["artifacts"][0]["digest"].as_str().unwrap_or("none");
    let log = ick.run(&["show-log", "user/2", "--timestamps"])?.exits(0)?;
    for told in [
        "maker/none is not in the artifact store: nothing is unpacked",
        "maker/tool is in the workspace: ",
        digest,
        "; 3 entries, 19 bytes unpacked",
    ] {
        ensure!(log.stderr.contains(told), "{told:?} in {log:?}");
    }

    // The same without any daemon.
    ick.run(&["run", &file, "maker"])?.exits(0)?;
    let used = ick.run(&["run", &file, "user"])?.exits(0)?;
    ensure!(used.stdout.contains("made by maker\n"), "{used:?}");
    Ok(())
}

const ODD: &str = r#"
projects:
  - project: odd
    pipelines: [pack]
  - project: user
    pipelines: [use]
pipelines:
  - pipeline: pack
    actions:
      - shell: |
          mkfifo fifo
          python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
          ln -s . loop
          truncate -s 200M holes
          echo text > file
      - action: archive
        artifact: odd/files
  - pipeline: use
    actions:
      - action: populate_workspace
        artifact: odd/files
        required: true
      - shell: find . | sort; stat -c '%s %b' holes
"#;

#[test]
fn what_is_left_out_is_told_and_what_arrives_damaged_is_refused() -> Result<()> {
    need("bwrap", "bubblewrap")?;
    need("python3", "python3")?;
    let ick = Ick::up()?;
    ick.apply(ODD)?.exits(0)?;
    ick.run(&["build", "odd", "--wait"])?.exits(0)?;
    let packed = ick.run(&["show-log", "odd/1", "--timestamps"])?.exits(0)?;
    for told in [
        "left out: fifo (a FIFO)",
        "left out: socket (a socket)",
        "3 entries, 209715205 bytes packed",
    ] {
        ensure!(packed.stderr.contains(told), "{told:?} in {packed:?}");
    }
    let used = ick.run(&["build", "user", "--follow"])?.exits(0)?;
    ensure!(
        used.stderr
            .contains("./file\n./holes\n./loop\n209715200 0\n"),
        "{used:?}"
    );

    let build = ick.build("odd/1")?;
    let digest = build["artifacts"][0]["digest"].as_str().unwrap_or("none");
    let hex = digest.trim_start_matches("sha256:");
    let blob = ick
        .state()
        .join("store/blobs/sha256")
        .join(&hex[..2])
        .join(hex);
    let mut content = std::fs::read(&blob)?;
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(&blob, content)?;
    let damaged = ick.run(&["build", "user", "--follow"])?.exits(1)?;
    ensure!(
        damaged.stderr.contains("arrived damaged: its digest is ")
            && damaged.stderr.contains(digest),
        "{damaged:?}"
    );
    Ok(())
}
