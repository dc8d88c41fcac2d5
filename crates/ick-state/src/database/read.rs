//! The readers: a few read-only connections, each opened when it is first needed.

use super::open;
use crate::Error;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

const MOST: usize = 4;

pub(super) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    opened: usize,
}

/// A connection that is out of the pool. Where it is not given back whole (an error, a panic) it is
/// closed and its place becomes free.
struct Lent<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.conn.take() {
            Some(conn) if conn.is_autocommit() && !std::thread::panicking() => pool.idle.push(conn),
            _ => pool.opened -= 1,
        }
        self.readers.returned.notify_one();
    }
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self) -> Lent<'_> {
        let mut pool = self.lock();
        loop {
            let conn = pool.idle.pop();
            if conn.is_none() && pool.opened == MOST {
                pool = self
                    .returned
                    .wait(pool)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if conn.is_none() {
                pool.opened += 1;
            }
            return Lent {
                readers: self,
                conn,
            };
        }
    }

    pub(super) fn read<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut lent = self.lend();
        let conn = match lent.conn.take() {
            Some(conn) => conn,
            None => open::reader(&self.path)?,
        };
        let conn = lent.conn.insert(conn);
        run(conn, "BEGIN")?;
        let answer = read(conn);
        run(conn, "COMMIT")?;
        answer
    }
}

fn run(conn: &Connection, statement: &str) -> Result<(), Error> {
    conn.prepare_cached(statement)?.execute([])?;
    Ok(())
}
