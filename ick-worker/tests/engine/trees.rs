//! System trees: packed from the workspace, kept on the worker, and the root of containers.

use crate::build::{Build, Done, finish};
use crate::chroot::{in_chroot, make_tree};
use crate::ordinary_user::has_ids;
use ick_core::build::CauseKind;
use ick_worker::engine::{Request, RunFolder};
use ick_worker::trees;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

fn store(build: &Build) -> PathBuf {
    let folder = build.state().join("store");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn action(build: &Build, step: &serde_json::Value) -> Request {
    build.built_in(step, &build.details())
}

fn archive(build: &Build, artifact: &str) {
    let step = json!({"action": "archive", "artifact": artifact});
    build.stdout(action(build, &step));
}

fn populate(build: &Build, artifact: &str) -> Done {
    let step = json!({"action": "populate_systree", "artifact": artifact});
    build.execute(action(build, &step))
}

/// Executes something in another run, of another slot.
fn in_run(build: &Build, run: &RunFolder, request: Request) -> Done {
    let started = build.engine.start(run, request, || Ok(()));
    finish(started.map_err(|why| why.detail).unwrap())
}

/// A build with an artifact `tree` and nothing in its workspace.
fn with_tree() -> Option<Build> {
    let build = Build::new();
    if !has_ids() {
        fs::write(store(&build).join("tree"), "").unwrap();
        let done = populate(&build, "tree");
        assert_eq!(done.kind(), Some(CauseKind::NotAllowed), "{}", done.text());
        assert!(
            done.text()
                .contains("/etc/subuid and /etc/subgid lacks a line")
        );
        return None;
    }
    make_tree(&build);
    build.stdout(in_chroot(
        &build,
        "mkdir /setuid; for name in id grep; do cat /usr/bin/$name > /setuid/$name; done; \
         chmod 4755 /setuid/*; touch /of-some; chown 42:43 /of-some; chmod 4750 /of-some; mkdir /private; chmod 700 /private; \
         touch /private/file; chown 42 /private/file /private",
    ));
    archive(&build, "tree");
    build.stdout(in_chroot(&build, "rm -rf /private /of-some /setuid"));
    build.stdout(build.shell("rm -rf ./*"));
    Some(build)
}

/// A build whose containers have a system tree as their root.
pub(crate) fn populated() -> Build {
    let build = with_tree().unwrap();
    assert_eq!(populate(&build, "tree").outcome.cause, None);
    build
}

#[test]
fn a_container_has_the_tree_as_its_root() {
    let Some(build) = with_tree() else { return };
    let done = populate(&build, "tree");
    assert_eq!(done.outcome.cause, None, "{}", done.text());
    assert!(
        done.text().contains("tree is the root of what follows"),
        "{}",
        done.text()
    );
    assert_eq!(done.stdout(), "");
    let script = "id -u; pwd; cat /etc/passwd; ls /; touch here; stat -c %a /of-some; \
                  touch /usr/x 2>/dev/null || echo read-only; command -v git python3 ldd || echo none; \
                  cat /private/file 2>/dev/null || echo closed";
    let said = build.stdout(build.in_container(script));
    assert_eq!(
        said,
        "1000\n/workspace\nroot:x:0:0:root:/root:/bin/bash\nsome:x:42:43::/:/bin/sh\n\
             build:x:1000:1000:build:/home/build:/bin/bash\n\
             bin\ndev\netc\nhome\nlib\nlib64\nof-some\nprivate\nproc\nroot\nrun\nsetuid\ntmp\nusr\nworkspace\n\
             4750\nread-only\nnone\nclosed\n"
    );
    assert!(build.file("here").exists());
}

#[test]
fn a_tree_is_kept_for_the_next_run_and_for_other_slots() {
    let Some(build) = with_tree() else { return };
    assert_eq!(populate(&build, "tree").outcome.cause, None);
    let other = build.engine.open_run(7, "lease-2").unwrap();
    let step = json!({"action": "populate_systree", "artifact": "tree"});
    let done = in_run(&build, &other, action(&build, &step));
    assert!(done.text().contains("unpacked before"), "{}", done.text());
    let done = in_run(
        &build,
        &other,
        build.in_container("cat /etc/group | grep some"),
    );
    assert_eq!(done.stdout(), "some:x:43:\n", "{}", done.text());
    // What is used stays.
    let all = build.engine.config().trees();
    let kept = all.all().unwrap();
    assert_eq!(kept.len(), 1);
    assert!(!all.lock(kept[0].digest).unwrap().remove().unwrap());
    build.engine.remove_run(other).unwrap();
    assert!(!all.lock(kept[0].digest).unwrap().remove().unwrap());
    fs::remove_file(build.run.path().join("systree")).unwrap();
    assert!(all.lock(kept[0].digest).unwrap().remove().unwrap());
    assert_eq!(fs::read_dir(all.folder()).unwrap().count(), 0);
}

#[test]
fn a_tree_packed_again_is_the_same_bytes() {
    let Some(build) = with_tree() else { return };
    assert_eq!(populate(&build, "tree").outcome.cause, None);
    let step = json!({"action": "archive", "artifact": "again", "from": "systree"});
    build.stdout(action(&build, &step));
    let artifact = |name: &str| fs::read(store(&build).join(name)).unwrap();
    assert!(artifact("tree") == artifact("again"));
}

#[test]
fn without_a_tree_there_is_none_to_pack() {
    let build = Build::new();
    let step = json!({"action": "archive", "artifact": "again", "from": "systree"});
    let done = build.execute(action(&build, &step));
    assert_eq!(done.kind(), Some(CauseKind::ActionFailed));
    assert!(
        done.text()
            .contains("needs a populate_systree action before"),
        "{}",
        done.text()
    );
}

#[test]
fn what_is_no_tree_is_told_and_not_kept() {
    if !has_ids() {
        return;
    }
    let build = Build::new();
    fs::write(build.file("file"), "text\n".repeat(100_000)).unwrap();
    archive(&build, "whole");
    let whole = fs::read(store(&build).join("whole")).unwrap();
    let cases = [
        ("text", b"no archive at all".to_vec()),
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() / 2].to_vec()),
    ];
    for (name, bytes) in cases {
        fs::write(store(&build).join(name), bytes).unwrap();
        let done = populate(&build, name);
        assert_eq!(done.kind(), Some(CauseKind::ActionFailed), "{name}");
        let why = done.outcome.cause.unwrap().detail;
        assert!(
            why.starts_with(&format!("artifact {name} is not a whole tar archive")),
            "{why}"
        );
    }
    let done = populate(&build, "none");
    assert_eq!(done.kind(), Some(CauseKind::ActionFailed));
    assert!(
        done.text()
            .contains("the artifact none is not in the artifact store: build first")
    );
    assert_eq!(build.engine.config().trees().all().unwrap().len(), 0);
    assert_eq!(trees::used_by(build.run.path()).unwrap(), None);
}

