//! What an older program wrote is taken over.

use ick_core::digest::Digest;
use ick_store::names::{Kept, Names};
use rusqlite::Connection;

/// An index as version 1 left it: three names, two of which have one content, and an older version.
const SAVED: &str = "
INSERT INTO version (name, digest, size) VALUES
    ('a', x'0101010101010101010101010101010101010101010101010101010101010101', 10),
    ('b', x'0101010101010101010101010101010101010101010101010101010101010101', 10),
    ('b', x'0202020202020202020202020202020202020202020202020202020202020202', 20),
    ('c/d', x'0303030303030303030303030303030303030303030303030303030303030303', 300);
INSERT INTO name (name, digest, created, owner, revision, updated_by) VALUES
    ('a', x'0101010101010101010101010101010101010101010101010101010101010101', 1, 'me', 1, 'me'),
    ('b', x'0202020202020202020202020202020202020202020202020202020202020202', 2, 'me', 2, 'you'),
    ('c/d', x'0303030303030303030303030303030303030303030303030303030303030303', 3, 'me', 1, 'me');
INSERT INTO unreferenced (digest) VALUES
    (x'0404040404040404040404040404040404040404040404040404040404040404');
PRAGMA application_id = 0x49636b53;
PRAGMA user_version = 1;
";

#[test]
fn an_index_of_version_1_is_counted_once_and_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../src/migrations/0001.sql"))
        .unwrap();
    old.execute_batch(SAVED).unwrap();
    drop(old);
    let names = Names::open(&path).unwrap();
    let kept = |contents, bytes| assert_eq!(names.kept().unwrap(), Kept { contents, bytes });
    kept(3, 330);
    assert_eq!(names.list("", "", 9).unwrap().len(), 3);
    let content = |byte| Digest::from_bytes([byte; 32]);
    let forget = |name: &str, byte| {
        names
            .forget(&name.parse().unwrap(), &content(byte), |_| true)
            .unwrap()
    };
    // One of its names is left.
    forget("a", 1);
    kept(3, 330);
    forget("b", 1);
    kept(2, 320);
    // It was no content of that name.
    forget("a", 3);
    kept(2, 320);
    forget("b", 2);
    forget("c/d", 3);
    kept(0, 0);
}
