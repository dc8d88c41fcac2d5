//! Parts of blobs.

use crate::http::request;
use crate::world::{World, digest, noise, path};

#[test]
fn parts_are_answered_as_parts() {
    let world = World::new();
    let content = noise(1_000_000, 5);
    world.put("a", &content);
    let part = |range: &str| world.send(request("GET", &path("a")).header("Range", range));
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-", 1000, 1_000_000),
        ("bytes=-10", 999_990, 1_000_000),
        ("bytes=262143-600000", 262_143, 600_001),
        ("bytes=5-99999999", 5, 1_000_000),
    ] {
        let answer = part(range);
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(
            answer.header("content-range"),
            Some(format!("bytes {start}-{}/1000000", end - 1).as_str())
        );
        assert!(answer.body == content[start..end], "{range}");
    }
    for range in ["bytes=1000000-", "bytes=-0"] {
        let answer = part(range);
        answer.problem(416);
        assert_eq!(answer.header("content-range"), Some("bytes */1000000"));
    }
    for range in ["bytes=2-1", "bytes=0-1,3-4", "nonsense", "lines=1-2"] {
        let answer = part(range);
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, 1_000_000),
            "{range}"
        );
    }
}

#[test]
fn a_part_of_something_else_is_not_given() {
    let world = World::new();
    world.put("a", "0123456789");
    let tag = format!("\"{}\"", digest(b"0123456789"));
    let ask = |method: &str, name: &str, if_range: &str| {
        let request = request(method, &path(name)).header("Range", "bytes=2-4");
        world.send(request.header("If-Range", if_range))
    };
    assert_eq!(ask("GET", "a", &tag).body, b"234");
    for other in [
        "\"x\"",
        &format!("W/{tag}"),
        "Sat, 01 Aug 2026 00:00:00 GMT",
    ] {
        assert_eq!(ask("GET", "a", other).body, b"0123456789", "{other}");
    }
    let head = ask("HEAD", "a", &tag);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
    let old = format!("a?version={}", digest(b"0123456789"));
    world.put("a", "new");
    assert_eq!(ask("GET", &old, &tag).body, b"234");
}
