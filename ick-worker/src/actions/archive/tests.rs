//! The action with the real tar and zstd, and against a store that answers by heart.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

use super::super::StoreAt;
use super::super::trial::Trial;
use super::{Globs, Owners, Packing, execute, pack, stream};
use crate::beneath;
use crate::engine::Built;
use ick_core::build::{Cause, CauseKind};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

fn run(trial: &mut Trial, step: &Value) -> Result<Built, Cause> {
    trial.act(step, execute)
}

/// What GNU tar lists of an archive: mode, owner, size, time, name.
fn listed(archive: &Path) -> Vec<String> {
    let output = Command::new("tar")
        .args(["--zstd", "--numeric-owner", "--full-time", "--utc", "-tvf"])
        .arg(archive)
        .output()
        .expect("tar is needed: install the packages tar and zstd");
    assert!(
        output.status.success(),
        "install the package zstd? {output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn names(archive: &Path) -> Vec<String> {
    listed(archive)
        .iter()
        .map(|line| line.splitn(6, ' ').last().unwrap().to_owned())
        .collect()
}

fn write(trial: &Trial, name: &str, text: &str) {
    let path = trial.workspace().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn everything_sorted_with_owners_and_links() {
    let mut trial = Trial::new();
    write(&trial, "b/z", "z");
    write(&trial, "b/a", "a");
    write(&trial, "b-c", "");
    write(&trial, ".hidden", "");
    fs::set_permissions(
        trial.workspace().join("b/a"),
        PermissionsExt::from_mode(0o4755),
    )
    .unwrap();
    symlink("/etc/shadow", trial.workspace().join("a-link")).unwrap();
    rustix::fs::mknodat(
        CWD,
        trial.workspace().join("fifo"),
        FileType::Fifo,
        Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(trial.workspace().join("socket")).unwrap();
    if rustix::process::geteuid().is_root() {
        let null = rustix::fs::makedev(1, 3);
        for (name, kind) in [
            ("null", FileType::CharacterDevice),
            ("disk", FileType::BlockDevice),
        ] {
            let path = trial.workspace().join(name);
            rustix::fs::mknodat(CWD, path, kind, Mode::RUSR, null).unwrap();
        }
    }
    let built = run(&mut trial, &json!({"artifact": "hello/out"})).unwrap();
    let archive = trial.path("store/hello/out");
    let content = fs::read(&archive).unwrap();
    assert_eq!(built.artifacts[0].size, content.len() as u64);
    assert_eq!(
        names(&archive),
        [
            ".hidden",
            "a-link -> /etc/shadow",
            "b/",
            "b/a",
            "b/z",
            "b-c"
        ]
    );
    let lines = listed(&archive);
    assert!(lines.iter().all(|line| line.contains(" 0/0 ")), "{lines:?}");
    assert!(lines[3].starts_with("-rwxr-xr-x 0/0 1 "), "{lines:?}");
    // The same files again are the same bytes.
    let again = run(&mut trial, &json!({"artifact": "hello/out"})).unwrap();
    assert_eq!(again.artifacts[0].digest, built.artifacts[0].digest);
}

#[test]
fn globs_choose_and_one_without_match_is_named() {
    let mut trial = Trial::new();
    for name in [
        "out/x.deb",
        "out/deep/y.deb",
        "out/z.txt",
        "src/main.c",
        "w.deb",
    ] {
        write(&trial, name, name);
    }
    let step = json!({"artifact": "a", "paths": ["out/*.deb", "./src/", "**/y.deb"]});
    run(&mut trial, &step).unwrap();
    assert_eq!(
        names(&trial.path("store/a")),
        ["out/deep/y.deb", "out/x.deb", "src/", "src/main.c"]
    );
    let step = json!({"artifact": "b", "paths": ["w.deb", "missing/*", "none"]});
    let why = run(&mut trial, &step).unwrap_err();
    assert_eq!(why.kind, CauseKind::ActionFailed);
    assert_eq!(
        why.detail,
        "nothing in the workspace matches missing/*, none"
    );
    assert!(!trial.path("store/b").exists());
}

#[test]
fn links_are_never_followed() {
    let mut trial = Trial::new();
    fs::create_dir(trial.path("outside")).unwrap();
    fs::write(trial.path("outside/secret"), "secret").unwrap();
    symlink(trial.path("outside"), trial.workspace().join("link")).unwrap();
    run(&mut trial, &json!({"artifact": "a", "paths": "link"})).unwrap();
    assert_eq!(names(&trial.path("store/a")).len(), 1);
    for paths in ["link/secret", "link/*", "../outside/*"] {
        assert!(run(&mut trial, &json!({"artifact": "b", "paths": [paths]})).is_err());
    }
}

#[test]
fn long_and_odd_names_arrive() {
    let mut trial = Trial::new();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    for name in [&*long, "with space", "ümlaut", "a\\b"] {
        write(&trial, name, name);
    }
    symlink("t".repeat(300), trial.workspace().join("long-link")).unwrap();
    run(&mut trial, &json!({"artifact": "a"})).unwrap();
    let out = trial.path("unpacked");
    fs::create_dir(&out).unwrap();
    let status = Command::new("tar")
        .args(["--zstd", "-xf"])
        .arg(trial.path("store/a"))
        .arg("-C")
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    for name in [&*long, "with space", "ümlaut", "a\\b"] {
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), name);
    }
    assert_eq!(
        fs::read_link(out.join("long-link")).unwrap(),
        Path::new(&"t".repeat(300))
    );
}

#[test]
fn times_are_kept_or_the_commit_s() {
    let mut trial = Trial::new();
    write(&trial, "file", "");
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options()
        .write(true)
        .open(trial.workspace().join("file"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    run(&mut trial, &json!({"artifact": "a"})).unwrap();
    assert!(listed(&trial.path("store/a"))[0].contains("2001-09-09 01:46:40"));
    let without = run(&mut trial, &json!({"artifact": "a", "mtime": "commit"}));
    assert_eq!(without.unwrap_err().kind, CauseKind::BadDefinition);
    let source = ick_api::controller::Source {
        dir: "src".to_owned(),
        url: String::new(),
        git_ref: None,
        commit: String::new(),
    };
    super::super::sources::add(&trial.path("run"), source, 1_100_000_000).unwrap();
    run(&mut trial, &json!({"artifact": "a", "mtime": "commit"})).unwrap();
    assert!(listed(&trial.path("store/a"))[0].contains("2004-11-09 11:33:20"));
}

#[test]
fn wrong_fields_are_told() {
    let mut trial = Trial::new();
    for (step, kind) in [
        (json!({}), CauseKind::BadDefinition),
        (json!({"artifact": "../x"}), CauseKind::BadDefinition),
        (
            json!({"artifact": "a", "from": "systree"}),
            CauseKind::ActionFailed,
        ),
        (
            json!({"artifact": "a", "from": "else"}),
            CauseKind::BadDefinition,
        ),
        (
            json!({"artifact": "a", "mtime": "now"}),
            CauseKind::BadDefinition,
        ),
        (
            json!({"artifact": "a", "paths": [1]}),
            CauseKind::BadDefinition,
        ),
        (
            json!({"artifact": "a", "paths": ["/etc"]}),
            CauseKind::BadDefinition,
        ),
    ] {
        assert_eq!(run(&mut trial, &step).unwrap_err().kind, kind, "{step}");
    }
}

/// Changes a file as soon as its header has been written.
struct Meddler<'a> {
    file: &'a fs::File,
    change: Option<&'a [u8]>,
}

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.change.take() {
            Some(b"") => self.file.set_len(0)?,
            Some(more) => self.file.write_all(more)?,
            None => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_changes_while_it_is_packed_is_named() {
    for change in [&b"more"[..], b""] {
        let trial = Trial::new();
        let mut file = fs::File::create(trial.workspace().join("busy")).unwrap();
        file.write_all(&[7; 1000]).unwrap();
        let mut packing = Packing {
            globs: Globs::new("paths", &[]).unwrap(),
            mtime: None,
            owners: Owners::Zero,
        };
        let meddler = Meddler {
            file: &file,
            change: Some(change),
        };
        let packed = pack(
            beneath::root(&trial.workspace()).unwrap(),
            &mut packing,
            meddler,
        );
        assert_eq!(
            packed.unwrap_err().detail,
            "busy changed while it was packed"
        );
    }
}

#[test]
fn a_stream_whose_packer_fails_does_not_end_as_if_it_were_whole() {
    let trial = Trial::new();
    let mut packing = Packing {
        globs: Globs::new("paths", &["none"]).unwrap(),
        mtime: None,
        owners: Owners::Zero,
    };
    let root = beneath::root(&trial.workspace()).unwrap();
    let (read, packed) = stream::compressed(
        |to| pack(root, &mut packing, to),
        |archive| std::io::copy(archive, &mut std::io::sink()),
    );
    assert!(read.is_err());
    assert_eq!(packed.unwrap_err().kind, CauseKind::ActionFailed);
}

/// A store that answers one upload after the other; gives what it received last.
fn store(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut last = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(reader.read_line(&mut head).unwrap(), 0);
            }
            assert!(head.starts_with("PUT /blobs/a HTTP/1.1"), "{head}");
            assert!(head.contains("authorization: Bearer token\r\n"), "{head}");
            (&stream)
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .unwrap();
            last.clear();
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).unwrap();
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).unwrap();
                last.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
            let digest = ick_core::digest::Digest::from_bytes(
                <sha2::Sha256 as sha2::Digest>::digest(&last).into(),
            );
            let body = format!(
                r#"{{"name":"a","digest":"{digest}","size":{}}}"#,
                last.len()
            );
            let body = if answer.starts_with("201") {
                body
            } else {
                String::new()
            };
            let text = format!(
                "HTTP/1.1 {answer} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            (&stream).write_all(text.as_bytes()).unwrap();
        }
        last
    });
    (url, served)
}

#[test]
fn a_store_that_is_busy_gets_it_again() {
    let mut trial = Trial::new();
    write(&trial, "file", "text");
    let (url, served) = store(vec!["503".to_owned(), "201".to_owned()]);
    trial.details.store = StoreAt::Url(url);
    let built = run(&mut trial, &json!({"artifact": "a"})).unwrap();
    let content = served.join().unwrap();
    assert_eq!(built.artifacts[0].size, content.len() as u64);
    fs::write(trial.path("a.tar.zst"), &content).unwrap();
    assert_eq!(names(&trial.path("a.tar.zst")), ["file"]);
}

#[test]
fn a_store_that_refuses_is_quoted() {
    let mut trial = Trial::new();
    let (url, served) = store(vec!["403".to_owned()]);
    trial.details.store = StoreAt::Url(url);
    let why = run(&mut trial, &json!({"artifact": "a"})).unwrap_err();
    assert_eq!(why.kind, CauseKind::ActionFailed);
    served.join().unwrap();
}
