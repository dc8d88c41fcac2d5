//! Artifacts, to and fro.

use crate::home::Home;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn a_file_goes_to_the_store_and_comes_back() {
    let home = Home::up();
    let text = "line\n".repeat(100_000);
    home.write("file", &text);
    let put = home.run(&["put-artifact", "file", "a/file"]).exits(0);
    assert!(
        put.stdout.starts_with("a/file 500000 sha256:"),
        "{}",
        put.stdout
    );
    assert_eq!(put.stderr, "");
    std::fs::create_dir(home.path("elsewhere")).unwrap();

    let got = home.run(&["get-artifact", "a/file", "-o", "copy"]).exits(0);
    assert_eq!(got.stdout, "copy\n");
    assert_eq!(std::fs::read_to_string(home.path("copy")).unwrap(), text);
    let mode = std::fs::metadata(home.path("copy"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(
        mode,
        std::fs::metadata(home.path("file"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    );

    home.run(&["get-artifact", "a/file", "-o", "elsewhere"])
        .exits(0);
    assert_eq!(
        std::fs::read_to_string(home.path("elsewhere/file")).unwrap(),
        text
    );
    assert_eq!(
        home.run(&["get-artifact", "a/file", "-o", "-"])
            .exits(0)
            .stdout,
        text
    );
    home.run(&["get-artifact", "a/file", "-o", "/dev/null"])
        .exits(0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());

    let listed = home
        .run(&["list-artifacts", "--prefix", "a/", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(listed["blobs"][0]["name"], "a/file");
    assert_eq!(listed["blobs"][0]["size"], 500_000);
    home.run(&["delete-artifact", "a/file"]).exits(0);
    assert_eq!(home.run(&["list-artifacts"]).exits(0).stdout, "");
}

#[test]
fn what_comes_in_by_a_pipe_is_stored() {
    let home = Home::up();
    home.run_with(&["put-artifact", "-", "piped"], "from a pipe\n")
        .exits(0);
    assert_eq!(
        home.run(&["get-artifact", "piped", "-o", "-"])
            .exits(0)
            .stdout,
        "from a pipe\n"
    );
}

#[test]
fn what_cannot_be_fetched_leaves_everything_as_it_was() {
    let home = Home::up();
    home.write("kept", "as it was\n");
    home.run(&["get-artifact", "nothing", "-o", "kept"])
        .exits(4);
    home.run_with(&["put-artifact", "-", "there"], "x").exits(0);
    home.run(&["get-artifact", "there", "-o", "no/such/folder/file"])
        .exits(2)
        .says("no/such/folder");
    home.run(&["put-artifact", "missing", "there"])
        .exits(2)
        .says("missing");
    home.run(&["put-artifact", ".", "there"]).exits(2);
    home.kill("store");
    home.run(&["get-artifact", "there", "-o", "kept"]).exits(6);
    assert_eq!(
        std::fs::read_to_string(home.path("kept")).unwrap(),
        "as it was\n"
    );
    let left: Vec<_> = std::fs::read_dir(home.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".icktool-"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::up();
    home.write("file", &"x".repeat(5_000_000));
    home.run(&["put-artifact", "file", "large"]).exits(0);
    let mut command = home.command(&["get-artifact", "large", "-o", "-"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn with_a_build_it_is_what_that_build_made() {
    let home = Home::up();
    home.write(
        "p.yaml",
        "projects: [{project: p, parameters: {text: none}, pipelines: [p]}]
pipelines:
  - pipeline: p
    parameters: [text]
    actions:
      - {shell: 'echo \"$ICK_PARAM_text\" > f', where: host}
      - {action: archive, paths: [f], artifact: p/f.tar.zst}
",
    );
    home.run(&["make-it-so", "p.yaml"]).exits(0);
    for text in ["first", "second"] {
        home.run(&["build", "p", "-p", &format!("text={text}"), "--wait"])
            .exits(0);
    }
    let digest = |args: &[&str]| {
        home.run(args).exits(0).json()["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let get = ["get-artifact", "p/f.tar.zst", "--format", "json"];
    let first = digest(&[&get[..], &["--build", "p/1"]].concat());
    let second = digest(&[&get[..], &["--build", "p"]].concat());
    assert_ne!(first, second);
    assert_eq!(digest(&get), second);
    home.run(&["get-artifact", "p/g", "--build", "p/1"])
        .exits(4)
        .says("p/f.tar.zst");
    let listed = home
        .run(&["list-artifacts", "--build", "p/1", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(listed["artifacts"][0]["digest"], first.as_str());
    // The name goes; what builds made stays.
    home.run(&["delete-artifact", "p/f.tar.zst"]).exits(0);
    home.run(&get).exits(4);
    assert_eq!(digest(&[&get[..], &["--build", "p/1"]].concat()), first);
}
