//! What goes wrong is said in words, where the person looks, with the exit code of the table.

use anyhow::{Result, ensure};
use ick_tests::{Ick, Outcome, program};
use std::process::Command;

const QUIET: &str = "
projects:
  - project: quiet
    parameters: {greeting: hi}
    pipelines: [quiet]
pipelines:
  - pipeline: quiet
    parameters: [greeting]
    actions:
      - shell: 'true'
        where: host
";

#[test]
fn a_broken_file_is_refused_whole_with_every_place() -> Result<()> {
    let ick = Ick::up()?;
    let file = ick.folder().join("broken.yaml");
    std::fs::write(
        &file,
        "projects:
  - project: fine
    pipelines: [fine]
  - project: ../etc
    pipelnes: [fine]
pipelines:
  - pipeline: fine
    actions:
      - shell: echo
        wehre: host
      - action: gti
",
    )?;
    let path = file.display().to_string();
    for command in ["validate", "make-it-so"] {
        let refused = ick.run(&[command, &path])?.exits(2)?;
        for text in [
            "broken.yaml:4:14",
            "broken.yaml:5:5",
            "pipelines",
            "broken.yaml:10:9",
            "where",
            "broken.yaml:11:17",
            "git",
        ] {
            ensure!(
                refused.stderr.contains(text),
                "{text:?} in {}",
                refused.stderr
            );
        }
    }
    let projects = ick
        .run(&["list-projects", "--format", "json"])?
        .exits(0)?
        .json()?;
    assert_eq!(projects["projects"], serde_json::json!([]));
    Ok(())
}

#[test]
fn huge_deep_and_hostile_files_are_refused_at_once() -> Result<()> {
    let ick = Ick::new()?;
    let cases = [
        ("deep", "[".repeat(20_000)),
        ("deeper", "{a: ".repeat(20_000)),
        (
            "huge",
            format!("projects:\n{}", "  - project: a\n".repeat(200_000)),
        ),
        (
            "laughs",
            "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n".to_owned(),
        ),
        ("twice", "projects: []\nprojects: []\n".to_owned()),
        ("binary", "\u{0}\u{1}\u{2}".to_owned()),
        ("empty", String::new()),
        ("list", "- 1\n- 2\n".to_owned()),
    ];
    for (name, text) in cases {
        let file = ick.folder().join(format!("{name}.yaml"));
        std::fs::write(&file, text)?;
        let refused = ick
            .run(&["validate", &file.display().to_string()])?
            .exits(2)?;
        ensure!(
            refused.stderr.contains(&format!("{name}.yaml")),
            "{refused:?}"
        );
        ensure!(
            refused.stderr.len() < 20_000,
            "{} bytes for {name}",
            refused.stderr.len()
        );
        ensure!(!refused.stderr.contains("panicked"), "{refused:?}");
    }
    ick.run(&["validate", "nowhere.yaml"])?
        .exits(2)?
        .says("nowhere.yaml")?;
    Ok(())
}

#[test]
fn what_is_not_there_is_said_to_be_missing() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(QUIET)?;
    for args in [
        &["build", "quite"][..],
        &["show-project", "nowhere"],
        &["show-pipeline", "nowhere"],
        &["show-build", "quiet/7"],
        &["show-log", "quiet/7"],
        &["show-log", "quiet"],
        &["cancel-build", "quiet/7"],
        &["get-artifact", "nowhere"],
        &["delete-artifact", "nowhere"],
        &["show-worker", "nowhere"],
        &["drain-worker", "nowhere"],
        &["delete-client", "nowhere"],
    ] {
        let missing = ick.run(args)?.exits(4)?;
        ensure!(!missing.stderr.is_empty(), "{args:?} says nothing");
        ensure!(missing.stdout.is_empty(), "{missing:?}");
    }
    ick.run(&["build", "quiet", "-p", "gretting=ho"])?
        .exits(2)?
        .says("gretting")?;
    Ok(())
}

