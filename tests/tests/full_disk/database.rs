//! SQLite and its group commit, on a disk that fills under them.

use anyhow::{Context, Result, ensure};
use ick_state::{Database, Error, Options};
use ick_tests::{Disk, with_small_disks};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

const ROW: usize = 50_000;

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        application_id: 7,
        migrations: &["CREATE TABLE line (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT"],
    }
}

fn insert(database: &Database, number: u32) -> Result<(), Error> {
    database.write(|tx| {
        let bytes = vec![7_u8; ROW];
        tx.execute("INSERT INTO line VALUES (?1, ?2)", (number, bytes))?;
        Ok(())
    })
}

fn rows(database: &Database) -> Result<BTreeSet<u32>, Error> {
    database.read(|conn| {
        let mut statement = conn.prepare("SELECT number FROM line WHERE length(bytes) = 50000")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok::<_, Error>(rows.collect::<Result<_, _>>()?)
    })
}

/// Inserts from several threads until there is no room for any; what was acknowledged.
fn fill(database: &Database, from: u32) -> Result<BTreeSet<u32>> {
    let kept = Mutex::new(BTreeSet::new());
    let other = Mutex::new(None);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (kept, other) = (&kept, &other);
            scope.spawn(move || {
                for number in (from + thread..).step_by(4) {
                    match insert(database, number) {
                        Ok(()) => {
                            if let Ok(mut kept) = kept.lock() {
                                kept.insert(number);
                            }
                        }
                        Err(Error::Full(_)) => return,
                        Err(error) => {
                            if let Ok(mut other) = other.lock() {
                                *other = Some(error);
                            }
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Ok(Some(error)) = other.into_inner() {
        return Err(error.into());
    }
    kept.into_inner().ok().context("a thread panicked")
}

#[test]
fn what_was_committed_stays_and_the_rest_goes_on_when_there_is_room() -> Result<()> {
    with_small_disks(|| {
        let folder = tempfile::tempdir()?;
        let disk = Disk::mount(folder.path().join("disk"), 48)?;
        disk.leave(16 << 20)?;
        let path = disk.path().join("test.sqlite");
        let database = Database::open(&options(&path))?;
        let mut kept = fill(&database, 0)?;
        ensure!(kept.len() > 100, "{}", kept.len());
        // It is full, and stays usable for those who read.
        let mut more = 1_000_000..1_001_000;
        let error = more.find_map(|number| match insert(&database, number) {
            Err(error) => Some(error),
            // What was in the log has moved into the database meanwhile.
            Ok(()) => {
                kept.insert(number);
                None
            }
        });
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        ensure!(
            said.contains("no room left") && said.contains("free"),
            "{said}"
        );
        assert_eq!(rows(&database)?, kept);
        disk.make_room()?;
        insert(&database, 2_000_000)?;
        kept.insert(2_000_000);
        kept.extend(fill(&database, 3_000_000)?);
        assert_eq!(rows(&database)?, kept);
        assert_eq!(ick_state::database::problems(&options(&path))?, [""; 0]);
        drop(database);
        assert_eq!(rows(&Database::open(&options(&path))?)?, kept);
        Ok(())
    })
}

#[test]
fn others_can_fill_the_disk_and_what_is_deleted_is_still_recorded() -> Result<()> {
    with_small_disks(|| {
        let folder = tempfile::tempdir()?;
        let disk = Disk::mount(folder.path().join("disk"), 32)?;
        let path = disk.path().join("test.sqlite");
        let database = Database::open(&options(&path))?;
        for number in 0..40 {
            insert(&database, number)?;
        }
        disk.leave(0)?;
        assert_eq!(disk.free()?, 0);
        for number in 0..40 {
            database.write(|tx| {
                tx.execute("DELETE FROM line WHERE number = ?1", [number])?;
                Ok::<_, Error>(())
            })?;
        }
        assert_eq!(rows(&database)?, BTreeSet::new());
        Ok(())
    })
}

#[test]
fn without_room_it_is_not_opened_and_says_on_which_disk() -> Result<()> {
    with_small_disks(|| {
        let folder = tempfile::tempdir()?;
        let disk = Disk::mount(folder.path().join("disk"), 16)?;
        let path = disk.path().join("test.sqlite");
        disk.leave(0)?;
        let error = Database::open(&options(&path))
            .err()
            .context("it was opened")?;
        ensure!(matches!(error, Error::Full(_)), "{error:?}");
        let said = error.to_string();
        let disk_said = format!("the disk of {} has 0 bytes free", disk.path().display());
        ensure!(said.contains(&disk_said), "{said}");
        disk.make_room()?;
        insert(&Database::open(&options(&path))?, 1)?;
        Ok(())
    })
}
