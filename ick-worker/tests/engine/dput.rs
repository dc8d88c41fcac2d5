//! The built-in action `dput`, with dput, GnuPG, a real incoming folder and a real sshd.

use crate::build::{Build, Done};
use crate::sshd::Sshd;
use ick_core::build::CauseKind;
use ick_worker::actions::Details;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Keys made for a test, and an archive that takes uploads.
struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    fn new() -> Self {
        let there = Command::new("dput").arg("--version").output();
        there.expect("dput is missing: install the Debian package dput");
        let archive = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for user in ["maintainer", "stranger"] {
            let home = archive.path(user);
            fs::create_dir(&home).unwrap();
            fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
            let key = [
                "--passphrase",
                "",
                "--quick-gen-key",
                user,
                "ed25519",
                "sign",
                "never",
            ];
            archive.gpg(user, &key);
        }
        let keyring = archive.path("keyring.gpg");
        archive.gpg(
            "maintainer",
            &["--output", &keyring.to_string_lossy(), "--export"],
        );
        fs::create_dir(archive.path("incoming")).unwrap();
        archive.configure("");
        archive
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The hosts that dput knows.
    fn configure(&self, lines: &str) {
        let incoming = self.path("incoming");
        let incoming = incoming.display();
        let config = format!(
            "[local]\nmethod = local\nincoming = {incoming}\n\
             [trusting]\nmethod = local\nincoming = {incoming}\nallow_unsigned_uploads = 1\n\
             [choosy]\nmethod = local\nincoming = {incoming}\nallowed_distributions = (?!unstable)\n\
             [gone]\nmethod = local\nincoming = {incoming}/none\n{lines}"
        );
        fs::write(self.path("dput.cf"), config).unwrap();
    }

    fn details(&self, build: &Build) -> Details {
        let mut details = build.details();
        details.dput.config = Some(self.path("dput.cf"));
        details.dput.keyring = Some(self.path("keyring.gpg"));
        details
    }

    fn gpg(&self, user: &str, arguments: &[&str]) {
        let done = Command::new("gpg")
            .args(["--batch", "--yes", "--quiet", "--homedir"])
            .arg(self.path(user))
            .args(arguments)
            .output()
            .expect("gpg is missing: install the Debian package gnupg");
        assert!(done.status.success(), "{arguments:?} {done:?}");
    }

    /// As debsign does it.
    fn sign(&self, user: &str, file: &Path) {
        let signed = file.with_extension("signed");
        let (from, to) = (file.to_string_lossy(), signed.to_string_lossy());
        self.gpg(user, &["--output", &to, "--clearsign", &from]);
        fs::rename(&signed, file).unwrap();
    }

    /// What has arrived, sorted.
    fn incoming(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("incoming")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        for user in ["maintainer", "stranger"] {
            let _ = Command::new("gpgconf")
                .arg("--homedir")
                .arg(self.path(user))
                .args(["--kill", "all"])
                .output();
        }
    }
}

fn md5(file: &Path) -> String {
    let sum = Command::new("md5sum").arg(file).output().unwrap();
    String::from_utf8(sum.stdout).unwrap()[..32].to_owned()
}

/// A binary package in a folder, with a `.changes` file that is not signed yet.
fn package(folder: &Path, name: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let deb = format!("{name}_1.0_all.deb");
    fs::write(folder.join(&deb), format!("the package {name}")).unwrap();
    let size = folder.join(&deb).metadata().unwrap().len();
    let sum = md5(&folder.join(&deb));
    changes(folder, name, &format!(" {sum} {size} misc optional {deb}"))
}