#[test]
fn names_of_every_hostile_kind_are_refused() -> Result<()> {
    let ick = Ick::up()?;
    std::fs::write(ick.folder().join("file"), "x")?;
    let long = "a".repeat(300);
    for name in [
        "..",
        ".",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/",
        "-a",
        "+trigger",
        "a b",
        "a\nb",
        "a?b",
        "a#b",
        "a%2e%2e",
        "ä",
        "",
        &long,
    ] {
        for args in [
            &["put-artifact", "file", "--", name][..],
            &["get-artifact", "--", name],
            &["delete-artifact", "--", name],
            &["build", "--", name],
            &["show-project", "--", name],
            &["show-pipeline", "--", name],
            &["show-worker", "--", name],
        ] {
            let mut command = Command::new(program("icktool")?);
            let with_state = ick.command(&[])?;
            command.current_dir(ick.folder()).env_clear();
            for (key, value) in with_state.get_envs() {
                if let Some(value) = value {
                    command.env(key, value);
                }
            }
            command.arg("--state").arg(ick.state()).args(args);
            let refused = Outcome::of(&mut command)?;
            ensure!(
                matches!(refused.code, Some(2 | 4)) && !refused.stderr.contains("panicked"),
                "{name:?}: {refused:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_server_that_is_down_is_called_that() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(QUIET)?;
    ick.kill("controller")?;
    let controller = ick.run(&["list-projects"])?.exits(6)?;
    ensure!(
        controller.stderr.contains("http://127.0.0.1:"),
        "{controller:?}"
    );
    ick.start()?;

    ick.kill("idp")?;
    let mut command = ick.command(&["list-projects"])?;
    command.env("XDG_CACHE_HOME", ick.folder().join("empty"));
    let idp = Outcome::of(&mut command)?.exits(6)?;
    let url = ick.up_file()?["idp"]["url"].to_string();
    ensure!(idp.stderr.contains(url.trim_matches('"')), "{idp:?}");
    ick.start()?;

    ick.kill("store")?;
    ick.run(&["list-artifacts"])?.exits(6)?;
    ick.run(&["build", "quiet", "--wait"])?.exits(0)?;
    Ok(())
}

#[test]
fn a_port_in_use_and_a_state_folder_in_use_are_said() -> Result<()> {
    let ick = Ick::up()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for daemon in ["ick-idp", "ick-controller", "ick-store"] {
        let state = ick.folder().join(daemon);
        Outcome::of(
            Command::new(program(daemon)?)
                .args(["serve", "--listen", &address, "--state"])
                .arg(&state),
        )?
        .exits(2)?
        .says(&address)?;

        let name = daemon.trim_start_matches("ick-");
        let used = ick.state().join(name);
        let refused = Outcome::of(
            Command::new(program(daemon)?)
                .args(["serve", "--listen", "127.0.0.1:0", "--state"])
                .arg(&used),
        )?
        .exits(2)?;
        ensure!(
            refused.stderr.contains(&*used.to_string_lossy()),
            "{refused:?}"
        );
    }
    let port = taken.local_addr()?.port().to_string();
    let other = Ick::new()?;
    let refused = other.run(&["up", "--detach", "--port", &port])?;
    ensure!(refused.code != Some(0), "{refused:?}");
    ensure!(refused.stderr.contains(&port), "{refused:?}");
    Ok(())
}

#[test]
fn a_missing_bubblewrap_fails_the_action_with_the_packages_name() -> Result<()> {
    let ick = Ick::new()?;
    let tools = ick.folder().join("tools");
    std::fs::create_dir(&tools)?;
    for tool in ["bash", "sh", "true", "git", "cat", "env"] {
        for folder in ["/bin", "/usr/bin"] {
            let from = std::path::Path::new(folder).join(tool);
            if from.exists() {
                std::os::unix::fs::symlink(from, tools.join(tool))?;
                break;
            }
        }
    }
    let file = ick.folder().join("p.yaml");
    std::fs::write(&file, QUIET.replace("        where: host\n", ""))?;
    let mut command = ick.command(&["run", &file.display().to_string()])?;
    let failed = Outcome::of(command.env("PATH", &tools))?.exits(1)?;
    ensure!(failed.stderr.contains("bubblewrap"), "{failed:?}");
    Ok(())
}

#[test]
fn a_closed_pipe_ends_it_quietly() -> Result<()> {
    let ick = Ick::new()?;
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("\"$0\" --help | true")
        .arg(program("icktool")?);
    let quiet = Outcome::of(&mut command)?.exits(0)?;
    assert_eq!(quiet.stderr, "");
    drop(ick);
    Ok(())
}
