//! Log frames: what is read is, written again, the very bytes; the controller takes a body whole or not
//! at all, and gives back what was in it.

#![no_main]

use ick_api::logframe::{FrameError, HEADER_LEN, Stream, frames};
use ick_controller::logs::{Error, Logs, Place};
use ick_core::build::LeaseId;
use ick_core::name::BuildId;
use ick_core::time::Timestamp;
use ick_http::{Hints, Shutdown};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static LOGS: LazyLock<Logs> = LazyLock::new(|| {
    Logs::open(FOLDER.path(), Hints::new(Shutdown::new())).expect("a folder for logs")
});
static BUILD: LazyLock<BuildId> = LazyLock::new(|| "p/1".parse().expect("a build"));
static LEASE: LazyLock<LeaseId> = LazyLock::new(|| LeaseId::new("lease"));

fuzz_target!(|body: &[u8]| {
    let mut written = Vec::new();
    let (mut payload, mut count) = (0, 0);
    let mut text = Vec::new();
    let mut wrong = None;
    for frame in frames(body) {
        match frame {
            Ok(frame) => {
                frame.encode_to(&mut written);
                let _ = frame.time.to_string();
                payload += frame.bytes.len() as u64;
                count += 1;
                if frame.stream != Stream::Ick {
                    text.extend_from_slice(frame.bytes);
                }
            }
            Err(error) => wrong = Some(error),
        }
    }
    assert!(body.starts_with(&written));
    let rest = &body[written.len()..];
    match wrong {
        None => assert!(rest.is_empty()),
        Some(FrameError::Stream(code)) => assert_eq!(rest.first(), Some(&code)),
        Some(FrameError::Cut) => {
            let length = rest
                .get(9..HEADER_LEN)
                .map(|l| u32::from_be_bytes(l.try_into().expect("4")));
            assert!(length.is_none_or(|length| rest.len() - HEADER_LEN < length as usize));
        }
    }

    let place = Place {
        build: &BUILD,
        lease: &LEASE,
        attempt: 1,
        action_id: "2",
    };
    match LOGS.append(&place, 0, body) {
        Ok(appended) => {
            assert_eq!(wrong, None);
            assert_eq!(appended.length, payload);
        }
        Err(Error::Frames(error)) => assert_eq!(Some(error), wrong),
        Err(error) => panic!("{error}"),
    }
    if wrong.is_some() {
        // Nothing of it was taken.
        assert_eq!(LOGS.length(&BUILD, &LEASE).expect("a length"), 0);
        return;
    }
    assert_eq!(
        LOGS.text_range(&BUILD, None).expect("a range"),
        0..text.len() as u64
    );
    let mut reader = LOGS.read_text(&BUILD, 0);
    let mut read = Vec::new();
    loop {
        let piece = reader.read(&LOGS, u64::MAX, 100).expect("the text is read");
        if piece.is_empty() {
            break;
        }
        read.extend(piece);
    }
    assert_eq!(read, text);
    let mut reader = LOGS.read_records(&BUILD, 0, Some(1));
    let mut records = 0;
    loop {
        let some = reader.read(&LOGS, 100).expect("the records are read");
        if some.is_empty() {
            break;
        }
        for record in &some {
            records += 1;
            assert_eq!(record.seq, records);
            serde_json::to_string(record).expect("JSON");
        }
    }
    assert_eq!(records, count);
    // The same bytes once more, as text of a report.
    let report = String::from_utf8_lossy(&text);
    let length = LOGS
        .append_report(&place, &report, "", None, Timestamp::default())
        .expect("a report is taken");
    assert_eq!(length, payload + report.len() as u64);
    LOGS.delete(&BUILD).expect("a log is deleted");
});
