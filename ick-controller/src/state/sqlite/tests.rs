//! SQLite does what the interface asks, migrates what older programs wrote, and scans nothing.

use super::{MIGRATIONS, Sqlite, check, file};
use crate::check::Report;
use crate::state::conformance::{EXAMPLES, at, go, new_build, worker};
use crate::state::{BuildFilter, Error, Kind, LeaseRecord, ObjectRecord, Removal, Stamp, Write};
use ick_core::build::{Artifact, BuildStatus, Event, LeaseId, Outcome};
use ick_core::digest::Digest;
use ick_core::name::WorkerId;
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[test]
fn it_conforms() {
    for (example, run) in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let state = Sqlite::open(folder.path()).unwrap();
        println!("{example}");
        run(&|work| state.write(|tx| work(tx)));
    }
}

fn saved(version: usize) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("src/state/migrations/saved/{version:03}.sql"))
}

fn definition(text: &Value) -> Map<String, Value> {
    text.as_object().unwrap().clone()
}

/// Something in every table, and a build of every status.
fn fill(tx: &dyn Write) -> Result<(), Error> {
    let me = "me".parse().unwrap();
    tx.put_object(&ObjectRecord {
        kind: Kind::Project,
        name: "p".to_owned(),
        definition: definition(
            &json!({"project": "p", "parameters": {}, "pipelines": ["q"], "timeout": "1h"}),
        ),
        made_by: Some("set".to_owned()),
        stamp: Stamp::new(&me, at(0)),
    })?;
    tx.put_object(&ObjectRecord {
        kind: Kind::Pipeline,
        name: "q".to_owned(),
        definition: definition(&json!({"pipeline": "q", "parameters": [],
            "actions": [{"shell": "it's 'true'\n", "where": "host"}]})),
        made_by: None,
        stamp: Stamp::new(&me, at(0)),
    })?;
    tx.put_worker(&worker("w"))?;
    let worker: WorkerId = "w".parse().unwrap();
    let hand_out = |lease: &str| Event::HandOut {
        worker: worker.clone(),
        slot: 1,
        lease: LeaseId::new(lease),
    };
    let report = |lease: &str, action: &str, outcome| Event::Report {
        lease: LeaseId::new(lease),
        action_id: action.to_owned(),
        outcome: Box::new(outcome),
    };
    let done = new_build(tx, "p", "host", at(0));
    let done = go(tx, &done, hand_out("a"), at(1));
    let done = go(tx, &done, report("a", "1", Outcome::exited(0)), at(2));
    let done = go(tx, &done, report("a", "2", Outcome::exited(0)), at(3));
    let failed = new_build(tx, "p", "container", at(4));
    let failed = go(tx, &failed, hand_out("b"), at(5));
    go(tx, &failed, report("b", "1", Outcome::exited(7)), at(6));
    let cancelled = new_build(tx, "p", "host", at(7));
    go(tx, &cancelled, Event::Cancel, at(8));
    new_build(tx, "p", "chroot", at(9));
    let building = new_build(tx, "p", "host", at(10));
    go(tx, &building, hand_out("c"), at(11));
    tx.insert_lease(&LeaseRecord {
        lease: LeaseId::new("c"),
        worker,
        slot: 1,
        build: building.key,
        run: "1".to_owned(),
        epoch: 1,
    })?;
    tx.remember_trigger(&"p".parse().unwrap(), "me", "key", building.key)?;
    tx.record_artifact(
        done.key,
        &Artifact {
            name: "a".parse().unwrap(),
            digest: Digest::from_bytes([7; 32]),
            size: 1,
        },
    )?;
    tx.insert_removal(&Removal::Log("old/1".parse().unwrap()), at(12))
}

/// A database as SQL text, without its schema: that is the migrations'.
fn dump(conn: &Connection) -> String {
    let mut text = String::new();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    // In the order of creation, so that what is referred to comes first.
    for table in names(
        // The counts are kept by triggers, and come with what they count.
        "SELECT name FROM sqlite_schema WHERE type = 'table'
         AND name NOT IN ('sqlite_sequence', 'build_counts') ORDER BY rowid",
    ) {
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<_> = columns.iter().map(|c| format!("quote(\"{c}\")")).collect();
        let sql = format!("SELECT {} FROM {table}", quoted.join(" || ', ' || "));
        for row in names(&sql) {
            let columns = columns.join(", ");
            writeln!(text, "INSERT INTO {table} ({columns}) VALUES ({row});").unwrap();
        }
    }
    text
}

