//! Hostile archives, and good ones.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use super::super::trial::Trial;
use super::super::{archive, populate_workspace};
use ick_core::build::{Cause, CauseKind};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tar::{Builder, EntryType, Header};

type Entry<'a> = (EntryType, &'a str, &'a str);

/// An archive of entries: kind, name, and content or target. Names are written as they are.
fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o6755);
        header.set_mtime(1_000_000_000);
        let link = matches!(kind, EntryType::Link | EntryType::Symlink);
        if link {
            header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        let content = if link { "" } else { *text };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn keep(trial: &Trial, content: &[u8]) {
    fs::create_dir_all(trial.path("store")).unwrap();
    fs::write(trial.path("store/a"), content).unwrap();
}

fn populate(trial: &mut Trial, content: &[u8]) -> Result<(), Cause> {
    keep(trial, content);
    let step = json!({"artifact": "a"});
    trial.act(&step, populate_workspace::execute).map(drop)
}

#[test]
fn hostile_archives_fail_and_change_nothing_outside() {
    use EntryType::{Directory as D, Link as H, Regular as F, Symlink as L};
    let cases: &[(&[Entry<'_>], &str)] = &[
        (&[(F, "/etc/x", "x")], "is no path beneath"),
        (&[(F, "../outside/x", "x")], "is no path beneath"),
        (&[(F, "a/../../outside/x", "x")], "is no path beneath"),
        (&[(D, "..", "")], "is no path beneath"),
        (&[(L, "l", "/etc")], "could lead out"),
        (&[(L, "l", "../outside")], "could lead out"),
        (&[(L, "d/l", "../../outside")], "could lead out"),
        (
            &[(L, "d/e/up", "../.."), (L, "x", "d/e/up/../..")],
            "could lead out",
        ),
        (&[(L, "l", "d"), (F, "l/x", "x")], "goes through a link"),
        (
            &[(L, "p", "q"), (L, "q", "p"), (F, "p/x", "x")],
            "goes through a link",
        ),
        (&[(F, "far/x", "x")], "goes through a link"),
        (&[(D, "far", "")], "goes through a link"),
        (&[(H, "h", "/etc/passwd")], "is no path beneath"),
        (&[(H, "h", "../outside/secret")], "is no path beneath"),
        (&[(H, "h", "far/secret")], "no file that was unpacked"),
        (&[(H, "h", "far")], "no file that was unpacked"),
        (
            &[(F, "f", "x"), (F, "f/x", "x")],
            "goes through a link or a file",
        ),
        (&[(D, "d", ""), (F, "d", "x")], "where a folder is already"),
        (
            &[(EntryType::new(b'V'), "v", "")],
            "a kind that is not known",
        ),
    ];
    for (entries, told) in cases {
        let mut trial = Trial::new();
        fs::create_dir(trial.path("run/outside")).unwrap();
        fs::write(trial.path("run/outside/secret"), "secret").unwrap();
        symlink("../outside", trial.workspace().join("far")).unwrap();
        let why = populate(&mut trial, &tar(entries)).unwrap_err();
        assert_eq!(why.kind, CauseKind::ActionFailed, "{entries:?}");
        assert!(
            why.detail.starts_with("artifact a: the entry \""),
            "{why:?}"
        );
        assert!(why.detail.contains(told), "{entries:?} {why:?}");
        let outside = fs::read_dir(trial.path("run/outside")).unwrap();
        assert_eq!(outside.count(), 1, "{entries:?}");
        let secret = fs::metadata(trial.path("run/outside/secret")).unwrap();
        assert_eq!((secret.len(), secret.nlink()), (6, 1), "{entries:?}");
    }
}

#[test]
fn what_is_no_whole_archive_is_told() {
    let whole = tar(&[(EntryType::Regular, "f", &"x".repeat(2000))]);
    let packed = zstd::encode_all(&whole[..], 3).unwrap();
    let mut broken = whole.clone();
    broken[0] ^= 1;
    for content in [
        &b""[..],
        b"no archive",
        &[7; 4096],
        &broken,
        &whole[..1000],
        &whole[..whole.len() - 1024],
        &packed[..packed.len() - 3],
    ] {
        let why = populate(&mut Trial::new(), content).unwrap_err();
        assert!(
            why.detail.contains("artifact a is not a whole tar archive"),
            "{why:?}"
        );
    }
    // Long names are kept in memory: there is a limit.
    let huge = tar(&[(EntryType::GNULongName, "n", &"x".repeat(2 << 20))]);
    let why = populate(&mut Trial::new(), &huge).unwrap_err();
    assert!(why.detail.contains("more than 1 MiB"), "{why:?}");
}

#[test]
fn a_bomb_is_a_full_disk() {
    let mut trial = Trial::new();
    let mut header = Header::new_gnu();
    header.set_size(1 << 40);
    header.set_path("bomb").unwrap();
    header.set_cksum();
    let why = populate(&mut trial, header.as_bytes()).unwrap_err();
    assert_eq!(why.kind, CauseKind::DiskFull);
    assert!(why.detail.contains("limits.workspace"), "{why:?}");
    assert!(!trial.workspace().join("bomb").exists());
}

#[test]
fn good_ones_replace_files_and_lose_special_bits() {
    use EntryType::{Directory, Fifo, Link, Regular, Symlink};
    let mut trial = Trial::new();
    let place = trial.workspace();
    fs::write(trial.path("kept"), "kept").unwrap();
    symlink(trial.path("kept"), place.join("f")).unwrap();
    let archive = tar(&[
        (Directory, "./", ""),
        (Regular, "f", "first"),
        (Regular, "./f", "second"),
        (Link, "h", "f"),
        (Fifo, "fifo", ""),
        (Directory, "d/", ""),
        (Regular, "d/x", "x"),
        (Symlink, "d/l", "../f"),
    ]);
    populate(&mut trial, &zstd::encode_all(&archive[..], 3).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(trial.path("kept")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(place.join("d/l")).unwrap(), "second");
    let file = fs::symlink_metadata(place.join("f")).unwrap();
    assert_eq!(
        (file.mode() & 0o7777, file.nlink(), file.mtime()),
        (0o755, 2, 1_000_000_000)
    );
    assert_eq!(
        fs::metadata(place.join("d")).unwrap().mtime(),
        1_000_000_000
    );
    assert!(!place.join("fifo").exists());
}

#[test]
fn what_archive_packs_comes_back_and_a_missing_one_is_an_error_only_if_required() {
    let mut trial = Trial::new();
    let place = trial.workspace();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    fs::create_dir_all(place.join(&long).parent().unwrap()).unwrap();
    fs::write(place.join(&long), "long").unwrap();
    fs::create_dir(place.join("shut")).unwrap();
    fs::write(place.join("shut/x"), "x").unwrap();
    fs::set_permissions(place.join("shut"), fs::Permissions::from_mode(0o555)).unwrap();
    trial
        .act(&json!({"artifact": "a"}), archive::execute)
        .unwrap();
    fs::rename(&place, trial.path("run/before")).unwrap();
    fs::create_dir(&place).unwrap();
    for step in [
        json!({"artifact": "a"}),
        json!({"artifact": "a"}),
        json!({"artifact": "none"}),
    ] {
        trial.act(&step, populate_workspace::execute).unwrap();
    }
    assert_eq!(fs::read_to_string(place.join(&long)).unwrap(), "long");
    let shut = fs::metadata(place.join("shut")).unwrap();
    assert_eq!(shut.mode() & 0o7777, 0o555);
    for folder in [place.as_path(), Path::new(&trial.path("run/before"))] {
        fs::set_permissions(folder.join("shut"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let step = json!({"artifact": "none", "required": true});
    let why = trial.act(&step, populate_workspace::execute).unwrap_err();
    assert!(
        why.detail.contains("none is not in the artifact store"),
        "{why:?}"
    );
}
