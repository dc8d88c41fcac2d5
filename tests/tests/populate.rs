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
