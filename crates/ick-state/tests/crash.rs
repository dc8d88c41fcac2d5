//! What was answered survives `kill -9`: this test program runs itself again as the victim.
#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use ick_state::{Database, Error, Options, StateFolder, database};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const FOLDER: &str = "ICK_STATE_TEST_FOLDER";

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        application_id: 77,
        migrations: &["CREATE TABLE done (n INTEGER PRIMARY KEY) STRICT"],
    }
}

fn again(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the victim of the test below"]
fn victim_writes() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = StateFolder::open(folder).unwrap();
    let db = Database::open(&options(&folder.join("test.sqlite"))).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..1_000_000 {
                    let n = n * 8 + thread;
                    db.write(|tx| Ok::<_, Error>(tx.execute("INSERT INTO done VALUES (?)", [n])?))
                        .unwrap();
                    writeln!(std::io::stdout().lock(), "wrote {n}").unwrap();
                }
            });
        }
    });
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = TempDir::new().unwrap();
    let mut victim = again("victim_writes", folder.path());
    let mut answered = BTreeSet::new();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let number = |line: &str| {
        line.strip_prefix("wrote ")
            .and_then(|n| n.parse::<i64>().ok())
    };
    while answered.len() < 300 {
        answered.extend(number(&lines.next().unwrap().unwrap()));
    }

    let second = StateFolder::open(folder.path());
    assert!(
        matches!(second, Err(Error::InUse { pid: Some(pid), .. }) if pid == victim.id()),
        "{second:?}"
    );
    let text = second.unwrap_err().to_string();
    assert!(
        text.contains(&folder.path().display().to_string()),
        "{text}"
    );

    victim.kill().unwrap();
    victim.wait().unwrap();
    answered.extend(lines.map_while(Result::ok).filter_map(|line| number(&line)));

    let left = unfinished_file(folder.path());
    let state = StateFolder::open(folder.path()).unwrap();
    assert!(!left.exists());
    let path = state.join("test.sqlite");
    let db = Database::open(&options(&path)).unwrap();
    let there: BTreeSet<i64> = db
        .read(|conn| {
            conn.prepare("SELECT n FROM done")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()
                .map_err(Error::from)
        })
        .unwrap();
    assert!(answered.is_subset(&there));
    assert_eq!(
        database::problems(&options(&path)).unwrap(),
        Vec::<String>::new()
    );
}

fn unfinished_file(folder: &Path) -> std::path::PathBuf {
    let left = folder.join(".writing-left");
    std::fs::write(&left, "half").unwrap();
    left
}
