//! Names that would like to be paths, and uploads that would like to be something else.

use crate::http::{Answer, request};
use crate::world::{World, digest, path, wait_until};
use std::io::Write;
use std::net::Shutdown;
use std::process::Command;

const NAMES: &[&str] = &[
    "..",
    ".",
    "../x",
    "a/../x",
    "a/..",
    "../../../../../../tmp/x",
    "%2e%2e/x",
    "..%2fx",
    "%2fetc/passwd",
    "/etc/passwd",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    "-rf",
    "a%00b",
    "a%0ab",
    "a%0d%0aX:%20y",
    "a%20b",
    "a%5cb",
    "a%22b",
    "a;b",
    "a:b",
    "a*",
    "a%3fb",
    "%c3%a4",
    "%ff",
    "~root",
    "+trigger",
    "%252e%252e",
    "CON:",
    "tmp/../../sha256",
];

#[test]
fn hostile_names_are_refused_by_every_call() {
    let world = World::new();
    let long = "x".repeat(201);
    for name in NAMES.iter().copied().chain([long.as_str()]) {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let mut ask = request(method, &path(name));
            if method == "PUT" {
                ask = ask.body("evil");
            }
            let answer = world.send(ask);
            assert_eq!(answer.status, 400, "{method} {name}: {}", answer.text());
        }
    }
    for name in ["a/+x", "+x/+y"] {
        let status = world.put(name, "evil").status;
        assert!([400, 404].contains(&status), "{name}: {status}");
    }
    let longest = "x".repeat(200);
    for name in [
        "a",
        "9",
        "a.b_c~d+e-f/0",
        "a..b",
        "sha256/tmp",
        "CON",
        &longest,
    ] {
        assert_eq!(world.put(name, name).status, 201, "{name}");
        assert_eq!(world.get(name).body, name.as_bytes());
    }
    // The same name, written otherwise.
    assert_eq!(world.get("%61").body, b"a");
    assert_eq!(world.get("sha256%2ftmp").body, b"sha256/tmp");
    world.expect_sound();
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let world = World::new();
    world.put("a", "old");
    let plain = request("PUT", &path("a"))
        .token(&world.token)
        .header("Content-Length", "9000000");
    let chunked = request("PUT", &path("a"))
        .token(&world.token)
        .header("Transfer-Encoding", "chunked");
    for (ask, begin) in [(&plain, ""), (&chunked, "500000\r\n")] {
        for len in [0, 10, 300_000, 4_000_000] {
            let mut stream = ask.begin(world.address());
            stream.write_all(begin.as_bytes()).unwrap();
            stream.write_all(&vec![7; len]).unwrap();
            if len > 1_000_000 {
                wait_until("something is being received", || {
                    !world.temporary().is_empty()
                });
            }
            stream.shutdown(Shutdown::Both).unwrap();
            drop(stream);
            wait_until("nothing is left", || world.temporary().is_empty());
        }
    }
    // A body that ends where it should not, while the client still listens.
    let mut stream = plain.begin(world.address());
    stream.write_all(&vec![7; 1_000_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    let _ = std::io::Read::read_to_string(&mut stream, &mut text);
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 400"),
        "{text}"
    );
    wait_until("nothing is left", || world.temporary().is_empty());
    assert_eq!(world.get("a").body, b"old");
    assert_eq!(world.contents().len(), 1);
    world.expect_sound();
}

#[test]
fn a_body_of_two_lengths_is_refused() {
    let world = World::new();
    let refused = |headers: &[(&str, &str)]| {
        let mut ask = request("PUT", &path("a")).token(&world.token);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let mut stream = ask.begin(world.address());
        let _ = stream.write_all(b"3\r\nabc\r\n0\r\n\r\n");
        let answer = Answer::read(stream, false);
        assert_eq!(answer.status, 400, "{headers:?}");
    };
    refused(&[("Content-Length", "3"), ("Content-Length", "4")]);
    refused(&[("Content-Length", "-1")]);
    refused(&[("Content-Length", "abc")]);
    refused(&[("Transfer-Encoding", "gzip")]);
    world.get("a").problem(404);
}

#[test]
fn no_room_is_said_and_nothing_is_kept() {
    let mut world = World::stopped();
    // Files of more than 2 MiB cannot be written, which is what a full disk is like.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_ick-store"))
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(world.state());
    world.start_as(command);
    world.put("a", "old");
    let large = vec![7; 6_000_000];
    world.put("a", &large).problem(507);
    let chunked = request("PUT", &path("a")).chunked(&large, 100_000);
    world.send(chunked).problem(507);
    // More than any disk has: refused before it is sent.
    let head = request("PUT", &path("a"))
        .token(&world.token)
        .header("Content-Length", "9000000000000000000");
    let mut stream = head.begin(world.address());
    stream.write_all(&vec![7; 300_000]).unwrap();
    Answer::read(stream, false).problem(507);
    assert_eq!(world.get("a").body, b"old");
    assert_eq!(world.put("b", "new").status, 201);
    wait_until("nothing is left", || world.temporary().is_empty());
    world.expect_sound();
}

#[test]
fn what_is_damaged_on_disk_is_not_given_out_as_good() {
    let world = World::new();
    world.put("a", "hello");
    let file = world.content_path(b"hello");
    std::fs::write(&file, "hell").unwrap();
    assert_eq!(world.get("a").status, 500);
    std::fs::remove_file(&file).unwrap();
    let answer = world.get("a");
    assert_eq!(answer.status, 500);
    assert!(
        !answer.text().contains(&digest(b"hello")),
        "{}",
        answer.text()
    );
    // Putting it again heals it.
    assert_eq!(world.put("a", "hello").status, 200);
    assert_eq!(world.get("a").body, b"hello");
    world.expect_sound();
}
