//! Reading at any place, piece by piece.

use super::*;
use proptest::prelude::*;

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
