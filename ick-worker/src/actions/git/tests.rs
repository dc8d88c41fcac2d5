//! The action with real git.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

use super::super::trial::Trial;
use super::command::Git;
use super::mirror::Mirror;
use super::url::Url;
use super::{execute, git_mirror};
use crate::actions::GitSettings;
use crate::engine::Built;
use ick_core::build::{Cause, CauseKind};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Calls git as a person would, with a name and nobody's configuration.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=N",
            "-c",
            "user.email=e@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is needed: install the package git");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A repository with a commit; its commit.
fn repository(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet"]);
    commit(folder, "first")
}

fn commit(folder: &Path, text: &str) -> String {
    fs::write(folder.join("file"), text).unwrap();
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", text]);
    git(folder, &["rev-parse", "HEAD"])
}

fn run(trial: &mut Trial, step: &Value) -> Result<Built, Cause> {
    trial.act(step, execute)
}

fn kind(result: Result<Built, Cause>) -> Result<(), CauseKind> {
    result.map(drop).map_err(|why| why.kind)
}

#[test]
fn checks_out_head_and_says_what() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    let id = repository(&upstream);
    let url = upstream.to_str().unwrap();
    let built = run(&mut trial, &json!({"git_url": url})).unwrap();
    let source = &built.sources[0];
    assert_eq!(
        (&*source.dir, &*source.url, &*source.commit),
        ("src", url, &*id)
    );
    let there = trial.workspace().join("src");
    assert_eq!(fs::read_to_string(there.join("file")).unwrap(), "first");
    assert_eq!(git(&there, &["rev-parse", "HEAD"]), id);
    assert_eq!(git(&there, &["config", "remote.origin.url"]), url);
    assert_eq!(git(&there, &["status", "--porcelain"]), "");
    // What is beside the workspace for the while is gone.
    let left: Vec<_> = fs::read_dir(trial.path("run"))
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("checkout")),
        "{left:?}"
    );
}

#[test]
fn every_form_of_ref() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    let first = repository(&upstream);
    git(&upstream, &["tag", "--annotate", "v1", "--message", "v1"]);
    git(&upstream, &["branch", "side/way"]);
    let second = commit(&upstream, "second");
    git(&upstream, &["update-ref", "refs/changes/7", &first]);
    let url = upstream.to_str().unwrap();
    for (git_ref, expected) in [
        ("main", &second),
        ("refs/heads/main", &second),
        ("v1", &first),
        ("refs/tags/v1", &first),
        ("side/way", &first),
        ("refs/changes/7", &first),
        (&*first, &first),
        (&first[..10], &first),
    ] {
        let built = run(&mut trial, &json!({"git_url": url, "git_ref": git_ref})).unwrap();
        assert_eq!(built.sources[0].commit, *expected, "{git_ref}");
        assert_eq!(built.sources[0].git_ref.as_deref(), Some(git_ref));
    }
    // The trigger's commit decides, whatever its ref has become meanwhile.
    let step = json!({"git_url": url, "git_ref": "main", "git_commit": first});
    assert_eq!(run(&mut trial, &step).unwrap().sources[0].commit, first);
}

#[test]
fn the_mirror_follows_and_forgets() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    let step = json!({"git_url": upstream.to_str().unwrap(), "git_ref": "gone"});
    git(&upstream, &["branch", "gone"]);
    run(&mut trial, &step).unwrap();
    git(&upstream, &["branch", "--delete", "--force", "gone"]);
    assert_eq!(kind(run(&mut trial, &step)), Err(CauseKind::ActionFailed));
    // A fetch that was killed left its lock behind.
    let mirror = fs::read_dir(trial.path("mirrors")).unwrap().flatten();
    let mirror = mirror
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "git"))
        .unwrap();
    fs::write(mirror.join("refs/heads/main.lock"), "").unwrap();
    let id = commit(&upstream, "later");
    let step = json!({"git_url": upstream.to_str().unwrap(), "git_ref": "main"});
    assert_eq!(run(&mut trial, &step).unwrap().sources[0].commit, id);
    fs::write(mirror.join("HEAD"), "nonsense").unwrap();
    assert_eq!(run(&mut trial, &step).unwrap().sources[0].commit, id);
}

