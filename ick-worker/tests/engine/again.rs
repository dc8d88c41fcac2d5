//! Folders that are used again: the next run finds nothing of the run before it.

use crate::build::{Build, finish};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// What the next run of the slot finds where this script has run before, on the host and in a container.
const LOOK: &str = r#"
find "$HOME" -mindepth 1 ! -name .gitconfig
find . -mindepth 1
stat -c '%a' . "$HOME"
getfattr -d -m - . "$HOME" 2>/dev/null || true
cat "$ICK_OUTPUTS"
test -z "$(find "${TMPDIR:-/tmp}" -mindepth 1)"
echo "new=1" >>"$ICK_OUTPUTS"
"#;

const SPOIL: &str = r#"
mkdir -p deep/er "$HOME/.cache/x"; echo secret >deep/er/file; echo secret >"$HOME/.netrc"
echo secret >"${TMPDIR:-/tmp}/left"; chmod 777 . "$HOME"
echo "old=secret" >>"$ICK_OUTPUTS"
head -c 100000 /dev/zero
"#;

fn next_run_is_as_new(in_container: bool) {
    let mut build = Build::new();
    let request = |build: &Build, script: &str| match in_container {
        true => build.in_container(script),
        false => build.shell(script),
    };
    let first = build.execute(request(&build, LOOK));
    let spoilt = build.execute(request(&build, SPOIL));
    assert_eq!((first.outcome.cause, spoilt.outcome.cause), (None, None));
    build.engine.renew_run(build.run.clone()).unwrap();
    assert!(!build.run.path().exists());
    let spare = build.state().join("spare/3");
    assert!(
        spare.join("actions/.spare").is_dir(),
        "nothing is used again"
    );
    build.run = build.engine.open_run(3, "lease-2").unwrap();
    assert!(!spare.exists());
    let again = build.execute(request(&build, LOOK));
    assert_eq!(again.frames, first.frames);
    assert_eq!(again.outcome.outputs, first.outcome.outputs);
    assert_eq!(again.outcome.cause, None);
}

#[test]
fn after_actions_on_the_host() {
    next_run_is_as_new(false);
}

#[test]
fn after_actions_in_containers() {
    next_run_is_as_new(true);
}

#[test]
fn whatever_an_action_made_of_the_folders() {
    for spoil in [
        "cd ..; rm -rf workspace; ln -s /tmp workspace",
        "ln -sf /etc/passwd \"$ICK_OUTPUTS.x\"; ln \"$ICK_OUTPUTS\" ../../kept",
        "cd ..; mkdir actions/.spare; echo x >actions/.spare/request.json; chmod 777 actions .",
        "cd ..; rm -rf home; mkfifo home; mkdir extra; touch extra/file",
        "rm -f \"$ICK_OUTPUTS\"; mkdir -p \"$TMPDIR/a/b\"; chmod 000 \"$TMPDIR/a\"",
    ] {
        let mut build = Build::new();
        finish(build.start(build.shell(spoil)));
        let _ = build.engine.renew_run(build.run.clone());
        assert!(!build.run.path().exists(), "{spoil}");
        build.run = build.engine.open_run(3, "lease-2").unwrap();
        let names = |path: &std::path::Path| {
            let mut names: Vec<_> = fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(build.run.path()), ["actions", "home", "workspace"]);
        for folder in ["actions", "home", "workspace"] {
            let metadata = fs::symlink_metadata(build.run.path().join(folder)).unwrap();
            let mode = if folder == "workspace" { 0o755 } else { 0o700 };
            assert_eq!(metadata.mode() & 0o7777, mode, "{spoil}: {folder}");
            assert!(metadata.is_dir());
        }
        assert_eq!(
            build.stdout(build.shell("cat \"$ICK_OUTPUTS\"; ls -A")),
            "",
            "{spoil}"
        );
    }
}
