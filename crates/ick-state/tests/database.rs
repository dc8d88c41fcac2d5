//! The database: shared commits, what is rolled back, what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]

use ick_state::{Database, Error, Options, Transaction, database};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MIGRATIONS: &[&str] = &[
    "CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT;
     CREATE TABLE thing (name TEXT PRIMARY KEY, parent INTEGER REFERENCES parent, bytes BLOB) STRICT;",
];

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        application_id: 0x1c4b_0001,
        migrations: MIGRATIONS,
    }
}

fn fresh() -> (TempDir, Database) {
    let folder = TempDir::new().unwrap();
    let db = Database::open(&options(&folder.path().join("test.sqlite"))).unwrap();
    (folder, db)
}

fn insert(tx: &Transaction<'_>, name: &str) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO thing (name) VALUES (?)")?
        .execute([name])?;
    Ok(())
}

fn names(db: &Database) -> Vec<String> {
    db.read(|conn| {
        conn.prepare_cached("SELECT name FROM thing ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()
            .map_err(Error::from)
    })
    .unwrap()
}

fn wait_until(fact: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fact() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

#[test]
fn a_lone_write_commits_at_once_and_is_read() {
    let (_folder, db) = fresh();
    for name in ["a", "b"] {
        db.write(|tx| insert(tx, name)).unwrap();
    }
    assert_eq!(names(&db), ["a", "b"]);
    assert_eq!(
        db.counts(),
        database::Counts {
            writes: 2,
            commits: 2,
            waiting: 0
        }
    );
}

#[test]
fn writes_that_wait_together_share_one_commit() {
    let (_folder, db) = fresh();
    let (inside, is_inside) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let db = &db;
        scope.spawn(move || {
            db.write(|tx| {
                inside.send(()).unwrap();
                may_go.recv().unwrap();
                insert(tx, "first")
            })
            .unwrap();
        });
        is_inside.recv().unwrap();
        // While the first has its turn, the others come and wait.
        for n in 0..31 {
            scope.spawn(move || db.write(|tx| insert(tx, &format!("n{n:02}"))).unwrap());
        }
        wait_until(|| db.counts().waiting == 31);
        go.send(()).unwrap();
    });
    let counts = db.counts();
    assert_eq!(counts.writes, 32);
    assert!(counts.commits < 16, "{counts:?}");
    assert_eq!(names(&db).len(), 32);
}

#[test]
fn an_error_and_a_panic_are_rolled_back_alone() {
    let (_folder, db) = fresh();
    std::thread::scope(|scope| {
        let db = &db;
        for n in 0..30 {
            scope.spawn(move || {
                let wrote = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    db.write(|tx| {
                        insert(tx, &format!("n{n:02}"))?;
                        match n % 3 {
                            0 => Ok(n),
                            1 => Err(Error::Other("no".to_owned())),
                            _ => panic!("a bug"),
                        }
                    })
                }));
                match n % 3 {
                    0 => assert!(matches!(wrote, Ok(Ok(got)) if got == n)),
                    1 => assert!(matches!(wrote, Ok(Err(Error::Other(text))) if text == "no")),
                    _ => assert!(wrote.is_err()),
                }
            });
        }
    });
    let kept: Vec<String> = (0..30).step_by(3).map(|n| format!("n{n:02}")).collect();
    assert_eq!(names(&db), kept);
    assert_eq!(db.counts().writes, 10);
}

#[test]
fn later_turns_see_earlier_ones_and_constraints_hold() {
    let (_folder, db) = fresh();
    let kept = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| db.write(|tx| insert(tx, "one")).is_ok()))
            .collect();
        tries
            .into_iter()
            .map(|t| t.join().unwrap())
            .filter(|ok| *ok)
            .count()
    });
    assert_eq!(kept, 1);
    let dangling = db.write(|tx| {
        tx.execute("INSERT INTO thing (name, parent) VALUES ('x', 9)", [])?;
        Ok::<_, Error>(())
    });
    assert!(matches!(dangling, Err(Error::Other(_))), "{dangling:?}");
}

#[test]
fn a_full_database_says_so_and_goes_on() {
    let (_folder, db) = fresh();
    db.write(|tx| {
        insert(tx, "before")?;
        let pages: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        tx.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(()))?;
        Ok::<_, Error>(())
    })
    .unwrap();
    let big = db.write(|tx| {
        tx.execute(
            "INSERT INTO thing VALUES ('big', NULL, zeroblob(1000000))",
            [],
        )?;
        Ok::<_, Error>(())
    });
    assert!(matches!(big, Err(Error::Full(_))), "{big:?}");
    db.write(|tx| insert(tx, "after")).unwrap();
    assert_eq!(names(&db), ["after", "before"]);
}

