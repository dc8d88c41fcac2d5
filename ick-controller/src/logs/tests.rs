//! What holds for logs: order, offsets, durability, seeking, crashes in the middle of a write.

use super::opened::path_of;
use super::*;
use ick_api::controller::LogRecord;
use ick_http::Shutdown;
use proptest::prelude::*;
use std::time::{Duration, Instant};
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

#[test]
fn offsets_count_all_payload_of_the_lease_and_nothing_is_taken_twice() {
    let mut world = World::new();
    assert_eq!(world.append("L1", "1", 0, &[]).unwrap(), 0);
    assert!(!world.path(1).exists(), "asking makes no log");
    let mut body = frame(Stream::Stdout, b"out\n");
    body.extend(frame(Stream::Ick, b"says ick\n"));
    body.extend(frame(Stream::Stderr, b"err\n"));
    assert_eq!(world.append("L1", "1", 0, &body).unwrap(), 17);
    assert_eq!(wrong_offset(&world.append("L1", "1", 0, &body)), Some(17));
    assert_eq!(wrong_offset(&world.append("L1", "1", 99, &body)), Some(17));
    world.restart();
    assert_eq!(world.append("L1", "2", 0, &[]).unwrap(), 17);
    world
        .logs()
        .say(&build(1), 1, "2", "not counted", at(6))
        .unwrap();
    assert_eq!(world.append("L1", "2", 17, &body).unwrap(), 34);
    // A new lease begins anew, also over a restart.
    assert_eq!(
        world.logs().length(&build(1), &LeaseId::new("L2")).unwrap(),
        0
    );
    assert_eq!(
        world
            .append("L2", "1", 0, &frame(Stream::Stdout, b"again\n"))
            .unwrap(),
        6
    );
    world.restart();
    assert_eq!(wrong_offset(&world.append("L2", "1", 0, &body)), Some(6));
    assert_eq!(world.text(0), "out\nerr\nout\nerr\nagain\n");
    assert_eq!(world.text(4), "err\nout\nerr\nagain\n");
    let range = |attempt| world.logs().text_range(&build(1), attempt).unwrap();
    assert_eq!(
        [range(None), range(Some(1)), range(Some(2)), range(Some(3))],
        [0..22, 0..16, 16..22, 22..22]
    );
    let seen: Vec<_> = world
        .records(1, Some(1))
        .into_iter()
        .map(|r| (r.seq, r.action_id, r.stream, r.text.unwrap()))
        .collect();
    let expected = [
        (2, "1", Stream::Ick, "says ick\n"),
        (3, "1", Stream::Stderr, "err\n"),
        (4, "2", Stream::Ick, "not counted\n"),
        (5, "2", Stream::Stdout, "out\n"),
        (6, "2", Stream::Ick, "says ick\n"),
        (7, "2", Stream::Stderr, "err\n"),
    ];
    let expected =
        expected.map(|(seq, id, stream, text)| (seq, id.to_owned(), stream, text.to_owned()));
    assert_eq!(seen, expected);
    assert_eq!(world.records(0, None).len(), 8);
}

#[test]
fn an_attempt_that_was_lost_says_nothing_more() {
    let world = World::new();
    let out = |text: &str| frame(Stream::Stdout, text.as_bytes());
    world.append("L1", "1", 0, &out("old")).unwrap();
    world.append("L2", "1", 0, &out("new")).unwrap();
    for offset in [0, 3] {
        let late = world.append("L1", "1", offset, &out("late"));
        assert!(matches!(late, Err(Error::Lost)), "{late:?}");
    }
    let place = Place {
        build: &build(1),
        lease: &LeaseId::new("L1"),
        attempt: 1,
        action_id: "1",
    };
    let late = world.logs().append_report(&place, "late", "", None, at(6));
    assert!(matches!(late, Err(Error::Lost)), "{late:?}");
    // Nor does the controller itself tear the next attempt apart.
    world.logs().say(&build(1), 1, "1", "lost", at(6)).unwrap();
    world.append("L2", "1", 3, &out("er")).unwrap();
    assert_eq!(world.text(0), "oldnewer");
    let range = |attempt| world.logs().text_range(&build(1), attempt).unwrap();
    assert_eq!([range(Some(1)), range(Some(2))], [0..3, 3..8]);
}

