//! Caches: what one build leaves for the next, and for no other.

use crate::build::{Build, Done, finish, until_output};
use ick_api::controller::Cache;
use ick_core::build::CauseKind;
use ick_worker::engine::{Program, Request};
use ick_worker::kept::{self, Kept};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// A project, and a ref where it is not the default one.
#[derive(Clone, Copy)]
struct Of(&'static str, Option<&'static str>);

const OURS: Of = Of("group/hello", None);
const TOPIC: Of = Of("group/hello", Some("topic"));

impl Build {
    /// The next run, in this slot.
    fn next_run(&mut self, slot: u32, lease: &str) {
        self.engine.remove_run(self.run.clone()).unwrap();
        self.run = self.engine.open_run(slot, lease).unwrap();
    }

    fn cached(&self, of: Of, paths: &[&str], keep: bool, mut request: Request) -> Request {
        request.project = of.0.parse().unwrap();
        request.build_id = format!("{}/7", of.0).parse().unwrap();
        request.cache = Some(Cache {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            git_ref: of.1.map(str::to_owned),
            default_ref: None,
            keep,
        });
        request
    }

    /// A build of one action in a container.
    fn one(&self, of: Of, paths: &[&str], script: &str) -> Done {
        self.execute(self.cached(of, paths, true, self.in_container(script)))
    }

    fn entries(&self) -> usize {
        self.engine.config().caches().items().len()
    }
}

/// That it succeeded, with this output.
fn wrote(done: &Done, expected: &str) {
    assert_eq!(done.outcome.cause, None, "{}", done.text());
    assert_eq!(done.stdout(), expected, "{}", done.text());
}

#[test]
fn the_next_build_finds_the_very_files_in_whatever_slot() {
    let mut build = Build::new();
    let make = "mkdir -p src/target out; echo one >src/target/a; ln src/target/a src/target/b; echo no >out/x";
    let done = build.one(OURS, &["src/target"], make);
    wrote(&done, "");
    assert!(done.text().contains("cache: kept src/target\n"));
    // All names of the file are in the cache.
    assert!(!build.file("src/target").exists());
    build.next_run(5, "lease-2");
    let look =
        "find . -type f | sort; cat src/target/a; echo two >>src/target/a; stat -c %U src/target/a";
    let done = build.one(OURS, &["src/target"], look);
    wrote(&done, "./src/target/a\n./src/target/b\none\nbuild\n");
    let said = "cache: src/target is as group/hello/7 left it\n";
    assert!(done.text().contains(said), "{}", done.text());
    build.next_run(3, "lease-3");
    wrote(
        &build.one(OURS, &["src/target"], "cat src/target/a"),
        "one\ntwo\n",
    );
    assert_eq!(build.entries(), 1);
}

#[test]
fn nothing_is_copied() {
    let mut build = Build::new();
    let request = build.shell("mkdir t; echo x >t/file; stat -c %i t/file");
    let first = build.stdout(build.cached(OURS, &["t"], true, request));
    build.next_run(3, "lease-2");
    let request = build.shell("stat -c %i t/file");
    let second = build.stdout(build.cached(OURS, &["t"], true, request));
    assert_eq!(first, second);
}

#[test]
fn a_build_of_several_actions_is_given_it_once_and_leaves_it_at_its_end() {
    let mut build = Build::new();
    wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
    build.next_run(3, "lease-2");
    let action = |script: &str, keep| {
        build.execute(build.cached(OURS, &["t"], keep, build.in_container(script)))
    };
    wrote(&action("cat t/x; rm -r t", false), "one\n");
    assert_eq!(build.entries(), 0, "it is this build's now");
    wrote(&action("ls; mkdir t; echo two >t/x", false), "");
    wrote(&action("cat t/x", true), "two\n");
    assert_eq!(build.entries(), 1);
}

#[test]
fn a_build_that_fails_or_is_ended_leaves_nothing() {
    for script in ["echo bad >t/x; exit 3", "echo bad >t/x; kill -9 $$"] {
        let mut build = Build::new();
        wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
        build.next_run(3, "lease-2");
        let done = build.one(OURS, &["t"], script);
        assert!(done.outcome.cause.is_some());
        assert_eq!(build.entries(), 0);
        let said = "cache: nothing is kept of a build that fails or is ended\n";
        assert!(done.text().ends_with(said), "{}", done.text());
        let again = build.cached(OURS, &["t"], false, build.in_container("exit 1"));
        assert!(!build.execute(again).text().contains("cache:"));
        build.next_run(3, "lease-3");
        let done = build.one(OURS, &["t"], "ls");
        wrote(&done, "");
        assert!(done.text().contains("cache: nothing is kept yet\n"));
    }
}

