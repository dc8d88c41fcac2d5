//! The controller's log files: whatever is in one, it is opened, read and appended to without a panic,
//! and what was appended is there. The checksums are put right first, or no change would get past them.

#![no_main]

use ick_api::logframe::{Frame, Stream};
use ick_controller::logs::{Logs, Place, check};
use ick_core::build::LeaseId;
use ick_core::name::BuildId;
use ick_core::time::Timestamp;
use ick_http::{Hints, Shutdown};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// The sizes of a file's header and of a chunk's.
const FILE_HEADER: usize = 16;
const CHUNK_HEADER: usize = 44;
/// How much is read at a time: what a controller reads when it is busy.
const MOST: usize = 8 << 10;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static LOGS: LazyLock<Logs> = LazyLock::new(|| {
    Logs::open(FOLDER.path(), Hints::new(Shutdown::new())).expect("a folder for logs")
});
static BUILD: LazyLock<BuildId> = LazyLock::new(|| "p/1".parse().expect("a build"));
static LEASE: LazyLock<LeaseId> = LazyLock::new(|| LeaseId::new("lease"));

fuzz_target!(|data: &[u8]| {
    let folder = FOLDER.path().join("p/0");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("1.log"), with_checksums(data)).expect("a file");
    let _ = check(FOLDER.path());
    if read_all() {
        let mut body = Vec::new();
        let frame = Frame {
            stream: Stream::Stdout,
            time: Timestamp::default(),
            bytes: b"more\n",
        };
        frame.encode_to(&mut body);
        let place = Place {
            build: &BUILD,
            lease: &LEASE,
            attempt: u32::MAX,
            action_id: "9",
        };
        let length = LOGS
            .length(&BUILD, &LEASE)
            .expect("what was opened has a length");
        match LOGS.append(&place, length, &body) {
            Ok(appended) => assert_eq!(appended.length, length + 5),
            Err(error) => panic!("{error}"),
        }
        read_all();
    }
    LOGS.delete(&BUILD).expect("a log is deleted");
});

/// Reads the text and the records; whether the file is a log at all.
fn read_all() -> bool {
    let Ok(range) = LOGS.text_range(&BUILD, None) else {
        return false;
    };
    for attempt in [0, 1, 2, u32::MAX] {
        let part = LOGS.text_range(&BUILD, Some(attempt)).expect("a range");
        assert!(part.start <= part.end && part.end <= range.end, "{part:?}");
    }
    for start in [range.start, range.end / 2] {
        let mut reader = LOGS.read_text(&BUILD, start);
        while let Ok(piece) = reader.read(&LOGS, u64::MAX, MOST) {
            if piece.is_empty() {
                break;
            }
        }
    }
    let mut reader = LOGS.read_records(&BUILD, 0, None);
    while let Ok(records) = reader.read(&LOGS, MOST) {
        if records.is_empty() {
            break;
        }
    }
    true
}

fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut file = data.to_vec();
    let mut at = FILE_HEADER;
    while let Some(chunk) = file.get_mut(at..).filter(|rest| rest.len() >= CHUNK_HEADER) {
        let len = u32::from_be_bytes(chunk[8..12].try_into().expect("4 bytes")) as usize;
        let end = (CHUNK_HEADER + len).min(chunk.len());
        let crc = crc32(&chunk[4..end]);
        chunk[..4].copy_from_slice(&crc.to_be_bytes());
        at += end;
    }
    file
}

/// CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}