#[test]
fn the_checkout_shares_nothing_with_the_mirror() {
    use std::os::unix::fs::MetadataExt;
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    let id = repository(&upstream);
    run(&mut trial, &json!({"git_url": upstream.to_str().unwrap()})).unwrap();
    let objects = trial.workspace().join("src/.git/objects");
    assert!(!objects.join("info/alternates").exists());
    let mut files = 0;
    let mut folders = vec![objects];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                assert_eq!(meta.nlink(), 1, "{:?}", entry.path());
            }
        }
    }
    assert!(files > 0, "{id}");
}

#[test]
fn what_could_be_an_option_or_a_command_is_refused() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    let url = upstream.to_str().unwrap();
    let proof = trial.path("proof");
    let touch = format!("touch {}", proof.display());
    for step in [
        json!({"git_url": format!("--upload-pack={touch}")}),
        json!({"git_url": format!("ext::sh -c {}", touch.replace(' ', "% "))}),
        json!({"git_url": "ext::x"}),
        json!({"git_url": url, "git_ref": format!("--upload-pack={touch}")}),
        json!({"git_url": url, "git_ref": "-x"}),
        json!({"git_url": url, "git_ref": "+main:main"}),
        json!({"git_url": url, "git_commit": "--output=x"}),
        json!({"git_url": url, "git_dir": "../out"}),
        json!({"git_url": url, "git_dir": "/tmp/out"}),
        json!({"git_url": url, "git_dir": ".git"}),
        json!({"git_url": 7}),
        json!({}),
    ] {
        let refused = kind(run(&mut trial, &step));
        assert!(
            matches!(
                refused,
                Err(CauseKind::BadDefinition | CauseKind::NotAllowed)
            ),
            "{step} {refused:?}"
        );
    }
    assert!(!proof.exists());
    trial.details.git.allow_file = false;
    let refused = run(&mut trial, &json!({"git_url": url}));
    assert_eq!(kind(refused), Err(CauseKind::NotAllowed));
}

#[test]
fn hostile_configuration_in_the_workspace_starts_nothing() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    let id = repository(&upstream);
    let proof = trial.path("proof");
    let program = trial.path("program");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", proof.display())).unwrap();
    fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    // An earlier action left a repository where the checkout goes, and one around it.
    for folder in [trial.workspace(), trial.workspace().join("src")] {
        repository(&folder);
        let program = program.to_str().unwrap();
        for name in [
            "core.fsmonitor",
            "uploadpack.packObjectsHook",
            "core.sshCommand",
            "diff.external",
            "filter.x.smudge",
        ] {
            git(&folder, &["config", name, program]);
        }
        let hook = folder.join(".git/hooks");
        fs::create_dir_all(&hook).unwrap();
        for name in [
            "post-checkout",
            "reference-transaction",
            "post-index-change",
        ] {
            fs::copy(program, hook.join(name)).unwrap();
        }
        fs::write(folder.join(".gitattributes"), "* filter=x\n").unwrap();
    }
    let _ = fs::remove_file(&proof);
    run(&mut trial, &json!({"git_url": upstream.to_str().unwrap()})).unwrap();
    assert!(!proof.exists());
    let there = trial.workspace().join("src");
    assert_eq!(
        fs::read_to_string(there.join(".git/HEAD")).unwrap().trim(),
        id
    );
    assert!(!there.join(".gitattributes").exists());
}

#[test]
fn links_in_the_workspace_lead_nowhere() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    let outside = trial.path("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, trial.workspace().join("link")).unwrap();
    let url = upstream.to_str().unwrap();
    let through = run(&mut trial, &json!({"git_url": url, "git_dir": "link/src"}));
    assert_eq!(kind(through), Err(CauseKind::ActionFailed));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // In the place of the link itself, it is replaced.
    run(&mut trial, &json!({"git_url": url, "git_dir": "link"})).unwrap();
    assert!(trial.workspace().join("link/file").is_file());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn the_workspace_itself_and_folders_in_folders() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    let url = upstream.to_str().unwrap();
    run(&mut trial, &json!({"git_url": url, "git_dir": "a/b"})).unwrap();
    fs::write(trial.workspace().join("file"), "in the way").unwrap();
    run(&mut trial, &json!({"git_url": url, "git_dir": "."})).unwrap();
    assert_eq!(
        fs::read_to_string(trial.workspace().join("file")).unwrap(),
        "first"
    );
    assert!(trial.workspace().join("a/b/file").is_file());
    assert!(trial.workspace().join(".git").is_dir());
}