#[test]
fn what_is_no_frames_is_refused_and_nothing_of_it_kept() {
    let world = World::new();
    let mut body = frame(Stream::Stdout, b"good\n");
    body.extend([1, 2, 3]);
    assert!(matches!(
        world.append("L1", "1", 0, &body),
        Err(Error::Frames(_))
    ));
    let large = frame(Stream::Stdout, &vec![b'x'; MAX_BODY]);
    assert!(matches!(
        world.append("L1", "1", 0, &large),
        Err(Error::TooLarge)
    ));
    assert_eq!(
        (world.text(0), world.append("L1", "1", 0, &[]).unwrap()),
        (String::new(), 0)
    );
    // Bytes that are no UTF-8 are records in base64.
    world
        .append("L1", "1", 0, &frame(Stream::Stdout, &[0xFF]))
        .unwrap();
    let record = &world.records(0, None)[0];
    assert_eq!(
        (record.text.as_deref(), record.base64.as_deref()),
        (None, Some("/w=="))
    );
}

#[test]
fn a_reports_text_is_appended_once() {
    let mut world = World::new();
    let lease = LeaseId::new("L1");
    let report = |world: &World, action_id: &str, length: Option<u64>| {
        let place = Place {
            build: &build(1),
            lease: &lease,
            attempt: 1,
            action_id,
        };
        world
            .logs()
            .append_report(&place, "out\n", "err\n", length, at(1))
    };
    world
        .append("L1", "1", 0, &frame(Stream::Stdout, b"before\n"))
        .unwrap();
    assert!(matches!(
        report(&world, "1", Some(7)),
        Err(Error::WrongOffset { length: 7 })
    ));
    assert_eq!(report(&world, "1", Some(15)).unwrap(), 15);
    world
        .logs()
        .say(&build(1), 1, "1", "cancel requested", at(2))
        .unwrap();
    assert_eq!(report(&world, "1", Some(15)).unwrap(), 15);
    world.restart();
    assert_eq!(report(&world, "1", None).unwrap(), 15);
    assert_eq!(report(&world, "2", None).unwrap(), 23);
    assert_eq!(world.text(0), "before\nout\nerr\nout\nerr\n");
}

#[test]
fn what_was_synced_is_said_to_be_durable() {
    let mut world = World::new();
    let lease = LeaseId::new("L1");
    let number = build(1);
    let place = Place {
        build: &number,
        lease: &lease,
        attempt: 1,
        action_id: "1",
    };
    let asked = |world: &World| world.logs().append(&place, 0, &[]).unwrap();
    world
        .append("L1", "1", 0, &frame(Stream::Stdout, b"abc"))
        .unwrap();
    world.logs().sync(&number).unwrap();
    assert_eq!(
        asked(&world),
        Appended {
            length: 3,
            durable: 3
        }
    );
    world
        .append("L1", "1", 3, &frame(Stream::Stdout, b"def"))
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while asked(&world).durable < 6 {
        assert!(Instant::now() < deadline, "never synced");
        std::thread::yield_now();
    }
    world.restart();
    assert_eq!(asked(&world).length, 6);
    while asked(&world).durable < 6 {
        assert!(Instant::now() < deadline, "never synced after a restart");
        std::thread::yield_now();
    }
}