fn changes(folder: &Path, name: &str, files: &str) -> PathBuf {
    let path = folder.join(format!("{name}_1.0_all.changes"));
    let text = format!(
        "Format: 1.8\nDate: Sat, 28 Nov 2026 09:00:00 +0000\nSource: {name}\nBinary: {name}\n\
         Architecture: all\nVersion: 1.0\nDistribution: unstable\nUrgency: low\n\
         Maintainer: N <n@example.org>\nDescription:\n {name} - greets\nChanges:\n {name} (1.0) unstable; \
         urgency=low\n .\n   * First.\nFiles:\n{files}\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn upload(build: &Build, details: &Details, fields: &Value) -> Done {
    let mut step = json!({"action": "dput"});
    for (name, value) in fields.as_object().unwrap() {
        step[name] = value.clone();
    }
    build.execute(build.built_in(&step, details))
}

fn uploaded(done: &Done) -> String {
    assert_eq!(done.outcome.cause, None, "{}", done.text());
    assert_eq!(done.stdout() + &done.stderr(), "");
    done.ick()
}

fn refused(done: &Done, kind: CauseKind, told: &[&str]) {
    assert_eq!(done.kind(), Some(kind), "{}", done.text());
    for told in told {
        assert!(done.detail().contains(told), "{told:?}: {}", done.text());
    }
    assert!(!done.detail().contains("/tmp/dput"), "{}", done.detail());
}

#[test]
fn a_signed_package_is_uploaded() {
    let (build, archive) = (Build::new(), Archive::new());
    let details = archive.details(&build);
    archive.sign("maintainer", &package(&build.file(""), "hello"));
    let said = uploaded(&upload(&build, &details, &json!({"dput_host": "local"})));
    assert_eq!(
        archive.incoming(),
        ["hello_1.0_all.changes", "hello_1.0_all.deb"]
    );
    let same = |name: &str| {
        let came = fs::read(archive.path("incoming").join(name)).unwrap();
        assert_eq!(came, fs::read(build.file(name)).unwrap(), "{name}");
    };
    same("hello_1.0_all.changes");
    same("hello_1.0_all.deb");
    assert!(said.contains("Valid signature"), "{said}");
    assert!(
        said.ends_with("uploaded hello_1.0_all.changes to local\n"),
        "{said}"
    );
    // Nothing is left, in the workspace or elsewhere in the run's folder.
    let names = fs::read_dir(build.file("")).unwrap().count();
    assert_eq!(names, 2);
    let left = Command::new("find")
        .arg(build.run.path())
        .args(["-name", "*.deb"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap().lines().count(), 1);
}

#[test]
fn several_by_a_glob() {
    let (build, archive) = (Build::new(), Archive::new());
    let details = archive.details(&build);
    for name in ["a", "b", "c"] {
        archive.sign("maintainer", &package(&build.file("out"), name));
    }
    fs::write(build.file("out/c_1.0_all.deb"), "changed").unwrap();
    let step = json!({"dput_host": "local", "changes": "out/*.changes"});
    let done = upload(&build, &details, &step);
    let told = [
        "out/c_1.0_all.changes",
        "out/a_1.0_all.changes, out/b_1.0_all.changes had been uploaded",
    ];
    refused(&done, CauseKind::ActionFailed, &told);
    assert_eq!(archive.incoming().len(), 4);
    // A wrong one is found before the first is uploaded.
    let other = Archive::new();
    fs::remove_file(build.file("out/c_1.0_all.deb")).unwrap();
    let done = upload(&build, &other.details(&build), &step);
    refused(
        &done,
        CauseKind::ActionFailed,
        &["out/c_1.0_all.deb", "not in the workspace"],
    );
    assert_eq!(other.incoming(), [""; 0]);
}

#[test]
fn signatures_and_checksums_are_checked() {
    let (build, archive) = (Build::new(), Archive::new());
    let details = archive.details(&build);
    let step = |host: &str| json!({"dput_host": host});
    let try_it = |host: &str, told: &[&str]| {
        refused(
            &upload(&build, &details, &step(host)),
            CauseKind::ActionFailed,
            told,
        );
        assert_eq!(archive.incoming(), [""; 0]);
    };
    let file = package(&build.file(""), "hello");
    try_it(
        "local",
        &[
            "it is not signed",
            "debsign",
            "allow_unsigned_uploads = 1 for local",
        ],
    );
    archive.sign("stranger", &file);
    try_it("local", &["No public key", "add the key to", "keyring.gpg"]);
    package(&build.file(""), "hello");
    archive.sign("maintainer", &file);
    let signed = fs::read_to_string(&file).unwrap();
    fs::write(&file, signed.replace("First", "Second")).unwrap();
    try_it("local", &["Bad signature", "sign it again"]);
    fs::write(&file, &signed).unwrap();
    fs::write(build.file("hello_1.0_all.deb"), "something else").unwrap();
    try_it(
        "local",
        &[
            "Checksum doesn't match for hello_1.0_all.deb",
            "make that anew",
        ],
    );
    try_it("choosy", &["hello_1.0_all.changes"]);
    package(&build.file(""), "hello");
    archive.sign("maintainer", &file);
    try_it(
        "choosy",
        &[
            "for distribution unstable to choosy not allowed",
            "`allowed_distributions`",
        ],
    );
    try_it(
        "gone",
        &["incoming/none", "make the folder", "`incoming` for gone"],
    );
    try_it(
        "nowhere",
        &[
            "dput knows no host of this name",
            "add a section [nowhere]",
            "dput.cf",
        ],
    );
    // With a source, what describes it is signed as well.
    package(&build.file(""), "hello");
    let plain = fs::read_to_string(&file).unwrap();
    let dsc = build.file("hello_1.0.dsc");
    fs::write(&dsc, "Format: 3.0 (native)\n").unwrap();
    let named = format!("Files:\n {} 21 misc optional hello_1.0.dsc\n", md5(&dsc));
    let source = plain.replace("Architecture: all", "Architecture: source all");
    fs::write(&file, source.replace("Files:\n", &named)).unwrap();
    archive.sign("maintainer", &file);
    try_it("local", &["its .dsc is not signed", "debsign"]);
    // Where the worker's configuration allows it.
    package(&build.file(""), "hello");
    uploaded(&upload(&build, &details, &step("trusting")));
    assert_eq!(archive.incoming().len(), 2);
}

#[test]
fn nothing_but_plain_files_of_the_workspace_is_uploaded() {
    let (build, archive) = (Build::new(), Archive::new());
    let details = archive.details(&build);
    let out = build.file("out");
    let secret = archive.path("secret_1.0_all.deb");
    fs::write(&secret, "secret").unwrap();
    let (sum, up) = (md5(&secret), secret.display().to_string());
    fs::create_dir(&out).unwrap();
    symlink(&secret, out.join("link_1.0_all.deb")).unwrap();
    fs::create_dir(out.join("folder.deb")).unwrap();
    let proof = archive.path("proof");
    let touch = format!("a;touch${{IFS}}{};.deb", proof.display());
    for (name, told) in [
        (&*up, "cannot be that of a package"),
        ("../secret_1.0_all.deb", "cannot be that of a package"),
        (
            "../../../../../../etc/hostname",
            "cannot be that of a package",
        ),
        (&*touch, "cannot be that of a package"),
        ("link_1.0_all.deb", "is no plain file"),
        ("folder.deb", "is no plain file"),
        ("none.deb", "is not in the workspace"),
    ] {
        archive.sign(
            "maintainer",
            &changes(&out, "evil", &format!(" {sum} 6 misc optional {name}")),
        );
        for host in ["local", "trusting"] {
            let step = json!({"dput_host": host, "changes": "out/*.changes"});
            let done = upload(&build, &details, &step);
            refused(
                &done,
                CauseKind::ActionFailed,
                &["out/evil_1.0_all.changes", told],
            );
        }
    }
    // An unsigned list before a signed text, which dput would take the one from and check the other of.
    let text = format!(" {sum} 6 misc optional ../secret_1.0_all.deb");
    let before = fs::read_to_string(changes(&out, "evil", &text)).unwrap();
    let signed = package(&out, "evil");
    archive.sign("maintainer", &signed);
    fs::write(
        &signed,
        before + "\n" + &fs::read_to_string(&signed).unwrap(),
    )
    .unwrap();
    let step = json!({"dput_host": "local", "changes": "out/evil_1.0_all.changes"});
    refused(
        &upload(&build, &details, &step),
        CauseKind::ActionFailed,
        &["out/evil_1.0_all.changes"],
    );
    fs::remove_file(&signed).unwrap();
    // The list itself is a link, lies behind one, or is no file.
    let outside = archive.path("outside");
    archive.sign("maintainer", &package(&outside, "hello"));
    symlink(outside.join("hello_1.0_all.changes"), out.join("l.changes")).unwrap();
    symlink(&outside, build.file("away")).unwrap();
    fs::create_dir(out.join("f.changes")).unwrap();
    for (changes, told) in [
        ("out/l.changes", "no plain file"),
        ("out/f.changes", "no plain file"),
        (
            "away/hello_1.0_all.changes",
            "nothing in the workspace matches",
        ),
        ("away/*.changes", "nothing in the workspace matches"),
        ("none/*.changes", "which action makes the .changes file?"),
        ("out/folder.deb", "a .changes file has a name like"),
    ] {
        let step = json!({"dput_host": "local", "changes": changes});
        refused(
            &upload(&build, &details, &step),
            CauseKind::ActionFailed,
            &[told],
        );
    }
    for step in [
        json!({"dput_host": "--config=x"}),
        json!({"dput_host": outside.join("hello_1.0_all.changes")}),
        json!({"dput_host": "local", "changes": "../*.changes"}),
        json!({"dput_host": "local", "changes": "/etc/x.changes"}),
        json!({}),
    ] {
        let done = upload(&build, &details, &step);
        assert_eq!(
            done.kind(),
            Some(CauseKind::BadDefinition),
            "{step} {}",
            done.text()
        );
    }
    assert_eq!(archive.incoming(), [""; 0]);
    assert!(!proof.exists());
}

#[test]
fn configuration_that_a_build_could_write_is_not_obeyed() {
    let (build, archive) = (Build::new(), Archive::new());
    archive.sign("stranger", &package(&build.file(""), "hello"));
    let config = fs::read_to_string(archive.path("dput.cf")).unwrap();
    let home = build.run.path().join("home");
    for folder in [build.file(""), home] {
        fs::write(folder.join(".dput.cf"), config.replace("[local]", "[evil]")).unwrap();
        fs::create_dir(folder.join(".gnupg")).unwrap();
        let key = folder.join(".gnupg/pubring.gpg");
        archive.gpg(
            "stranger",
            &["--output", &key.to_string_lossy(), "--export"],
        );
    }
    let mut details = archive.details(&build);
    let evil = json!({"dput_host": "evil"});
    let told = ["dput knows no host of this name"];
    refused(
        &upload(&build, &details, &evil),
        CauseKind::ActionFailed,
        &told,
    );
    // The worker's own home, where the configuration names no files.
    let own = archive.path("own");
    fs::create_dir_all(own.join(".gnupg")).unwrap();
    fs::set_permissions(own.join(".gnupg"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(archive.path("keyring.gpg"), own.join(".gnupg/pubring.gpg")).unwrap();
    fs::write(own.join(".dput.cf"), config.replace("[local]", "[own]")).unwrap();
    details.dput.config = None;
    details.dput.keyring = None;
    details.dput.home = Some(own);
    refused(
        &upload(&build, &details, &evil),
        CauseKind::ActionFailed,
        &told,
    );
    let step = json!({"dput_host": "own"});
    let told = ["No public key", "the keyring of the worker's user"];
    refused(
        &upload(&build, &details, &step),
        CauseKind::ActionFailed,
        &told,
    );
    package(&build.file(""), "hello");
    archive.sign("maintainer", &build.file("hello_1.0_all.changes"));
    uploaded(&upload(&build, &details, &step));
    assert_eq!(archive.incoming().len(), 2);
}

#[test]
fn what_the_worker_names_and_does_not_have() {
    let (build, archive) = (Build::new(), Archive::new());
    archive.sign("maintainer", &package(&build.file(""), "hello"));
    let step = json!({"dput_host": "local"});
    for (keyring, told) in [
        ("none", "No such file"),
        ("armoured", "ASCII armour"),
        ("empty", "no key"),
    ] {
        fs::write(
            archive.path("armoured"),
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
        )
        .unwrap();
        fs::write(archive.path("empty"), "").unwrap();
        let mut details = archive.details(&build);
        details.dput.keyring = Some(archive.path(keyring));
        let done = upload(&build, &details, &step);
        refused(
            &done,
            CauseKind::ActionFailed,
            &["`dput_keyring`", told, "gpg --export"],
        );
    }
    let mut details = archive.details(&build);
    details.dput.config = Some(archive.path("none.cf"));
    refused(
        &upload(&build, &details, &step),
        CauseKind::ActionFailed,
        &["none.cf"],
    );
    assert_eq!(archive.incoming(), [""; 0]);
}

#[test]
fn packages_go_by_scp_with_the_workers_key() {
    let (build, archive, sshd) = (Build::new(), Archive::new(), Sshd::start());
    let (place, port) = sshd.place();
    let (user, _) = place.split_once('@').unwrap();
    archive.configure(&format!(
        "[far]\nmethod = scp\nfqdn = 127.0.0.1\nlogin = {user}\nincoming = {}\n\
         ssh_config_options = Port={port}\n",
        archive.path("incoming").display()
    ));
    archive.sign("maintainer", &package(&build.file(""), "hello"));
    let mut details = archive.details(&build);
    let step = json!({"dput_host": "far"});
    for (settings, told) in [
        (
            ick_worker::actions::GitSettings {
                ssh_known_hosts: None,
                ..sshd.settings()
            },
            "`ssh_known_hosts`",
        ),
        (
            ick_worker::actions::GitSettings {
                ssh_key: Some(sshd.file("stranger")),
                ..sshd.settings()
            },
            "`ssh_key`",
        ),
    ] {
        details.git = settings;
        refused(
            &upload(&build, &details, &step),
            CauseKind::ActionFailed,
            &[told],
        );
    }
    details.git = sshd.settings();
    uploaded(&upload(&build, &details, &step));
    assert_eq!(
        archive.incoming(),
        ["hello_1.0_all.changes", "hello_1.0_all.deb"]
    );
}