#[test]
fn fields_fall_back_to_parameters() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    trial
        .parameters
        .insert("git_url".into(), upstream.to_str().unwrap().into());
    trial.parameters.insert("git_dir".into(), "there".into());
    run(&mut trial, &json!({})).unwrap();
    assert!(trial.workspace().join("there/file").is_file());
}

#[test]
fn an_own_checkout_stands_for_its_remotes() {
    let mut trial = Trial::new();
    let checkout = trial.path("checkout");
    let id = repository(&checkout);
    git(
        &checkout,
        &[
            "remote",
            "add",
            "origin",
            "https://me:secret@ick.invalid/x.git",
        ],
    );
    fs::write(checkout.join(".gitignore"), "ignored\n").unwrap();
    fs::write(checkout.join("ignored"), "").unwrap();
    fs::write(checkout.join("file"), "changed").unwrap();
    fs::create_dir(checkout.join("new")).unwrap();
    fs::write(checkout.join("new/untracked"), "").unwrap();
    symlink("file", checkout.join("link")).unwrap();
    let step = json!({"git_url": "https://me:secret@ick.invalid/x"});
    trial.with_checkout(&checkout.join("new"), false);
    let built = run(&mut trial, &step).unwrap();
    assert_eq!(built.sources[0].url, "https://ick.invalid/x");
    assert_eq!(built.sources[0].commit, id);
    let there = trial.workspace().join("src");
    assert_eq!(fs::read_to_string(there.join("file")).unwrap(), "changed");
    assert!(there.join("new/untracked").exists());
    assert!(!there.join("ignored").exists());
    assert_eq!(
        fs::read_link(there.join("link")).unwrap(),
        Path::new("file")
    );
    assert_eq!(git(&there, &["rev-parse", "HEAD"]), id);
    assert_eq!(git(&there, &["status", "--porcelain", "file"]), " M file");
    let config = fs::read_to_string(there.join(".git/config")).unwrap();
    assert!(!config.contains("secret"), "{config}");

    trial.with_checkout(&checkout, true);
    run(&mut trial, &json!({"git_url": "."})).unwrap();
    assert_eq!(fs::read_to_string(there.join("file")).unwrap(), "first");
    assert!(!there.join("new").exists());
}

#[test]
fn a_repository_that_is_not_there() {
    let mut trial = Trial::new();
    let step = json!({"git_url": trial.path("none").to_str().unwrap()});
    let why = run(&mut trial, &step).unwrap_err();
    assert_eq!(why.kind, CauseKind::ActionFailed);
    assert!(
        why.detail.contains("does not exist") || why.detail.contains("does not appear"),
        "{}",
        why.detail
    );
}

#[test]
fn a_repository_of_another_user_is_refused_with_what_helps() {
    if !rustix::process::geteuid().is_root() {
        // It takes root to give a file away.
        return;
    }
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    for folder in [upstream.join(".git"), upstream.clone()] {
        std::os::unix::fs::chown(folder, Some(12_345), None).unwrap();
    }
    let why = run(&mut trial, &json!({"git_url": upstream.to_str().unwrap()})).unwrap_err();
    assert_eq!(why.kind, CauseKind::ActionFailed);
    assert!(
        why.detail
            .contains("it belongs to another user than the worker's"),
        "{}",
        why.detail
    );
}

