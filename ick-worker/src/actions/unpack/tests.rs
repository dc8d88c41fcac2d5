//! Hostile archives, and good ones.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

use super::super::trial::Trial;
use super::super::{archive, populate_workspace};
use ick_core::build::{Cause, CauseKind};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tar::{Builder, EntryType, Header};

type Entry<'a> = (EntryType, &'a str, &'a str);

/// An archive of entries: kind, name, and content or target. Names are written as they are.
fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    tar_with_mode(entries, 0o6755)
}

fn tar_with_mode(entries: &[Entry<'_>], mode: u32) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
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
    trial.limits.workspace = 1 << 20;
    let bomb = tar(&[(EntryType::Regular, "bomb", &"x".repeat(8 << 20))]);
    let many: Vec<_> = (0..300).map(|n| format!("{n}")).collect();
    let many: Vec<_> = many
        .iter()
        .map(|name| (EntryType::Regular, name.as_str(), ""))
        .collect();
    for content in [bomb, tar(&many)] {
        let packed = zstd::encode_all(&content[..], 3).unwrap();
        let why = populate(&mut trial, &packed).unwrap_err();
        assert_eq!(why.kind, CauseKind::DiskFull);
        assert!(why.detail.contains("limits.workspace"), "{why:?}");
        assert!(crate::workspace::size(&trial.workspace(), u64::MAX) <= 1 << 20);
        fs::remove_dir_all(trial.workspace()).unwrap();
        fs::create_dir(trial.workspace()).unwrap();
    }
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

/// An archive by the real tar, of all that is in a folder.
fn by_tar(folder: &Path, options: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .args(options)
        .args(["-cf", "-", "."])
        .current_dir(folder)
        .output()
        .expect("tar is missing: install the Debian package tar");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn order_is_kept_where_it_matters() {
    use EntryType::{Directory, Link, Regular, Symlink};
    let numbers: Vec<_> = (0..500).map(|n| format!("{n}")).collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for n in &numbers {
        entries.push((Regular, "same", n));
        entries.push((Directory, "d", ""));
        entries.push((Regular, "d/x", n));
        // A link to what was just made, and one in the place of a file.
        entries.push((Link, "hard", "d/x"));
        entries.push((Regular, "soft", n));
        entries.push((Symlink, "soft", "d/x"));
        entries.push((Directory, "e", ""));
    }
    let mut trial = Trial::new();
    let place = trial.workspace();
    populate(&mut trial, &tar(&entries)).unwrap();
    for name in ["same", "d/x", "hard", "soft"] {
        assert_eq!(
            fs::read_to_string(place.join(name)).unwrap(),
            "499",
            "{name}"
        );
    }
    assert_eq!(fs::metadata(place.join("hard")).unwrap().nlink(), 2);
    assert_eq!(
        fs::metadata(place.join("d")).unwrap().mtime(),
        1_000_000_000
    );
}

#[test]
fn the_first_entry_that_fails_is_told() {
    use EntryType::{Directory as D, Regular as F};
    let names: Vec<_> = (0..200).map(|n| format!("f{n}")).collect();
    let mut entries: Vec<Entry<'_>> = vec![(D, "is-a-folder", ""), (D, "is-one-too", "")];
    entries.extend(names.iter().map(|name| (F, name.as_str(), "x")));
    entries.insert(90, (F, "is-a-folder", "x"));
    entries.push((F, "is-one-too", "x"));
    entries.push((F, "../out", "x"));
    let why = populate(&mut Trial::new(), &tar(&entries)).unwrap_err();
    assert!(why.detail.contains("\"is-a-folder\""), "{why:?}");
}

#[test]
fn a_sparse_file_takes_no_more_room_than_its_content() {
    const SIZE: u64 = 10 << 30;
    let mut trial = Trial::new();
    let source = trial.path("source");
    fs::create_dir(&source).unwrap();
    let file = fs::File::create(source.join("sparse")).unwrap();
    // More parts than the header has room for.
    let parts: Vec<u64> = (0..40).map(|n| n * (SIZE / 41) / 4096 * 4096).collect();
    for at in &parts {
        file.write_all_at(&at.to_le_bytes(), *at).unwrap();
    }
    file.set_len(SIZE).unwrap();
    trial.limits.workspace = 4 << 20;
    populate(&mut trial, &by_tar(&source, &["--sparse", "--format=gnu"])).unwrap();
    let file = fs::File::open(trial.workspace().join("sparse")).unwrap();
    let about = file.metadata().unwrap();
    assert_eq!(about.len(), SIZE);
    assert!(about.blocks() * 512 <= 1 << 20, "{about:?}");
    for at in &parts {
        let mut part = [0; 8];
        file.read_exact_at(&mut part, *at).unwrap();
        assert_eq!(u64::from_le_bytes(part), *at);
    }
    let why = populate(&mut trial, &by_tar(&source, &["--sparse", "--format=pax"])).unwrap_err();
    assert!(
        why.detail.contains("sparse in a way that is not known"),
        "{why:?}"
    );
}

#[test]
fn holes_are_packed_as_zeros_and_come_back_as_holes() {
    const SIZE: u64 = 3 << 30;
    let mut trial = Trial::new();
    let place = trial.workspace();
    let file = fs::File::create(place.join("sparse")).unwrap();
    file.write_all_at(b"middle", SIZE / 2 + 3).unwrap();
    file.write_all_at(b"end", SIZE - 3).unwrap();
    trial.limits.workspace = 1 << 20;
    let built = trial
        .act(&json!({"artifact": "a"}), archive::execute)
        .unwrap();
    assert!(built.artifacts[0].size < 1 << 20, "{:?}", built.artifacts);
    fs::remove_file(place.join("sparse")).unwrap();
    trial
        .act(&json!({"artifact": "a"}), populate_workspace::execute)
        .unwrap();
    let file = fs::File::open(place.join("sparse")).unwrap();
    let about = file.metadata().unwrap();
    assert_eq!(about.len(), SIZE);
    assert!(about.blocks() * 512 <= 1 << 20, "{about:?}");
    for (at, text) in [(SIZE / 2 + 3, &b"middle"[..]), (SIZE - 3, b"end")] {
        let mut part = vec![0; text.len()];
        file.read_exact_at(&mut part, at).unwrap();
        assert_eq!(part, text);
    }
}

#[test]
fn a_hundred_thousand_files_come_back_as_the_same_bytes() {
    let mut trial = Trial::new();
    let names: Vec<_> = (0..100_000)
        .map(|n| format!("{:02}/{:02}/{:06}", n / 10_000, n / 500 % 20, n))
        .collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let folders: BTreeSet<_> = names
        .iter()
        .flat_map(|name| [format!("{}/", &name[..2]), format!("{}/", &name[..5])])
        .collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(folders.iter().map(String::as_str));
    all.sort_unstable();
    for name in all {
        if name.ends_with('/') {
            entries.push((EntryType::Directory, name, ""));
        } else {
            entries.push((EntryType::Regular, name, name));
        }
    }
    let content = tar_with_mode(&entries, 0o755);
    populate(&mut trial, &content).unwrap();
    trial
        .act(&json!({"artifact": "b"}), archive::execute)
        .unwrap();
    let packed = fs::File::open(trial.path("store/b")).unwrap();
    assert!(zstd::decode_all(packed).unwrap() == content);
}

#[test]
fn loops_of_links_and_what_else_is_in_a_workspace() {
    let mut trial = Trial::new();
    let place = trial.workspace();
    fs::create_dir_all(place.join("d/e")).unwrap();
    for (target, link) in [
        (".", "self"),
        ("b", "a"),
        ("a", "b"),
        ("../..", "d/e/up"),
        ("nowhere", "d/none"),
    ] {
        symlink(target, place.join(link)).unwrap();
    }
    fs::write(place.join("d/e/file"), "x").unwrap();
    trial
        .act(&json!({"artifact": "a"}), archive::execute)
        .unwrap();
    fs::remove_dir_all(&place).unwrap();
    fs::create_dir(&place).unwrap();
    trial
        .act(&json!({"artifact": "a"}), populate_workspace::execute)
        .unwrap();
    assert_eq!(fs::read_link(place.join("self")).unwrap(), Path::new("."));
    assert_eq!(fs::read_link(place.join("a")).unwrap(), Path::new("b"));
    assert_eq!(
        fs::read_to_string(place.join("d/e/up/d/e/file")).unwrap(),
        "x"
    );
    assert!(
        fs::symlink_metadata(place.join("d/none"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn attributes_and_long_names_by_the_real_tar() {
    let mut trial = Trial::new();
    let source = trial.path("source");
    let long = format!("{}/{}", "d".repeat(200), "ü".repeat(100));
    fs::create_dir_all(source.join(&long).parent().unwrap()).unwrap();
    fs::write(source.join(&long), "long").unwrap();
    symlink("t".repeat(200), source.join("link")).unwrap();
    rustix::fs::setxattr(
        source.join(&long),
        "user.note",
        b"two\nlines",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    for options in [&["--xattrs", "--format=pax"][..], &["--format=gnu"]] {
        let place = trial.workspace();
        populate(&mut trial, &by_tar(&source, options)).unwrap();
        assert_eq!(fs::read_to_string(place.join(&long)).unwrap(), "long");
        assert_eq!(
            fs::read_link(place.join("link")).unwrap(),
            Path::new(&"t".repeat(200))
        );
        let names = rustix::fs::listxattr(place.join(&long), &mut [0; 1024][..]).unwrap();
        assert_eq!(names, 0);
        fs::remove_dir_all(&place).unwrap();
        fs::create_dir(&place).unwrap();
    }
}
