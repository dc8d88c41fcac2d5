//! icktool from outside where no server is needed: what it prints where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use assert_cmd::Command;
use std::path::Path;

/// icktool with a home of its own.
fn icktool(home: &Path) -> Command {
    let mut command = Command::cargo_bin("icktool").unwrap();
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .current_dir(home)
        .timeout(std::time::Duration::from_secs(60));
    command
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn without_a_server_it_says_how_to_get_one() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["build"][..],
        &["status"],
        &["show-log", "x"],
        &["list-projects"],
        &["token"],
    ] {
        let ended = run(icktool(home.path()).args(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
        assert_eq!(
            ended.stderr,
            "icktool: error: no controller is known\n\
             hint: start an Ick on this machine with `icktool up --detach`, or use one elsewhere with \
             `icktool login --controller URL --client-id ID`\n",
            "{args:?}"
        );
    }
}

#[test]
fn an_unreachable_server_is_called_that_before_credentials_are_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let ended = run(icktool(home.path()).args(["list-projects", "--controller", &closed]));
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(&format!("cannot talk to the controller {closed}")),
        "{}",
        ended.stderr
    );
    let ended = run(icktool(home.path())
        .arg("build")
        .env("ICK_CONTROLLER", &closed));
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    let ended = run(icktool(home.path()).args(["status", "--controller", "nonsense"]));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn a_state_folder_with_nothing_up_is_called_that() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(icktool(home.path()).args(["status", "--state", "nowhere"]));
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("is not up"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("icktool up --detach --state"),
        "{}",
        ended.stderr
    );
    let ended = run(icktool(home.path()).args(["down", "--state", "nowhere"]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!home.path().join("nowhere").exists());
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["bulid"][..],
        &["build", "--frobnicate"],
        &["build", "-p", "novalue"],
        &["build", "-p", "a:=nonsense"],
        &["build", "-p", "a=1", "-p", "a=2"],
        &["show-project", "../etc"],
        &["get-artifact", "a/../b"],
        &["get-artifact", "/etc/passwd"],
        &["cancel-build", "hello"],
        &["list-builds", "--status", "finished"],
        &["create-client", "x"],
        &["make-it-so"],
        &["make-it-so", "x.yaml", "--prune"],
        &["status", "--controller", "http://x", "--state", "y"],
        &["up", "--slots", "0"],
        &["login", "--controller", "http://127.0.0.1:1"],
        &["login", "--client-id", "me"],
    ] {
        let ended = run(icktool(home.path()).args(args));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{args:?}: {}",
            ended.stderr
        );
        assert!(!ended.stderr.is_empty(), "{args:?}");
        assert!(!ended.stderr.contains("panicked"), "{args:?}");
    }
}

#[test]
fn a_secret_is_never_an_argument() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(icktool(home.path()).args([
        "login",
        "--controller",
        "http://127.0.0.1:1",
        "--client-id",
        "me",
        "--client-secret",
        "hunter2",
    ]));
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--client-secret"), "{}", ended.stderr);
}

const FLAWED: &str = "projects:
  - project: hello
    pipelnes: [greet]
pipelines:
  - pipeline: greet
    actions:
      - shell: echo
        wehre: host
";