#[test]
fn what_was_killed_with_its_supervisor_leaves_nothing() {
    let mut build = Build::new();
    wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
    build.next_run(3, "lease-2");
    let script = "echo half >t/x; echo begun; sleep 1000";
    let request = build.cached(OURS, &["t"], true, build.in_container(script));
    let mut running = build.start(request);
    until_output(&mut running, "begun");
    let supervisor = i32::try_from(running.supervisor()).unwrap();
    let supervisor = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    assert_eq!(finish(running).kind(), Some(CauseKind::LostWorker));
    // One for failures comes after it.
    let request = build.cached(OURS, &["t"], false, build.in_container("cat t/x"));
    wrote(&build.execute(request), "half\n");
    assert_eq!(build.entries(), 0);
    build.next_run(3, "lease-3");
    wrote(&build.one(OURS, &["t"], "ls"), "");
}

#[test]
fn no_other_project_has_it_and_other_refs_have_copies() {
    let mut build = Build::new();
    let make = "mkdir -p t/sub; echo one >t/sub/x; chmod 750 t/sub/x; ln -s x t/sub/link; \
                touch -d 2001-02-03 t/sub/x t/sub";
    wrote(&build.one(OURS, &["t"], make), "");
    for other in ["group", "group/hello/more", "group-hello", "hello"] {
        build.next_run(3, "lease-2");
        wrote(&build.one(Of(other, None), &["t"], "ls"), "");
    }
    build.next_run(4, "lease-3");
    let look = "stat -c '%a %n %.10y' t/sub t/sub/x; readlink t/sub/link; echo two >t/sub/x";
    let done = build.one(TOPIC, &["t"], look);
    wrote(&done, "755 t/sub 2001-02-03\n750 t/sub/x 2001-02-03\nx\n");
    assert!(done.text().contains("a copy of the default ref's is taken"));
    for (of, expected) in [(OURS, "one\n"), (TOPIC, "two\n"), (OURS, "one\n")] {
        build.next_run(3, "lease-4");
        wrote(&build.one(of, &["t"], "cat t/sub/x"), expected);
    }
    // What is not the default ref's goes to no other ref.
    build.next_run(3, "lease-5");
    let other = Of("group/hello", Some("third"));
    wrote(&build.one(other, &["t"], "cat t/sub/x"), "one\n");
}

#[test]
fn two_builds_at_a_time_share_nothing() {
    let mut build = Build::new();
    wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
    build.next_run(3, "lease-2");
    let first = build.cached(OURS, &["t"], false, build.in_container("cat t/x"));
    wrote(&build.execute(first), "one\n");
    let other = build.engine.open_run(4, "other").unwrap();
    let mine = std::mem::replace(&mut build.run, other);
    wrote(&build.one(OURS, &["t"], "ls; mkdir t; echo two >t/x"), "");
    let other = std::mem::replace(&mut build.run, mine);
    build.engine.remove_run(other).unwrap();
    wrote(&build.one(OURS, &["t"], "cat t/x"), "one\n");
    // The one that ended last.
    build.next_run(4, "lease-3");
    wrote(&build.one(OURS, &["t"], "cat t/x"), "one\n");
    assert_eq!(build.entries(), 1);
}