#[test]
fn few_logs_are_open_however_many_are_used_and_deleted_ones_are_gone() {
    let world = World::with(4);
    let lease = LeaseId::new("L1");
    for round in 0..3_u64 {
        for number in 1..=40 {
            let number = build(number);
            let place = Place {
                build: &number,
                lease: &lease,
                attempt: 1,
                action_id: "1",
            };
            let appended = world
                .logs()
                .append(&place, round, &frame(Stream::Stdout, b"x"));
            assert_eq!(appended.unwrap().length, round + 1);
            assert!(world.logs().0.open.load(Ordering::Relaxed) <= 5);
        }
    }
    assert_eq!(world.text(0), "xxx");
    let mut reader = world.logs().read_text(&build(1), 0);
    world.logs().delete(&build(1)).unwrap();
    world.logs().delete(&build(1)).unwrap();
    assert!(matches!(
        reader.read(world.logs(), 9, MOST),
        Err(Error::Deleted)
    ));
    assert_eq!(world.text(0), "");
    assert!(!world.path(1).exists() && world.path(2).exists());
}

#[test]
fn a_file_of_another_kind_is_not_touched() {
    let world = World::new();
    let path = world.path(1);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"ick log\n\0\0\0\0\0\0\0\x02and more").unwrap();
    let result = world.append("L1", "1", 0, &frame(Stream::Stdout, b"x"));
    assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
    assert!(std::fs::read(&path).unwrap().ends_with(b"and more"));
}

#[test]
fn a_log_is_cut_off_where_its_counts_do_not_go_on() {
    let mark = format::Mark {
        attempt: 1,
        action_id: "1".to_owned(),
        lease: Some(LeaseId::new("L1")),
        attempts: vec![(1, u64::MAX)],
    };
    let body = frame(Stream::Stdout, b"text");
    let file = |frames: u64, text: u64, lease: u64| {
        let before = format::Counts::default();
        let chunk = |kind, len: usize, before| format::Chunk {
            kind,
            reported: false,
            len: len.try_into().unwrap(),
            before,
            mark: 16,
        };
        let mut out = format::FILE_HEADER.to_vec();
        let mark = mark.encode();
        chunk(Kind::Mark, mark.len(), before).encode_to(&mark, &mut out);
        let before = format::Counts {
            frames,
            text,
            lease,
        };
        chunk(Kind::Frames, body.len(), before).encode_to(&body, &mut out);
        out
    };
    for ((frames, text, lease), expected) in [
        ((0, 0, 0), "text"),
        ((u64::MAX, 0, 0), ""),
        ((0, u64::MAX, 0), ""),
        ((0, 0, u64::MAX), ""),
        ((1, 0, 0), ""),
    ] {
        let world = World::new();
        std::fs::create_dir_all(world.path(1).parent().unwrap()).unwrap();
        std::fs::write(world.path(1), file(frames, text, lease)).unwrap();
        assert_eq!(world.text(0), expected);
        // An attempt cannot begin behind the end of the log.
        let range = world.logs().text_range(&build(1), Some(1)).unwrap();
        let end = expected.len() as u64;
        assert_eq!(range, end..end);
    }
}

#[test]
fn a_crash_at_any_byte_of_an_append_leaves_it_whole_or_not_at_all() {
    let mut world = World::new();
    world
        .append("L1", "1", 0, &frame(Stream::Stdout, b"first\n"))
        .unwrap();
    let before = std::fs::metadata(world.path(1)).unwrap().len();
    let mut second = frame(Stream::Stdout, b"sec");
    second.extend(frame(Stream::Stderr, b"ond\n"));
    world.append("L1", "2", 6, &second).unwrap();
    world.logs = None;
    let whole = std::fs::read(world.path(1)).unwrap();
    for len in 0..whole.len() {
        for garbage in [&b""[..], &[0; 300]] {
            std::fs::write(world.path(1), [&whole[..len], garbage].concat()).unwrap();
            if len < 16 && !garbage.is_empty() {
                continue;
            }
            world.restart();
            let expected = if (len as u64) < before { 0 } else { 6 };
            assert_eq!(
                world.append("L1", "2", 0, &[]).unwrap(),
                expected,
                "cut at {len}"
            );
            if expected == 6 {
                assert_eq!(world.append("L1", "2", 6, &second).unwrap(), 13);
                assert_eq!(world.text(0), "first\nsecond\n");
            }
        }
    }
}