/// A database as the program of a version left it.
fn restore(folder: &Path, version: usize, rows: &str) {
    let conn = Connection::open(file(folder)).unwrap();
    for migration in &MIGRATIONS[..version] {
        conn.execute_batch(migration).unwrap();
    }
    conn.execute_batch(rows).unwrap();
    conn.pragma_update(None, "application_id", super::APPLICATION_ID)
        .unwrap();
    conn.pragma_update(None, "user_version", i64::try_from(version).unwrap())
        .unwrap();
}

#[test]
fn databases_of_every_version_are_migrated_with_what_is_in_them() {
    if std::env::var_os("UPDATE").is_some() {
        let folder = tempfile::tempdir().unwrap();
        Sqlite::open(folder.path()).unwrap().write(fill).unwrap();
        let text = dump(&Connection::open(file(folder.path())).unwrap());
        // What an older program wrote stays as it wrote it.
        let path = saved(MIGRATIONS.len());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for version in 1..=MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let rows = std::fs::read_to_string(saved(version)).unwrap();
        restore(folder.path(), version, &rows);
        let state = Sqlite::open(folder.path()).unwrap();
        let mut report = Report::default();
        check(folder.path(), &mut report).unwrap();
        assert_eq!((report.builds, report.damage), (5, vec![]));
        state
            .write(|tx| {
                for (status, count) in [
                    (BuildStatus::Triggered, 1),
                    (BuildStatus::Building, 1),
                    (BuildStatus::Done, 1),
                    (BuildStatus::Failed, 1),
                    (BuildStatus::Cancelled, 1),
                ] {
                    let filter = BuildFilter {
                        project: None,
                        status: Some(status),
                    };
                    let found = tx.builds(&filter, None, 9)?;
                    assert_eq!(found.len(), count, "{status}");
                    assert_eq!(found[0].state.status, status);
                    assert_eq!(tx.count(status)?, 1, "{status}");
                }
                let project = "p".parse().unwrap();
                assert_eq!(tx.triggered_with(&project, "me", "key")?, Some(5));
                assert_eq!(tx.lease_of(&"w".parse().unwrap(), 1)?.unwrap().build, 5);
                assert_eq!(tx.workers()?, [worker("w")]);
                assert_eq!(tx.objects_of_set(Kind::Project, "set")?, ["p"]);
                assert_eq!(tx.removals(at(12), 9)?.len(), 1);
                assert_eq!(tx.next_number(&project)?, 6);
                Ok::<_, Error>(())
            })
            .unwrap();
    }
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    Sqlite::open(folder.path()).unwrap().write(fill).unwrap();
    let damage = |sql: &str| {
        let conn = Connection::open(file(folder.path())).unwrap();
        conn.execute_batch(sql).unwrap();
        let mut report = Report::default();
        check(folder.path(), &mut report).unwrap();
        report.damage
    };
    assert_eq!(damage(""), [""; 0]);
    let found = damage("UPDATE builds SET status = 'done' WHERE status = 'triggered'");
    assert_eq!(
        found,
        ["build p/4: its column says done, its state triggered"]
    );
    damage("UPDATE builds SET status = 'triggered' WHERE seq = 4");
    let found = damage("UPDATE build_counts SET count = 7 WHERE status = 'done'");
    assert_eq!(
        found,
        ["the count of builds that are done is 7, and there are 1"]
    );
    damage("UPDATE build_counts SET count = 1 WHERE status = 'done'");
    let found = damage("UPDATE builds SET state = '{}' WHERE seq = 3");
    assert!(found[0].contains("build p/3"), "{found:?}");
}

/// Queries that a server with a million builds is asked all the time: each must find its rows by an
/// index, and get them in order without sorting.
#[test]
fn nothing_is_scanned_or_sorted() {
    let folder = tempfile::tempdir().unwrap();
    drop(Sqlite::open(folder.path()).unwrap());
    let conn = Connection::open(file(folder.path())).unwrap();
    for sql in super::lists::QUERIES {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
        let values = rusqlite::params_from_iter(unbound);
        let lines = statement
            .query_map(values, |row| row.get::<_, String>(3))
            .unwrap();
        for line in lines.map(Result::unwrap) {
            let searched = line.starts_with("SEARCH builds USING")
                || line.starts_with("SEARCH build_counts USING");
            assert!(searched, "{sql}: {line}");
        }
    }
}