#[test]
fn validate_shows_every_flaw_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("p.yaml"), FLAWED).unwrap();
    let ended = run(icktool(home.path()).args(["validate", "p.yaml"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    for text in [
        "2 errors",
        "p.yaml:3:5",
        "pipelines",
        "p.yaml:8:9",
        "where",
        "^",
    ] {
        assert!(ended.stderr.contains(text), "{text}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains('\x1b'), "{}", ended.stderr);
    let ended = run(icktool(home.path()).args(["validate", "p.yaml", "--color", "always"]));
    assert!(ended.stderr.contains("\x1b["), "{}", ended.stderr);
    let ended = run(icktool(home.path())
        .args(["validate", "--format", "json", "-"])
        .write_stdin(FLAWED));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let found: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(found["errors"][0]["line"], 3);
    assert_eq!(found["errors"][1]["column"], 9);
    assert_eq!(found["warnings"], serde_json::json!([]));
}

#[test]
fn validate_takes_what_is_right() {
    let home = tempfile::tempdir().unwrap();
    let right = FLAWED
        .replace("pipelnes", "pipelines")
        .replace("wehre", "where");
    std::fs::write(home.path().join("p.yaml"), right).unwrap();
    let ended = run(icktool(home.path()).args(["validate", "p.yaml"]));
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, ""),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr, "icktool: no errors: 1 project, 1 pipeline\n");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("binary.yaml"), b"a: 1\n\xff\xfe").unwrap();
    for (file, text) in [
        ("nowhere.yaml", "No such file"),
        ("binary.yaml", "line 2"),
        (".", "irectory"),
    ] {
        for command in ["validate", "make-it-so", "run"] {
            let ended = run(icktool(home.path()).args([command, file]));
            assert_eq!(ended.code, 2, "{command} {file}: {}", ended.stderr);
            assert!(
                ended.stderr.contains(text),
                "{command} {file}: {}",
                ended.stderr
            );
            assert!(
                ended.stderr.contains(file),
                "{command} {file}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn make_it_so_checks_before_it_looks_for_a_server() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("p.yaml"), FLAWED).unwrap();
    let ended = run(icktool(home.path()).args(["make-it-so", "p.yaml"]));
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("2 errors, nothing was changed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let home = tempfile::tempdir().unwrap();
    let program = icktool(home.path()).get_program().to_owned();
    for args in ["--help", "build --help", "validate --format json /dev/null"] {
        let script = format!("\"$0\" {args} | true; exit ${{PIPESTATUS[0]}}");
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .arg(&program)
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args}");
    }
}

#[test]
fn a_damaged_configuration_is_named() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("elsewhere");
    std::fs::create_dir_all(config.join("ick")).unwrap();
    std::fs::write(config.join("ick/config.json"), "{").unwrap();
    let ended = run(icktool(home.path())
        .arg("status")
        .env("XDG_CONFIG_HOME", &config));
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("config.json is damaged"),
        "{}",
        ended.stderr
    );
}

#[test]
fn generate_writes_what_is_committed() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(icktool(home.path()).args(["generate", "."]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(home.path().join("completions/icktool.bash").is_file());
    assert!(home.path().join("man/icktool-build.1").is_file());
    assert!(!home.path().join("man/icktool-supervise.1").exists());
    let completions =
        std::fs::read_to_string(home.path().join("completions/icktool.fish")).unwrap();
    assert!(
        !completions.contains("supervise"),
        "hidden commands are not completed"
    );
}

#[test]
fn every_action_is_listed_and_its_example_is_valid() {
    let home = tempfile::tempdir().unwrap();
    let json = |args: &[&str]| -> serde_json::Value {
        let ended = run(icktool(home.path()).args(args).args(["--format", "json"]));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let shown = run(icktool(home.path()).arg("list-actions"));
    let listed = json(&["list-actions"]);
    let listed = listed["actions"].as_array().unwrap();
    assert_eq!(listed.len(), ick_core::definition::BuiltIn::ALL.len() + 2);
    for action in listed {
        let name = action["name"].as_str().unwrap();
        let does = action["does"].as_str().unwrap();
        let row = shown.stdout.lines().find(|row| row.starts_with(name));
        assert!(row.is_some_and(|row| row.ends_with(does)), "{name}");

        let help = json(&["help-action", name]);
        assert_eq!(help["where"], action["where"]);
        let example = help["example"].as_str().unwrap();
        let first = match name {
            "shell" | "python" => format!("- {name}: "),
            _ => format!("- action: {name}\n"),
        };
        assert!(example.contains(&first), "{example}");
        let file = home.path().join("example.yaml");
        std::fs::write(&file, example).unwrap();
        let valid = run(icktool(home.path()).arg("validate").arg(&file));
        assert_eq!(
            (valid.code, valid.stderr.as_str()),
            (0, "icktool: no errors: 0 projects, 1 pipeline\n"),
            "{name}"
        );

        let people = run(icktool(home.path()).args(["help-action", name]));
        assert!(people.stdout.ends_with(example), "{}", people.stdout);
        for field in help["fields"].as_array().unwrap() {
            let field = field["name"].as_str().unwrap();
            assert!(
                people.stdout.contains(&format!("\n{field} ")),
                "{name} {field}"
            );
        }
    }
}

#[test]
fn an_unknown_action_is_a_wrong_argument() {
    let home = tempfile::tempdir().unwrap();
    for (name, hint) in [
        ("git-mirror", "did you mean \"git_mirror\"?"),
        ("archve", "did you mean \"archive\"?"),
        ("nonsense", "`icktool list-actions` shows all of them"),
    ] {
        let ended = run(icktool(home.path()).args(["help-action", name]));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{name}");
        assert_eq!(
            ended.stderr,
            format!("icktool: error: NAME: there is no action \"{name}\"\nhint: {hint}\n")
        );
    }
}
