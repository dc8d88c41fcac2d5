//! The log of an action: exact, in order, limited.

use crate::build::{Build, end, finish, until_output};
use ick_api::logframe::{Stream, frames};
use ick_worker::engine::Event;
use std::time::{Duration, Instant};

#[test]
fn both_streams_in_the_order_of_arrival() {
    let build = Build::new();
    let script = "wait_for() { while [ ! -e $1 ]; do :; done; }; \
                  echo 1; wait_for a; echo 2 >&2; wait_for b; echo 3";
    let mut running = build.start(build.shell(script));
    until_output(&mut running, "1\n");
    std::fs::write(build.file("a"), "").unwrap();
    until_output(&mut running, "2\n");
    std::fs::write(build.file("b"), "").unwrap();
    let done = finish(running);
    let frames: Vec<_> = done
        .frames
        .iter()
        .map(|(stream, bytes)| (*stream, bytes.as_slice()))
        .collect();
    assert_eq!(
        frames,
        [
            (Stream::Stdout, &b"1\n"[..]),
            (Stream::Stderr, b"2\n"),
            (Stream::Stdout, b"3\n")
        ]
    );
}

#[test]
fn any_bytes_are_kept() {
    let build = Build::new();
    let request = build.shell("printf '\\xff\\x00\\r\\x1b[31m no line end'");
    let done = build.execute(request);
    let bytes: Vec<u8> = done
        .frames
        .into_iter()
        .flat_map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(bytes, b"\xff\x00\r\x1b[31m no line end");
}

#[test]
fn output_is_there_at_once() {
    let build = Build::new();
    let mut running = build.start(build.shell("echo first; sleep 1000"));
    let begun = Instant::now();
    until_output(&mut running, "first\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
    running
        .stop(ick_worker::engine::StopReason::Cancelled)
        .unwrap();
    end(&mut running);
}

#[test]
fn a_log_that_is_too_long_keeps_its_head_and_its_tail() {
    let build = Build::with(|config| config.limits.tail = 1000);
    let text: String = (1..=2000).map(|n| format!("{n}\n")).collect();
    let (whole, tail) = (text.len(), 1000);
    for log_left in [5000, 1000, 0, whole - 1, whole, whole + 1] {
        let mut request = build.shell("seq 2000");
        request.log_left = log_left as u64;
        let head = log_left.saturating_sub(tail);
        let left_out = whole.saturating_sub(head + tail);
        let expected = if left_out == 0 {
            text.clone()
        } else {
            let line_break = match text[..head].ends_with('\n') || head == 0 {
                true => "",
                false => "\n",
            };
            format!(
                "{}{line_break}[ick: {left_out} bytes left out]\n{}",
                &text[..head],
                &text[whole - tail..]
            )
        };
        assert_eq!(build.stdout(request), expected, "{log_left}");
    }
}

#[test]
fn the_tail_knows_its_streams() {
    let build = Build::with(|config| config.limits.tail = 6);
    let mut request = build.shell("seq 50; echo oh >&2");
    request.log_left = 6;
    let done = build.execute(request);
    let frames: Vec<_> = done
        .frames
        .iter()
        .map(|(stream, bytes)| (*stream, String::from_utf8_lossy(bytes)))
        .collect();
    assert_eq!(
        frames,
        [
            (Stream::Stdout, "[ick: 138 bytes left out]\n".into()),
            (Stream::Stdout, "50\n".into()),
            (Stream::Stderr, "oh\n".into())
        ]
    );
}

#[test]
fn a_follower_can_go_back_to_any_byte() {
    let build = Build::new();
    let mut running =
        build.start(build.shell("head -c 300000 /dev/urandom | base64 -w0; echo x >&2"));
    let outcome = end(&mut running);
    let mut spool = running.spool().unwrap();
    let payload = |body: &[u8]| -> Vec<u8> {
        frames(body)
            .flat_map(|frame| frame.unwrap().bytes.to_vec())
            .collect()
    };
    let all = payload(&spool.read(1 << 20).unwrap().body);
    assert_eq!(all.len() as u64, outcome.log_length);
    for offset in [
        0,
        1,
        65_535,
        65_536,
        65_537,
        200_000,
        all.len() - 1,
        all.len(),
    ] {
        for max in [14, 100, 65_549, 1 << 20] {
            assert!(spool.seek(offset as u64).unwrap());
            let mut got = Vec::new();
            // A few small bodies, then the rest.
            for max in [max, max, 1 << 20, 1 << 20] {
                let chunk = spool.read(max).unwrap();
                assert!(chunk.body.len() <= max);
                assert_eq!(chunk.from, (offset + got.len()) as u64);
                got.extend(payload(&chunk.body));
                assert_eq!(chunk.to, (offset + got.len()) as u64);
            }
            assert!(got == all[offset..], "from {offset} by {max}");
        }
    }
    assert!(!spool.seek(all.len() as u64 + 1).unwrap());
    assert_eq!(spool.offset(), all.len() as u64);
}

#[test]
fn three_hundred_megabytes_pass_while_they_are_followed() {
    let build = Build::new();
    let mut running = build.start(build.shell("head -c 300000000 /dev/zero"));
    let mut spool = running.spool().unwrap();
    let mut ended = None;
    loop {
        let chunk = spool.read(1 << 20).unwrap();
        if !chunk.body.is_empty() {
            continue;
        }
        if ended.is_some() {
            break;
        }
        if let Event::Ended(outcome) = running.poll(Duration::from_secs(60)) {
            ended = Some(outcome);
        }
    }
    assert_eq!(spool.offset(), 300_000_000);
    assert_eq!(ended.unwrap().log_length, 300_000_000);
}