#[test]
fn several_repositories_are_mirrored_and_checked_out() {
    let mut trial = Trial::new();
    let (one, two) = (trial.path("one"), trial.path("two"));
    let old = repository(&one);
    git(&one, &["tag", "v1"]);
    commit(&one, "second");
    let other = repository(&two);
    let step = json!({"sources": [
        {"name": "a", "url": one.to_str().unwrap(), "ref": "v1"},
        {"name": "b", "url": two.to_str().unwrap()},
    ]});
    // Also again, over what is there.
    for _ in 0..2 {
        let built = trial.act(&step, git_mirror::execute).unwrap();
        let found: Vec<_> = built
            .sources
            .iter()
            .map(|one| (&*one.dir, &*one.commit))
            .collect();
        assert_eq!(found, [("a", &*old), ("b", &*other)]);
    }
    let workspace = trial.workspace();
    assert_eq!(
        fs::read_to_string(workspace.join("a/file")).unwrap(),
        "first"
    );
    assert_eq!(
        fs::read_to_string(workspace.join("b/file")).unwrap(),
        "first"
    );
    let mirror = workspace.join(".mirror/a");
    assert_eq!(git(&mirror, &["rev-parse", "--is-bare-repository"]), "true");
    let refs = git(&mirror, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/tags/v1");
    let url = git(&mirror, &["config", "remote.origin.url"]);
    assert_eq!(Path::new(&url), one);
}

#[test]
fn sources_that_are_none_are_refused_before_anything_is_fetched() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    let url = upstream.to_str().unwrap();
    let good = json!({"name": "good", "url": url});
    for wrong in [
        json!({"name": "../up", "url": url}),
        json!({"name": ".mirror", "url": url}),
        json!({"name": "a/b", "url": url}),
        json!({"name": "-a", "url": url}),
        json!({"name": "good", "url": url}),
        json!({"name": "a", "url": url, "ref": "--upload-pack=x"}),
        json!({"name": "a", "url": url, "reff": "main"}),
        json!("a"),
    ] {
        let step = json!({"sources": [good, wrong]});
        let refused = trial.act(&step, git_mirror::execute);
        assert_eq!(kind(refused), Err(CauseKind::BadDefinition), "{wrong}");
        assert!(!trial.workspace().join("good").exists(), "{wrong}");
    }
    let gone = json!({"sources": [good, {"name": "a", "url": trial.path("none")}]});
    let refused = trial.act(&gone, git_mirror::execute).unwrap_err();
    assert_eq!(refused.kind, CauseKind::ActionFailed);
    assert!(refused.detail.contains("none"), "{}", refused.detail);
}

#[test]
fn what_is_kept_between_builds_stays_in_a_new_checkout() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    fs::create_dir(upstream.join("own")).unwrap();
    fs::write(upstream.join("own/file"), "the commit's").unwrap();
    commit(&upstream, "second");
    let url = upstream.to_str().unwrap().to_owned();
    for dir in ["src", "a/b", "."] {
        let (workspace, outside) = (trial.workspace(), trial.path("outside"));
        fs::remove_dir_all(&workspace).unwrap();
        let at = |name: &str| workspace.join(dir).join(name);
        for folder in ["target", "deep/er/target", "own", "not"] {
            fs::create_dir_all(at(folder)).unwrap();
            fs::write(at(folder).join("kept"), folder).unwrap();
        }
        fs::create_dir_all(outside.join("x")).unwrap();
        symlink(&outside, at("link")).unwrap();
        fs::write(at("no-folder"), "").unwrap();
        let cached = [
            "target",
            "deep/er/target",
            "own",
            "none",
            "link/x",
            "link",
            "no-folder",
        ];
        trial.cached = cached
            .map(|name| format!("{dir}/{name}").replace("./", ""))
            .into();
        trial.cached.push("elsewhere".to_owned());
        run(&mut trial, &json!({"git_url": url, "git_dir": dir})).unwrap();
        let read = |name: &str| fs::read_to_string(at(name)).unwrap();
        assert_eq!(read("file"), "second");
        assert_eq!(read("target/kept"), "target");
        assert_eq!(read("deep/er/target/kept"), "deep/er/target");
        assert_eq!(read("own/file"), "the commit's");
        assert!(!at("own/kept").exists(), "{dir}");
        assert!(outside.join("x").is_dir());
        // In the workspace itself, what the checkout does not have stays.
        assert_eq!(at("not").exists(), dir == ".");
        assert_eq!(at("link").exists(), dir == ".");
    }
}

#[test]
fn the_head_of_the_remote_is_known_by_its_branch() {
    let mut trial = Trial::new();
    let upstream = trial.path("upstream");
    repository(&upstream);
    git(&upstream, &["branch", "other"]);
    let url = Url::parse(upstream.to_str().unwrap(), true).unwrap();
    let settings = GitSettings::default();
    let git_there = Git::for_remote(trial.path("home"), &url, &settings).unwrap();
    let mirrors = trial.path("mirrors");
    let mirror = Mirror::open(&git_there, &url, &url.shown, &mirrors).unwrap();
    mirror.find(Some("other"), None).unwrap();
    assert_eq!(mirror.head_branch().as_deref(), Some("main"));
    git(&upstream, &["symbolic-ref", "HEAD", "refs/heads/none"]);
    assert_eq!(mirror.head_branch(), None);
    drop(mirror);
    trial.cached = vec!["t".to_owned()];
    // That it cannot be told changes nothing.
    run(
        &mut trial,
        &json!({"git_url": url.shown, "git_ref": "main"}),
    )
    .unwrap();
}