#[test]
fn a_failed_commit_is_told_to_everyone_who_shares_it() {
    let (_folder, db) = fresh();
    let (inside, is_inside) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let db = &db;
        // References that are checked by the commit: one bad write makes it fail for all.
        let bad = scope.spawn(move || {
            db.write(|tx| {
                inside.send(()).unwrap();
                may_go.recv().unwrap();
                tx.execute_batch(
                    "PRAGMA defer_foreign_keys = ON; INSERT INTO thing VALUES ('bad', 9, NULL)",
                )?;
                Ok::<_, Error>(())
            })
        });
        is_inside.recv().unwrap();
        let shares = scope.spawn(move || {
            db.write(|tx| {
                // Whether this turn shares the bad commit is told by what it sees.
                let shared = tx.query_row("SELECT count(*) FROM thing", [], |r| r.get(0));
                insert(tx, "innocent")?;
                Ok::<i64, Error>(shared?)
            })
        });
        wait_until(|| db.counts().waiting == 1);
        go.send(()).unwrap();
        assert!(bad.join().unwrap().is_err());
        let shared = shares.join().unwrap();
        match &shared {
            Ok(seen) => assert_eq!((*seen, names(db)), (0, vec!["innocent".to_owned()])),
            Err(error) => assert!(names(db).is_empty(), "{error}"),
        }
    });
    db.write(|tx| insert(tx, "good")).unwrap();
    assert!(names(&db).contains(&"good".to_owned()));
}

#[test]
fn readers_do_not_wait_for_a_writer_and_cannot_write() {
    let (_folder, db) = fresh();
    db.write(|tx| {
        insert(tx, "a")?;
        assert!(names(&db).is_empty());
        Ok::<_, Error>(())
    })
    .unwrap();
    let wrote = db.read(|conn| {
        conn.execute("DELETE FROM thing", [])?;
        Ok::<_, Error>(())
    });
    assert!(wrote.is_err());
    assert_eq!(names(&db), ["a"]);
}

#[test]
fn many_readers_share_few_connections() {
    let (_folder, db) = fresh();
    db.write(|tx| insert(tx, "a")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(names(&db), ["a"]);
                }
            });
        }
        for _ in 0..8 {
            scope.spawn(|| {
                let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    db.read(|_| -> Result<(), Error> { panic!("a bug") })
                }));
                assert!(panicked.is_err());
            });
        }
    });
    assert_eq!(names(&db), ["a"]);
}

#[test]
fn newer_and_foreign_databases_are_refused_untouched() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.sqlite");
    drop(Database::open(&options(&path)).unwrap());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "closed cleanly: no write-ahead log left"
    );
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let newer = Database::open(&options(&path)).unwrap_err();
    assert!(
        matches!(
            newer,
            Error::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{newer:?}"
    );
    assert!(newer.to_string().contains("newer program"), "{newer}");
    let other = Options {
        application_id: 7,
        ..options(&path)
    };
    assert!(matches!(Database::open(&other), Err(Error::Foreign(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "what is this? ".repeat(100)).unwrap();
    assert!(matches!(
        Database::open(&options(&path)),
        Err(Error::Corrupt(_))
    ));
}

#[test]
fn migrations_run_once_each_over_what_is_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.sqlite");
    let db = Database::open(&options(&path)).unwrap();
    db.write(|tx| insert(tx, "old")).unwrap();
    drop(db);
    let steps = [MIGRATIONS[0], "ALTER TABLE thing ADD COLUMN note TEXT;"];
    let newer = Options {
        migrations: &steps,
        ..options(&path)
    };
    for _ in 0..2 {
        let db = Database::open(&newer).unwrap();
        assert_eq!(names(&db), ["old"]);
    }
    let broken = [steps[0], steps[1], "CREATE TABLE half (a); nonsense;"];
    let broken = Options {
        migrations: &broken,
        ..options(&path)
    };
    assert!(Database::open(&broken).is_err());
    let db = Database::open(&newer).unwrap();
    assert!(
        db.write(|tx| Ok::<_, Error>(tx.execute("CREATE TABLE half (a)", [])?))
            .is_ok()
    );
}

#[test]
fn a_database_opened_to_read_is_not_changed() {
    let (folder, db) = fresh();
    let path = folder.path().join("test.sqlite");
    db.write(|tx| insert(tx, "a")).unwrap();
    let reading = Database::open_to_read(&options(&path)).unwrap();
    assert_eq!(names(&reading), ["a"]);
    assert!(reading.write(|tx| insert(tx, "b")).is_err());
    assert!(Database::open_to_read(&options(&folder.path().join("none"))).is_err());
    let steps = [MIGRATIONS[0], "ALTER TABLE thing ADD COLUMN note TEXT;"];
    let newer = Options {
        migrations: &steps,
        ..options(&path)
    };
    let error = Database::open_to_read(&newer).unwrap_err().to_string();
    assert!(error.contains("older program"), "{error}");
}

#[test]
fn the_check_finds_damage() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.sqlite");
    let db = Database::open(&options(&path)).unwrap();
    for n in 0..500 {
        db.write(|tx| insert(tx, &format!("{n}{}", "x".repeat(200))))
            .unwrap();
    }
    assert_eq!(
        database::problems(&options(&path)).unwrap(),
        Vec::<String>::new()
    );
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xaa);
    std::fs::write(&path, bytes).unwrap();
    assert!(!database::problems(&options(&path)).unwrap().is_empty());
}
