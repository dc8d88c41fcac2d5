//! What holds for logs: order, offsets, durability, seeking, crashes in the middle of a write.

mod damage;
mod reading;
mod writing;

use super::opened::path_of;
use super::*;
use ick_api::controller::LogRecord;
use ick_http::Shutdown;
use tempfile::TempDir;

struct World {
    logs: Option<Logs>,
    folder: TempDir,
    max_open: usize,
}

/// How much is read at a time.
const MOST: usize = 64 << 10;

fn hints() -> Hints<BuildId> {
    Hints::new(Shutdown::new())
}

fn build(number: u64) -> BuildId {
    format!("team/hello/{number}").parse().unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn frame(stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let time = at(5);
    Frame {
        stream,
        time,
        bytes,
    }
    .encode_to(&mut body);
    body
}

impl World {
    fn new() -> Self {
        Self::with(OPEN_LOGS)
    }

    fn with(max_open: usize) -> Self {
        let mut world = Self {
            logs: None,
            folder: TempDir::new().unwrap(),
            max_open,
        };
        world.restart();
        world
    }

    fn restart(&mut self) {
        self.logs = None;
        let logs = Logs::open_with(self.folder.path(), hints(), self.max_open);
        self.logs = Some(logs.unwrap());
    }

    fn logs(&self) -> &Logs {
        self.logs.as_ref().unwrap()
    }

    fn path(&self, number: u64) -> PathBuf {
        path_of(self.folder.path(), &build(number))
    }

    fn append(&self, lease: &str, action_id: &str, offset: u64, body: &[u8]) -> Result<u64, Error> {
        let place = Place {
            build: &build(1),
            lease: &LeaseId::new(lease),
            attempt: if lease == "L1" { 1 } else { 2 },
            action_id,
        };
        Ok(self.logs().append(&place, offset, body)?.length)
    }

    fn text(&self, from: u64) -> String {
        let mut reader = self.logs().read_text(&build(1), from);
        let mut text = Vec::new();
        loop {
            let some = reader.read(self.logs(), u64::MAX, MOST).unwrap();
            if some.is_empty() {
                assert_eq!(reader.position(), from + text.len() as u64);
                return String::from_utf8(text).unwrap();
            }
            text.extend(some);
        }
    }

    fn records(&self, after: u64, attempt: Option<u32>) -> Vec<LogRecord> {
        let mut reader = self.logs().read_records(&build(1), after, attempt);
        let mut records = Vec::new();
        loop {
            let some = reader.read(self.logs(), MOST).unwrap();
            if some.is_empty() {
                return records;
            }
            records.extend(some);
        }
    }
}

fn wrong_offset(result: &Result<u64, Error>) -> Option<u64> {
    match result {
        Err(Error::WrongOffset { length }) => Some(*length),
        _ => None,
    }
}
