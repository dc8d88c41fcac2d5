//! Files that are not what was written: of another kind, cut off, or with counts that do not go on.

use super::*;

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
