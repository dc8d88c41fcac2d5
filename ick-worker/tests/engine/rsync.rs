//! The built-in action `rsync`, with rsync and a real sshd.

use crate::build::{Build, Done};
use crate::sshd::Sshd;
use ick_core::build::CauseKind;
use ick_worker::actions::Details;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

fn publish(build: &Build, details: &Details, fields: &Value) -> Done {
    need_rsync();
    let mut step = json!({"action": "rsync"});
    for (name, value) in fields.as_object().unwrap() {
        step[name] = value.clone();
    }
    build.execute(build.built_in(&step, details))
}

fn need_rsync() {
    let there = Command::new("rsync").arg("--version").output();
    there.expect("rsync is missing: install the Debian package rsync");
}

/// It succeeded, and said so only in Ick's own stream.
fn published(done: &Done) -> String {
    assert_eq!(done.outcome.cause, None, "{}", done.text());
    assert_eq!(done.stdout() + &done.stderr(), "");
    done.ick()
}

fn refused(done: &Done, kind: CauseKind, told: &str) {
    assert_eq!(done.kind(), Some(kind), "{}", done.text());
    assert!(done.detail().contains(told), "{told:?}: {}", done.detail());
    assert!(done.ick().contains(told), "{told:?}: {}", done.ick());
}