#[test]
fn a_long_log_is_read_at_any_place_also_when_its_index_is_lost_or_wrong() {
    let mut world = World::new();
    let mut offset = 0;
    let mut text = String::new();
    for number in 0..600_u64 {
        let line = format!("{number} {}\n", "x".repeat(number as usize % 700));
        text.push_str(&line);
        let mut body = Vec::new();
        for half in line.as_bytes().chunks(line.len().div_ceil(2)) {
            body.extend(frame(Stream::Stdout, half));
        }
        body.extend(frame(Stream::Ick, b"!"));
        offset = world.append("L1", "1", offset, &body).unwrap();
    }
    let index = world.path(1).with_extension("index");
    let entries = std::fs::metadata(&index).unwrap().len() / 24;
    assert!(entries >= 3, "{entries}");
    let check = |world: &World| {
        for from in (0..text.len()).step_by(9973) {
            assert_eq!(world.text(from as u64), text[from..], "from {from}");
        }
        let records = world.records(0, None);
        let seqs: Vec<_> = records.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (1..=records.len() as u64).collect::<Vec<_>>());
        for after in (0..records.len()).step_by(311) {
            assert_eq!(world.records(after as u64, None), records[after..]);
        }
        let mut one = world.logs().read_text(&build(1), 10);
        assert_eq!(
            one.read(world.logs(), 20, MOST).unwrap(),
            &text.as_bytes()[10..20]
        );
        assert_eq!(one.read(world.logs(), 20, MOST).unwrap(), b"");
    };
    check(&world);
    let good = std::fs::read(&index).unwrap();
    for spoilt in [
        Vec::new(),
        good[..30].to_vec(),
        vec![0; good.len()],
        [&good[..], &[7; 48]].concat(),
        [&good[24..48], &good[..24], &good[48..]].concat(),
    ] {
        world.logs = None;
        std::fs::write(&index, &spoilt).unwrap();
        world.restart();
        check(&world);
    }
}

#[test]
fn a_large_log_is_fast_and_flat() {
    // No measurement: that what a follower holds between pieces is small, and pieces are bounded.
    let world = World::new();
    let body = frame(Stream::Stdout, &vec![b'x'; MAX_BODY - 13]);
    let mut offset = 0;
    for _ in 0..8 {
        offset = world.append("L1", "1", offset, &body).unwrap();
    }
    let mut reader = world.logs().read_text(&build(1), 0);
    let mut total = 0;
    loop {
        let piece = reader.read(world.logs(), u64::MAX, MOST).unwrap();
        if piece.is_empty() {
            break;
        }
        assert!(piece.len() <= MOST, "{}", piece.len());
        total += piece.len() as u64;
    }
    assert_eq!(total, offset);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_appended_is_read_in_order(
        appends in prop::collection::vec(
            (prop::collection::vec((0..3u8, prop::collection::vec(any::<u8>(), 0..50)), 0..4), 1..4u8, any::<bool>()),
            1..30,
        ),
        from in any::<prop::sample::Index>(),
        most in 1..200_usize,
    ) {
        let mut world = World::new();
        let mut offset = 0;
        let mut text = Vec::new();
        let mut frames = 0;
        for (parts, action, restart) in appends {
            let mut body = Vec::new();
            for (stream, bytes) in parts {
                let stream = [Stream::Stdout, Stream::Stderr, Stream::Ick][usize::from(stream)];
                body.extend(frame(stream, &bytes));
                frames += 1;
                if stream != Stream::Ick {
                    text.extend(bytes);
                }
            }
            offset = world.append("L1", &action.to_string(), offset, &body).unwrap();
            if restart {
                world.restart();
            }
        }
        let from = from.index(text.len() + 1);
        let mut reader = world.logs().read_text(&build(1), from as u64);
        let mut read = Vec::new();
        loop {
            let some = reader.read(world.logs(), u64::MAX, most).unwrap();
            if some.is_empty() {
                break;
            }
            prop_assert!(some.len() <= most);
            read.extend(some);
        }
        prop_assert_eq!(&read[..], &text[from..]);
        prop_assert_eq!(world.records(0, None).len(), frames);
    }
}
