//! System trees: packed and unpacked as root, with the real tar as the judge of both.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use super::super::archive::{Owners, Packing, pack};
use super::super::globs::Globs;
use super::super::xattrs::Attributes;
use super::{Room, Rules, Unpacked, unpack};
use crate::beneath;
use ick_core::build::Cause;
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

/// `cap_net_raw` and others, in a value with a zero and a line's end in it.
const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0x0a, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

/// A small tree with what only trees may have; none where only root may make one.
fn tree() -> Option<tempfile::TempDir> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    for folder in ["tmp", "etc", "home/build", "dev"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["etc/shadow", "ping", "sudo", "home/build/own"] {
        fs::write(at(file), file).unwrap();
    }
    symlink("/etc/alternatives/vi", at("vi")).unwrap();
    symlink("../../../outside", at("etc/up")).unwrap();
    let made = rustix::fs::mknodat(CWD, at("dev/fifo"), FileType::Fifo, Mode::RUSR, 0);
    made.unwrap();
    let null = rustix::fs::makedev(1, 3);
    rustix::fs::mknodat(
        CWD,
        at("dev/null"),
        FileType::CharacterDevice,
        Mode::RUSR,
        null,
    )
    .unwrap();
    chown(at("etc/shadow"), Some(0), Some(42)).unwrap();
    chown(at("tmp"), Some(7), Some(65_535)).unwrap();
    chown(at("home/build"), Some(1000), Some(1000)).unwrap();
    chown(at("home/build/own"), Some(1000), Some(1001)).unwrap();
    chown(at("sudo"), Some(33), Some(34)).unwrap();
    lchown(at("vi"), Some(5), Some(6)).unwrap();
    for (name, mode) in [("etc/shadow", 0o640), ("tmp", 0o1777), ("sudo", 0o6755)] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    attribute(&at("ping"), "security.capability", &CAPABILITY);
    attribute(&at("ping"), "user.note", b"a\nb\0c=d");
    attribute(&at("ping"), "trusted.note", b"of this machine");
    attribute(&at("etc"), "user.folder", b"");
    Some(place)
}

fn packed(tree: &Path) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut packing = Packing {
        globs: Globs::new("paths", &[]).unwrap(),
        mtime: None,
        owners: Owners::Tree,
    };
    pack(beneath::root(tree).unwrap(), &mut packing, &mut archive).unwrap();
    archive
}

fn unpacked(into: &Path, archive: &[u8]) -> Result<Unpacked, Cause> {
    let room = Room {
        limit: 1 << 30,
        used: 0,
    };
    let name = "tree".parse().unwrap();
    unpack(
        &name,
        beneath::root(into).unwrap(),
        archive,
        room,
        Rules::Tree,
    )
}

/// Path, owner, group, mode, size, time, link's target and attributes of everything, by path.
fn listed(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let (path, about) = entry
                .map(|one| (one.path(), one.metadata().unwrap()))
                .unwrap();
            let kept = if about.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else if about.is_file() || about.is_dir() {
                format!(
                    "{:?}",
                    Attributes::of(fs::File::open(&path).unwrap()).unwrap().kept
                )
            } else {
                String::new()
            };
            let (size, time) = if about.is_file() {
                (about.len(), about.mtime())
            } else {
                (0, 0)
            };
            lines.push(format!(
                "{} {}:{} {:o} {size} {time} {kept}",
                path.strip_prefix(folder).unwrap().display(),
                about.uid(),
                about.gid(),
                about.mode(),
            ));
            if about.is_dir() {
                waiting.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// The same, without what is left out and with what is the build user's as root's.
fn expected(tree: &Path) -> Vec<String> {
    let lines = listed(tree).into_iter();
    lines
        .filter(|line| !line.starts_with("dev/"))
        .map(|line| line.replace(" 1000:", " 0:").replace(":1000 ", ":0 "))
        .collect()
}

#[test]
fn a_tree_comes_back_with_owners_modes_links_and_attributes() {
    let Some(tree) = tree() else { return };
    let archive = packed(tree.path());
    assert_eq!(archive, packed(tree.path()));
    for content in [&archive, &zstd::encode_all(&archive[..], 3).unwrap()] {
        let into = tempfile::tempdir().unwrap();
        let done = unpacked(into.path(), content).unwrap();
        assert_eq!(done.entries, 11);
        let back = listed(into.path());
        assert_eq!(back, expected(tree.path()));
        assert!(
            back.iter()
                .any(|line| line.starts_with("home/build/own 0:1001 ")),
            "{back:?}"
        );
        assert!(
            back.iter()
                .any(|line| line.starts_with("sudo 33:34 106755 ")),
            "{back:?}"
        );
    }
}

#[test]
fn the_real_tar_reads_what_is_packed_and_packs_what_is_unpacked() {
    let Some(tree) = tree() else { return };
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("tree.tar");
    let tar = |arguments: &[&str], folder: &Path| {
        let mut command = Command::new("tar");
        command.args(["--numeric-owner", "--xattrs", "--xattrs-include=*"]);
        let ended = command
            .args(arguments)
            .arg("-f")
            .arg(&file)
            .arg("-C")
            .arg(folder)
            .arg(".")
            .status();
        assert!(ended.unwrap().success(), "{arguments:?}");
    };
    fs::write(&file, packed(tree.path())).unwrap();
    // A name for "." is what tar was asked for.
    let by_tar = place.path().join("by-tar");
    fs::create_dir(&by_tar).unwrap();
    let ended = Command::new("tar")
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(&file)
        .arg("-C")
        .arg(&by_tar)
        .status();
    assert!(ended.unwrap().success());
    assert_eq!(listed(&by_tar), expected(tree.path()));
    tar(&["--exclude=./home", "-c"], tree.path());
    let into = tempfile::tempdir().unwrap();
    unpacked(into.path(), &fs::read(&file).unwrap()).unwrap();
    let mut expected = expected(tree.path());
    expected.retain(|line| !line.starts_with("home"));
    assert_eq!(listed(into.path()), expected);
}

#[test]
fn an_owner_that_no_tree_has_is_refused() {
    for (uid, gid, told) in [
        (
            65_536,
            0,
            "belongs to the user 65536, and those of a tree go up to 65535",
        ),
        (0, 4_294_967_296, "belongs to the group 4294967296"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_path("f").unwrap();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &[][..]).unwrap();
        let into = tempfile::tempdir().unwrap();
        let why = unpacked(into.path(), &builder.into_inner().unwrap()).unwrap_err();
        assert!(why.detail.contains(told), "{why:?}");
        assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);
    }
}