/// Paths beneath a folder, sorted; folders end with "/", links say where they lead.
fn listed(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_symlink() {
                found.push(format!(
                    "{name} -> {}",
                    fs::read_link(&path).unwrap().display()
                ));
            } else if path.is_dir() {
                found.push(format!("{name}/"));
                folders.push(path);
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// A site in the workspace, with all that a hostile action could put there.
fn site(build: &Build) -> PathBuf {
    let site = build.file("out/site");
    fs::create_dir_all(site.join("sub/empty")).unwrap();
    fs::write(site.join("index.html"), "first").unwrap();
    fs::write(site.join("-e sh"), "no option").unwrap();
    fs::write(site.join("sub/a \n$(id)'\"b"), "no command").unwrap();
    fs::write(site.join("program"), "").unwrap();
    fs::set_permissions(site.join("program"), Permissions::from_mode(0o6755)).unwrap();
    symlink("../index.html", site.join("sub/near")).unwrap();
    symlink("/etc/hostname", site.join("far")).unwrap();
    symlink("../../../../../etc/hostname", site.join("up")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        site.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    site
}

const SITE: [&str; 7] = [
    "-e sh",
    "index.html",
    "program",
    "sub/",
    "sub/a \n$(id)'\"b",
    "sub/empty/",
    "sub/near -> ../index.html",
];

#[test]
fn a_folder_is_published_by_ssh() {
    let build = Build::new();
    let sshd = Sshd::start();
    let site = site(&build);
    let mut details = build.details();
    details.git = sshd.settings();
    let there = tempfile::tempdir().unwrap();
    let www = there.path().join("www");
    let target = sshd.target(&www);
    let plain = json!({"rsync_src": "out/site", "rsync_target": target});
    let said = published(&publish(&build, &details, &plain));
    assert_eq!(listed(&www), SITE);
    assert_eq!(mode(&www.join("program")), 0o755);
    assert!(said.contains("published out/site to ssh://"), "{said}");
    assert!(said.contains("ignoring unsafe symlink \"far\""), "{said}");
    assert!(
        said.contains("skipping non-regular file \"fifo\""),
        "{said}"
    );

    // What is only there stays, unless it is to be deleted.
    fs::write(www.join("old"), "").unwrap();
    fs::write(site.join("index.html"), "second").unwrap();
    published(&publish(&build, &details, &plain));
    assert_eq!(fs::read(www.join("index.html")).unwrap(), b"second");
    assert!(www.join("old").exists());
    let exact = json!({"rsync_src": "./out/site/", "rsync_target": target, "delete": true});
    published(&publish(&build, &details, &exact));
    assert_eq!(listed(&www), SITE);
}

#[test]
fn what_goes_wrong_by_ssh_is_told_with_the_remedy() {
    let build = Build::new();
    let sshd = Sshd::start();
    fs::write(build.file("file"), "").unwrap();
    let there = tempfile::tempdir().unwrap();
    let step = |path: &Path| json!({"rsync_src": "file", "rsync_target": sshd.target(path)});
    let here = step(there.path());
    let good = build.details();
    let with = |change: &dyn Fn(&mut Details)| {
        let mut details = good.clone();
        details.git = sshd.settings();
        change(&mut details);
        details
    };
    for (details, step, told) in [
        (
            with(&|d| d.git.ssh_known_hosts = None),
            &here,
            "`ssh_known_hosts`",
        ),
        (with(&|d| d.git.ssh_key = None), &here, "`ssh_key`"),
        (
            with(&|d| d.git.ssh_key = Some(sshd.file("stranger"))),
            &here,
            "`ssh_key`",
        ),
        (
            with(&|_| ()),
            &step(&there.path().join("none/there")),
            "make the folder there",
        ),
        (
            with(&|_| ()),
            &json!({"rsync_src": "file", "rsync_target": "nobody.invalid:/srv"}),
            "is the host's name right?",
        ),
        (
            with(&|_| ()),
            &json!({"rsync_src": "file", "rsync_target": "ssh://127.0.0.1:1/srv"}),
            "does a server for ssh listen there?",
        ),
    ] {
        refused(
            &publish(&build, &details, step),
            CauseKind::ActionFailed,
            told,
        );
    }
    assert_eq!(listed(there.path()), [""; 0]);
    let bare = Sshd::with("SetEnv PATH=/nonexistent\n");
    let mut details = build.details();
    details.git = bare.settings();
    let step = json!({"rsync_src": "file", "rsync_target": bare.target(there.path())});
    let told = "install the Debian package rsync there";
    refused(
        &publish(&build, &details, &step),
        CauseKind::ActionFailed,
        told,
    );
    if !rustix::process::geteuid().is_root() {
        let step = json!({"rsync_src": "file", "rsync_target": sshd.target(Path::new("/"))});
        let told = "the user that logs in there";
        refused(
            &publish(&build, &with(&|_| ()), &step),
            CauseKind::ActionFailed,
            told,
        );
    }
}

#[test]
fn the_hosts_own_folders_are_for_those_who_are_allowed() {
    let build = Build::new();
    site(&build);
    let there = tempfile::tempdir().unwrap();
    let www = there.path().join("www");
    let step = |from: &str, to: &Path| json!({"rsync_src": from, "rsync_target": to});
    let mut details = build.details();
    let done = publish(&build, &details, &step("out/site", &www));
    refused(&done, CauseKind::NotAllowed, "`allow_host: true`");
    assert!(!www.exists());
    details.allow_host = true;
    published(&publish(&build, &details, &step("out/site", &www)));
    assert_eq!(listed(&www), SITE);
    // A file, under the name of the target.
    let file = there.path().join("page");
    published(&publish(
        &build,
        &details,
        &step("out/site/index.html", &file),
    ));
    assert_eq!(fs::read(file).unwrap(), b"first");
    // What a glob names, always into the target.
    let globbed = there.path().join("globbed");
    published(&publish(&build, &details, &step("out/*/index.*", &globbed)));
    published(&publish(&build, &details, &step("out/site/s*", &globbed)));
    assert_eq!(listed(&globbed), [&SITE[1..2], &SITE[3..]].concat());
    if !rustix::process::geteuid().is_root() {
        let done = publish(&build, &details, &step("out/site", Path::new("/ick-test")));
        refused(
            &done,
            CauseKind::ActionFailed,
            "the worker's user has to be allowed",
        );
    }
    let done = publish(
        &build,
        &details,
        &step("out/site", Path::new("/nonexistent/a/b")),
    );
    refused(&done, CauseKind::ActionFailed, "make the folder there");
}

#[test]
fn nothing_leads_out_of_the_workspace() {
    let build = Build::new();
    site(&build);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::write(outside.path().join("index.html"), "of others").unwrap();
    symlink(outside.path(), build.file("link")).unwrap();
    fs::create_dir(build.file("public")).unwrap();
    symlink(outside.path(), build.file("public/sub")).unwrap();
    symlink(
        outside.path().join("index.html"),
        build.file("public/index.html"),
    )
    .unwrap();
    let mut details = build.details();
    details.allow_host = true;
    let there = tempfile::tempdir().unwrap();
    let to = there.path().join("stolen");
    for from in [
        "link",
        "link/secret",
        "link/",
        "out/site/far",
        "out/site/fifo",
        "none",
    ] {
        let step = json!({"rsync_src": from, "rsync_target": to});
        let done = publish(&build, &details, &step);
        refused(&done, CauseKind::ActionFailed, from);
    }
    for from in ["../x", "/etc", "link/*[s]ecret/../x", ""] {
        let done = publish(
            &build,
            &details,
            &json!({"rsync_src": from, "rsync_target": to}),
        );
        let kind = done.kind().unwrap();
        assert!(
            [CauseKind::ActionFailed, CauseKind::BadDefinition].contains(&kind),
            "{from}: {}",
            done.text()
        );
    }
    let step = json!({"rsync_src": "link/*", "rsync_target": to});
    refused(
        &publish(&build, &details, &step),
        CauseKind::ActionFailed,
        "nothing in the workspace",
    );
    assert!(!to.exists());
    // A link itself, as a glob names it, is left out.
    published(&publish(
        &build,
        &details,
        &json!({"rsync_src": "lin*", "rsync_target": to}),
    ));
    assert_eq!(listed(&to), [""; 0]);

    let step = |to: &str| json!({"rsync_src": "out/site", "rsync_target": to});
    let done = publish(&build, &details, &step("link/www"));
    refused(&done, CauseKind::ActionFailed, "no link on the way");
    published(&publish(&build, &details, &step("public")));
    assert_eq!(listed(&build.file("public")), SITE);
    assert_eq!(
        fs::read(outside.path().join("index.html")).unwrap(),
        b"of others"
    );
    assert_eq!(listed(outside.path()), ["index.html", "secret"]);
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let build = Build::new();
    let site = site(&build);
    let mut details = build.details();
    details.allow_host = true;
    let proof = build.state().join("proof");
    let touch = format!("sh -c 'touch {}'", proof.display());
    for step in [
        json!({"rsync_src": "out/site", "rsync_target": "out/site/sub", "delete": true}),
        json!({"rsync_src": "out/site", "rsync_target": "out/site"}),
        json!({"rsync_src": "out/site", "rsync_target": ".", "delete": true}),
        json!({"rsync_src": "out/site/index.html", "rsync_target": "public", "delete": true}),
        json!({"rsync_src": "out/*", "rsync_target": "public", "delete": true}),
        json!({"rsync_src": "out/site", "rsync_target": format!("--rsh={touch}")}),
        json!({"rsync_src": "out/site", "rsync_target": format!("-e{touch}:/srv")}),
        json!({"rsync_src": "out/site", "rsync_target": "-oProxyCommand=x:/srv"}),
        json!({"rsync_src": "out/site", "rsync_target": "rsync://127.0.0.1/module"}),
        json!({"rsync_src": "out/site", "rsync_target": "127.0.0.1::module"}),
        json!({"rsync_src": "out/site", "rsync_target": "public", "delete": "yes"}),
        json!({"rsync_src": "out/site"}),
        json!({"rsync_target": "public"}),
    ] {
        let done = publish(&build, &details, &step);
        // Such a name of a folder is none that could be an option.
        let made = step["rsync_target"].as_str() == Some(&format!("--rsh={touch}"));
        let expected = (!made).then_some(CauseKind::BadDefinition);
        assert_eq!(done.kind(), expected, "{step} {}", done.text());
    }
    assert!(!proof.exists());
    assert!(!build.file("public").exists());
    assert!(site.join("index.html").exists());
    fs::create_dir(build.file("x")).unwrap();
    fs::write(build.file("x/index.html"), "").unwrap();
    let step = json!({"rsync_src": "{x,out/site}/index.html", "rsync_target": "public"});
    let done = publish(&build, &details, &step);
    refused(&done, CauseKind::BadDefinition, "the same name");
}
