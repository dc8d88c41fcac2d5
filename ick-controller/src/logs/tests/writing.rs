//! Offsets, attempts, refusals, durability, and how many logs are open.

use super::*;
use std::time::{Duration, Instant};

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