#[test]
fn nothing_leads_out_of_the_workspace() {
    let build = Build::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let target = outside.path().display();
    let script = format!(
        "ln -s {target} link; mkdir dir; ln -s {target} dir/link; ln -s dir near; mkdir dir/in; echo >file; mkdir good"
    );
    let request = build.shell(&script);
    let paths = [
        "link",
        "dir/link/x",
        "near/in",
        "none",
        "file",
        "file/x",
        "good",
    ];
    let done = build.execute(build.cached(OURS, &paths, true, request));
    wrote(&done, "");
    for said in [
        "cache: link is not kept: it is a link, or behind one\n",
        "cache: dir/link/x is not kept: it is a link, or behind one\n",
        "cache: near/in is not kept: it is a link, or behind one\n",
        "cache: none is not kept: it is not there\n",
        "cache: file is not kept: it is no folder, or beneath what is none\n",
        "cache: file/x is not kept: it is no folder, or beneath what is none\n",
        "cache: kept good\n",
    ] {
        assert!(done.text().contains(said), "{said}: {}", done.text());
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_is_half_there_is_not_used() {
    let mut build = Build::new();
    wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
    let caches = build.engine.config().caches();
    let entry = caches.items().remove(0).path;
    // Kept before the host went down, and not synced.
    let file = entry.join("entry.json");
    let text = fs::read_to_string(&file).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let other = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
    assert_ne!(text, other);
    fs::write(&file, &other).unwrap();
    build.next_run(3, "lease-2");
    let done = build.one(OURS, &["t"], "ls; mkdir t; echo two >t/x");
    wrote(&done, "");
    assert!(done.text().contains("is not whole, and is not used"));
    // Synced, it is good after a restart of the host.
    caches.settle().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(boot.trim(), "0")).unwrap();
    build.next_run(3, "lease-3");
    wrote(&build.one(OURS, &["t"], "cat t/x"), "two\n");
    // No entry, whatever it is.
    fs::write(&file, "{").unwrap();
    build.next_run(3, "lease-4");
    wrote(&build.one(OURS, &["t"], "ls"), "");
}

#[test]
fn they_are_held_to_a_size_and_a_removal_that_was_cut_off_is_finished() {
    let mut build = Build::new();
    let caches = build.engine.config().caches();
    let projects = ["a", "b", "c"];
    for (age, project) in projects.into_iter().enumerate() {
        build.next_run(3, "lease-2");
        wrote(
            &build.one(
                Of(project, None),
                &["t"],
                "mkdir t; head -c 1M /dev/zero >t/x",
            ),
            "",
        );
        let newest = caches.items().into_iter().max_by_key(|item| item.used);
        let file = fs::File::options()
            .append(true)
            .open(newest.unwrap().path.join("entry.json"))
            .unwrap();
        let used = SystemTime::now() - Duration::from_secs(1000 - age as u64);
        file.set_modified(used).unwrap();
    }
    caches.settle().unwrap();
    let size = kept::size(&[&caches]);
    assert!((3 << 20..4 << 20).contains(&size), "{size}");
    // "a" is used again.
    build.next_run(3, "lease-2");
    wrote(&build.one(Of("a", None), &["t"], "ls t"), "x\n");
    caches.hold_to(5 << 19);
    let left: Vec<String> = caches.items().into_iter().map(|item| item.what).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.contains(&"the cache of b".to_owned()), "{left:?}");
    fs::create_dir_all(build.state().join("caches/.removed-1-1/folders/0")).unwrap();
    caches.sweep().unwrap();
    assert_eq!(caches.items().len(), 2);
    caches.hold_to(0);
    assert_eq!(
        fs::read_dir(build.state().join("caches")).unwrap().count(),
        0
    );
}

#[test]
fn what_cannot_be_copied_is_left_out() {
    let mut build = Build::new();
    let make = "mkdir t; mkfifo t/pipe; echo one >t/x; chmod 4755 t/x";
    wrote(&build.one(OURS, &["t"], make), "");
    let kept = build.engine.config().caches().items().remove(0).path;
    let before = fs::metadata(kept.join("folders/0/x")).unwrap();
    build.next_run(4, "lease-2");
    wrote(
        &build.one(TOPIC, &["t"], "ls t; stat -c %a t/x"),
        "x\n755\n",
    );
    let after = fs::metadata(kept.join("folders/0/x")).unwrap();
    assert_eq!(before.ino(), after.ino());
}

#[test]
fn debootstrap_begins_with_an_empty_workspace_and_what_follows_has_the_cache() {
    let mut build = Build::new();
    wrote(&build.one(OURS, &["t"], "mkdir t; echo one >t/x"), "");
    build.next_run(3, "lease-2");
    let mut request = build.cached(OURS, &["t"], false, build.shell(""));
    request.program = Program::BuiltIn {
        name: "debootstrap".to_owned(),
        step: serde_json::Map::new(),
        details: serde_json::Value::Null,
    };
    // It fails at once, as it is told nothing; not everybody may even start it.
    if let Ok(running) = build.engine.start(&build.run, request, || Ok(())) {
        let done = finish(running);
        assert!(done.outcome.cause.is_some());
        assert!(!done.text().contains("cache:"), "{}", done.text());
    }
    assert_eq!(fs::read_dir(build.run.workspace()).unwrap().count(), 0);
    assert_eq!(build.entries(), 1);
    wrote(&build.one(OURS, &["t"], "cat t/x"), "one\n");
}