#[test]
fn a_tree_without_a_shell_is_a_missing_tool() {
    if !has_ids() {
        return;
    }
    let build = Build::new();
    fs::write(build.file("file"), "").unwrap();
    archive(&build, "bare");
    assert_eq!(populate(&build, "bare").outcome.cause, None);
    let (kind, why) = build.refusal(build.in_container("true"));
    assert_eq!(kind, CauseKind::MissingTool);
    assert_eq!(
        why,
        "bash is not in the build's system tree: install the Debian package bash"
    );
}

#[test]
fn links_of_a_tree_show_nothing_of_the_host() {
    let Some(build) = with_tree() else { return };
    let needle = build.state().join("needle");
    fs::write(&needle, "needle:x:1:1::/:/bin/sh\n").unwrap();
    make_tree(&build);
    for name in ["passwd", "group"] {
        fs::remove_file(build.file("etc").join(name)).unwrap();
        symlink(&needle, build.file("etc").join(name)).unwrap();
    }
    symlink(build.state(), build.file("etc/resolv.conf")).unwrap();
    symlink(build.state(), build.file("state")).unwrap();
    symlink("../../../..", build.file("up")).unwrap();
    build.stdout(in_chroot(&build, "true"));
    archive(&build, "hostile");
    assert_eq!(populate(&build, "hostile").outcome.cause, None);
    let script = "cat /etc/passwd /etc/group /etc/resolv.conf 2>/dev/null || true; \
                  ls /state/ /state/needle 2>/dev/null || true; ls /up/ | grep -c workspace";
    assert_eq!(build.stdout(build.in_container(script)), "1\n");
}
