//! The writer: turns on one connection, and commits that are shared.

use super::{Counts, reserve};
use crate::Error;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use rusqlite::Connection;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A commit is not put off further for those still waiting once it is shared by so many writes,
const MOST_WRITES: usize = 512;
/// or once its first write is so old.
const MOST_WAIT: Duration = Duration::from_millis(20);

/// The writing connection during one's turn: a proof that the caller is inside a transaction that
/// nobody else writes in.
pub struct Transaction<'a>(&'a Connection);

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Transaction").finish()
    }
}

pub(super) struct Writer {
    /// How many callers want a turn and have not got it. Whoever is counted here will have one, and
    /// so can be left the commit.
    waiting: AtomicUsize,
    turn: Mutex<Turn>,
    writes: AtomicU64,
    commits: AtomicU64,
    durations: Histogram,
}

struct Turn {
    conn: Connection,
    path: PathBuf,
    open: Option<Open>,
    /// Whether the write-ahead log has its reserve.
    reserved: bool,
}

/// A transaction that has begun and is not committed.
struct Open {
    shared: Arc<Shared>,
    since: Instant,
    turns: usize,
    kept: u64,
}

/// The commit that several callers wait for.
#[derive(Default)]
struct Shared {
    outcome: Mutex<Option<Result<(), Error>>>,
    decided: Condvar,
}

impl Shared {
    fn decide(&self, outcome: Result<(), Error>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.decided.notify_all();
    }

    fn wait(&self) -> Result<(), Error> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(decided) = outcome.as_ref() {
                return decided.clone();
            }
            outcome = self
                .decided
                .wait(outcome)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Writer {
    pub(super) fn new(conn: Connection, path: PathBuf) -> Self {
        let reserved = reserve::keep(&path);
        Self {
            waiting: AtomicUsize::new(0),
            turn: Mutex::new(Turn {
                conn,
                path,
                open: None,
                reserved,
            }),
            writes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            // 0.1 ms to 6.6 s.
            durations: Histogram::new(exponential_buckets(0.0001, 4.0, 9)),
        }
    }

    pub(super) fn durations(&self) -> Histogram {
        self.durations.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            writes: self.writes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    pub(super) fn write<T, E: From<Error>>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // Closures' panics are caught below, and nothing else in here panics.
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let ran = turn
            .begin()
            .and_then(|shared| turn.run(write).map(|answer| (shared, answer)));
        // Whatever became of this write: those before it may be waiting for a commit.
        if self.waiting.load(Ordering::SeqCst) == 0 || turn.is_due() {
            turn.commit(self);
        }
        drop(turn);
        let (shared, answer) = ran?;
        let committed = shared.wait();
        match answer {
            Err(panic) => resume_unwind(panic),
            // A refusal, too, may rest on what others had written: it holds only when that was
            // committed.
            Ok(answer) => committed.map_err(E::from).and(answer),
        }
    }
}

type Answer<T, E> = std::thread::Result<Result<T, E>>;

impl Turn {
    /// The transaction that is open, or a new one.
    fn begin(&mut self) -> Result<Arc<Shared>, Error> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(&open.shared));
        }
        execute(&self.conn, "BEGIN IMMEDIATE").map_err(|error| error.on_disk_of(&self.path))?;
        let shared = Arc::<Shared>::default();
        self.open = Some(Open {
            shared: Arc::clone(&shared),
            since: Instant::now(),
            turns: 0,
            kept: 0,
        });
        Ok(shared)
    }

    fn run<T, E>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<Answer<T, E>, Error> {
        execute(&self.conn, "SAVEPOINT turn")?;
        let answer = catch_unwind(AssertUnwindSafe(|| write(&Transaction(&self.conn))));
        if self.conn.is_autocommit() {
            // SQLite gives a whole transaction up when it runs out of disk or memory in the middle
            // of a statement. What the others had written is gone with it.
            self.give_up(Error::Full(
                "the transaction was given up by a write that ran out of disk or memory".to_owned(),
            ));
            return Ok(answer);
        }
        let keep = matches!(answer, Ok(Ok(_)));
        let ended = if keep {
            execute(&self.conn, "RELEASE turn")
        } else {
            execute(&self.conn, "ROLLBACK TO turn")
                .and_then(|()| execute(&self.conn, "RELEASE turn"))
        };
        if let Err(error) = ended {
            // It is not known what the transaction holds now.
            self.give_up(error);
            return Ok(answer);
        }
        if let Some(open) = &mut self.open {
            open.turns += 1;
            open.kept += u64::from(keep);
        }
        Ok(answer)
    }

    fn is_due(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.turns >= MOST_WRITES || open.since.elapsed() >= MOST_WAIT)
    }

    fn commit(&mut self, writer: &Writer) {
        let Some(open) = &self.open else { return };
        if open.kept == 0 {
            let _ = execute(&self.conn, "ROLLBACK");
            if let Some(open) = self.open.take() {
                open.shared.decide(Ok(()));
            }
            return;
        }
        let begun = Instant::now();
        match execute(&self.conn, "COMMIT") {
            Err(error) => self.give_up(error),
            Ok(()) => {
                writer.durations.observe(begun.elapsed().as_secs_f64());
                if !self.reserved {
                    self.reserved = reserve::keep(&self.path);
                }
                if let Some(open) = self.open.take() {
                    writer.writes.fetch_add(open.kept, Ordering::Relaxed);
                    writer.commits.fetch_add(1, Ordering::Relaxed);
                    open.shared.decide(Ok(()));
                }
            }
        }
    }

    /// Rolls everything back that is not committed, and tells everyone who waits for it.
    fn give_up(&mut self, error: Error) {
        let error = error.on_disk_of(&self.path);
        // Some of the reserve may be in use, and more when there is room again.
        self.reserved = false;
        if !self.conn.is_autocommit() {
            let _ = execute(&self.conn, "ROLLBACK");
        }
        if let Some(open) = self.open.take() {
            tracing::warn!(writes = open.kept, %error, "a commit failed");
            open.shared.decide(Err(error));
        }
    }
}

fn execute(conn: &Connection, statement: &str) -> Result<(), Error> {
    conn.prepare_cached(statement)?.execute([])?;
    Ok(())
}
