//! The state folder and atomic files.
#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use ick_state::{Error, StateFolder, atomic};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_is_private_and_has_one_user() {
    let above = TempDir::new().unwrap();
    let path = above.path().join("a/b");
    let first = StateFolder::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    let second = StateFolder::open(&path).unwrap_err();
    assert!(
        matches!(&second, Error::InUse { pid, .. } if *pid == Some(std::process::id())),
        "{second:?}"
    );
    drop(first);
    let third = StateFolder::open(&path).unwrap();
    assert_eq!(mode(&third.folder("blobs").unwrap()), 0o700);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let above = TempDir::new().unwrap();
    let path = above.path().join("file");
    std::fs::write(&path, "").unwrap();
    let error = StateFolder::open(path.join("state"))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[test]
fn a_file_is_replaced_whole_with_its_mode() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    for (text, bits) in [("one", 0o600), ("two", 0o644)] {
        atomic::write(&path, text.as_bytes(), bits).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(mode(&path), bits);
    }
    assert_eq!(entries(folder.path()), ["key"]);
    atomic::remove(&path).unwrap();
    atomic::remove(&path).unwrap();
    assert_eq!(entries(folder.path()), [""; 0]);
}

#[test]
fn a_failure_leaves_the_old_file_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    // A folder stands where the file is to be, so that the rename fails.
    let path = folder.path().join("key");
    std::fs::create_dir(&path).unwrap();
    let error = atomic::write(&path, b"new", 0o600).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    assert_eq!(entries(folder.path()), ["key"]);
    assert!(atomic::write(&folder.path().join("none/key"), b"new", 0o600).is_err());
    assert_eq!(entries(folder.path()), ["key"]);
}
