//! Every call of the store, as the table in the design has them.

use crate::http::request;
use crate::world::{World, digest, noise, path};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

#[test]
fn a_blob_is_put_and_got() {
    let world = World::new();
    let content = noise(100_000, 1);
    let put = world.put("a/b/result.tar", &content);
    assert_eq!(put.status, 201);
    assert_eq!(
        put.json(),
        json!({"name": "a/b/result.tar", "digest": digest(&content), "size": 100_000})
    );
    let tag = format!("\"{}\"", digest(&content));
    assert_eq!(put.header("etag"), Some(tag.as_str()));

    for method in ["GET", "HEAD"] {
        let got = world.send(request(method, &path("a/b/result.tar")));
        assert_eq!(got.status, 200);
        assert_eq!(got.header("etag"), Some(tag.as_str()));
        assert_eq!(got.header("content-length"), Some("100000"));
        assert_eq!(got.header("content-type"), Some("application/octet-stream"));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
        assert_eq!(
            got.header("content-disposition"),
            Some("attachment; filename=\"result.tar\"")
        );
        let sent = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&content)));
        assert_eq!(got.header("repr-digest"), Some(sent.as_str()));
        let expected = if method == "GET" {
            content.as_slice()
        } else {
            &[]
        };
        assert!(got.body == expected);
    }
    world.expect_sound();
}

#[test]
fn a_blob_of_any_size_arrives_whole_and_in_chunks() {
    let world = World::new();
    for (n, size) in [0, 1, 65_536, 262_143, 262_144, 262_145, 3_000_001]
        .into_iter()
        .enumerate()
    {
        let content = noise(size, n as u64);
        let whole = world.put(&format!("whole/{n}"), &content);
        assert_eq!(
            (whole.status, whole.json()["size"].as_u64()),
            (201, Some(size as u64))
        );
        for len in [7, 50_000] {
            let name = format!("chunks/{n}/{len}");
            let part = &content[..size.min(len * 3000)];
            let chunked = world.send(request("PUT", &path(&name)).chunked(part, len));
            assert_eq!(chunked.status, 201, "{}", chunked.text());
            assert_eq!(chunked.json()["digest"], digest(part));
            assert!(world.get(&name).body == part);
        }
    }
    world.expect_sound();
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let world = World::new();
    let ask = request("PUT", &path("a"))
        .token(&world.token)
        .header("Content-Length", "5")
        .header("Expect", "100-continue");
    let mut stream = ask.begin(world.address());
    let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
    assert_eq!(crate::http::Answer::read_head(&mut reader).status, 100);
    std::io::Write::write_all(&mut stream, b"hello").unwrap();
    assert_eq!(crate::http::Answer::read_head(&mut reader).status, 201);

    // Whoever is refused is not told to go on.
    let answer = ask.header("If-None-Match", "*").send(world.address());
    answer.problem(412);
}

#[test]
fn a_new_content_replaces_and_the_old_one_stays_as_a_version() {
    let world = World::new();
    assert_eq!(world.put("a", "one").status, 201);
    assert_eq!(world.put("a", "two").status, 200);
    assert_eq!(world.put("a", "two").status, 200);
    assert_eq!(world.get("a").body, b"two");
    assert_eq!(world.version("a", b"one").body, b"one");
    assert_eq!(world.version("a", b"two").body, b"two");
    assert_eq!(
        world.version("a", b"one").header("etag"),
        Some(format!("\"{}\"", digest(b"one")).as_str())
    );
    // A content that only another name has is none of this one's.
    assert_eq!(world.put("b", "three").status, 201);
    world.version("a", b"three").problem(404);
    world.get("a?version=sha256:12").problem(400);
    world.get("a?verison=x").problem(400);
    world.get("c").problem(404);
    world.expect_sound();
}

#[test]
fn a_content_that_is_there_is_not_written_again() {
    let world = World::new();
    let inode = || {
        let file = std::fs::metadata(world.content_path(b"one")).unwrap();
        std::os::unix::fs::MetadataExt::ino(&file)
    };
    world.put("a", "one");
    let first = inode();
    assert_eq!(world.put("b", "one").status, 201);
    assert_eq!(inode(), first);
    world.expect_sound();
}

#[test]
fn a_promised_digest_is_held_to() {
    let world = World::new();
    let promise =
        |content: &[u8]| format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(content)));
    let put = |content: &[u8], promise: &str| {
        let request = request("PUT", &path("a")).header("Repr-Digest", promise);
        world.send(request.body(content))
    };
    let large = noise(2_000_000, 3);
    for content in [b"hello".as_slice(), &large] {
        let detail = put(content, &promise(b"other")).problem(422);
        assert!(detail.contains("nothing was kept"), "{detail}");
        world.get("a").problem(404);
        world.version("a", content).problem(404);
        assert!(world.contents().is_empty() && world.temporary().is_empty());
    }
    put(b"hello", "sha-256=nonsense").problem(400);
    assert_eq!(put(b"hello", &promise(b"hello")).status, 201);
    let several = format!("sha-512=:AAAA:, {}", promise(&large));
    assert_eq!(put(&large, &several).status, 200);
    assert_eq!(put(b"other", "sha-512=:AAAA:").status, 200);
    world.expect_sound();
}

#[test]
fn conditions_are_honoured() {
    let world = World::new();
    let put = |name: &str, header: &str, value: &str, body: &str| {
        let request = request("PUT", &path(name)).header(header, value);
        world.send(request.body(body))
    };
    let one = format!("\"{}\"", digest(b"one"));
    put("a", "If-Match", "*", "one").problem(412);
    assert_eq!(put("a", "If-None-Match", "*", "one").status, 201);
    put("a", "If-None-Match", "*", "two").problem(412);
    put("a", "If-None-Match", "*", "one").problem(412);
    put("a", "If-Match", "\"sha256:00\"", "two").problem(412);
    put("a", "If-Match", "nonsense", "two").problem(400);
    assert_eq!(world.get("a").body, b"one");
    assert_eq!(put("a", "If-Match", &one, "two").status, 200);
    put("a", "If-Match", &one, "three").problem(412);
    // It is refused before the body: nothing is sent here but the head.
    let head = request("PUT", &path("a"))
        .token(&world.token)
        .header("If-None-Match", "*")
        .header("Content-Length", "1000000000");
    crate::http::Answer::read(head.begin(world.address()), false).problem(412);

    let ask = |method: &str, header: &str, value: &str| {
        world.send(request(method, &path("a")).header(header, value))
    };
    let two = format!("\"{}\"", digest(b"two"));
    for tags in [two.clone(), "*".to_owned(), format!("\"x\", W/{two}")] {
        for method in ["GET", "HEAD"] {
            let same = ask(method, "If-None-Match", &tags);
            assert_eq!((same.status, same.body.len()), (304, 0));
            assert_eq!(same.header("etag"), Some(two.as_str()));
        }
    }
    assert_eq!(ask("GET", "If-None-Match", &one).body, b"two");
    assert_eq!(ask("GET", "If-Match", &two).status, 200);
    ask("GET", "If-Match", &one).problem(412);
    ask("DELETE", "If-Match", &one).problem(412);
    assert_eq!(ask("DELETE", "If-Match", &two).status, 200);
    ask("DELETE", "If-Match", &two).problem(412);
    assert_eq!(put("a", "If-None-Match", "*", "new").status, 201);
    world.expect_sound();
}

#[test]
fn deleting_takes_the_name_and_then_the_contents() {
    let world = World::new();
    for content in ["one", "two"] {
        world.put("a", content);
    }
    world.put("b", "one");
    assert_eq!(world.delete("a").status, 200);
    world.delete("a").problem(404);
    world.get("a").problem(404);
    assert_eq!(world.list("").json()["blobs"].as_array().unwrap().len(), 1);
    assert_eq!(world.version("a", b"one").body, b"one");
    assert_eq!(world.version("a", b"two").body, b"two");

    let forget =
        |name: &str, content: &[u8]| world.delete(&format!("{name}?version={}", digest(content)));
    assert_eq!(forget("a", b"two").status, 200);
    world.version("a", b"two").problem(404);
    forget("a", b"two").problem(404);
    assert!(!world.content_path(b"two").exists());
    // Another name has the same content: the bytes stay.
    assert_eq!(forget("a", b"one").status, 200);
    world.version("a", b"one").problem(404);
    assert_eq!(world.get("b").body, b"one");
    // The content that a name has now: the name goes with it.
    assert_eq!(forget("b", b"one").status, 200);
    world.get("b").problem(404);
    assert!(world.contents().is_empty());
    forget("never", b"one").problem(404);
    world.delete("never").problem(404);
    assert_eq!(world.put("b", "one").status, 201);
    world.expect_sound();
}

#[test]
fn lists_have_a_prefix_and_pages() {
    let world = World::new();
    for name in ["b", "a/2", "a/1", "a/10", "ab", "a~/x"] {
        world.put(name, name);
    }
    let names = |query: &str| {
        let answer = world.list(query);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let next = answer.header("link").map(str::to_owned);
        let names: Vec<String> = answer.json()["blobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|blob| blob["name"].as_str().unwrap().to_owned())
            .collect();
        (names, next)
    };
    assert_eq!(names("").0, ["a/1", "a/10", "a/2", "ab", "a~/x", "b"]);
    assert_eq!(names("?prefix=a/").0, ["a/1", "a/10", "a/2"]);
    assert_eq!(names("?prefix=a/1").0, ["a/1", "a/10"]);
    assert_eq!(names("?prefix=c").0, [""; 0]);
    assert_eq!(names("?prefix=%25").0, [""; 0]);
    let mut all = Vec::new();
    let mut query = "?limit=2&prefix=a".to_owned();
    for _ in 0..3 {
        let (page, next) = names(&query);
        all.push(page);
        match next {
            Some(link) => {
                let target = link.strip_prefix("</blobs").unwrap();
                query = target.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            }
            None => break,
        }
    }
    assert_eq!(all, [vec!["a/1", "a/10"], vec!["a/2", "ab"], vec!["a~/x"]]);
    world.list("?limit=0").problem(400);
    world.list("?limit=x").problem(400);

    let row = &world.list("?prefix=b").json()["blobs"][0];
    let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["created", "digest", "name", "size"]);
    assert_eq!(
        (&row["digest"], &row["size"]),
        (&json!(digest(b"b")), &json!(1))
    );
    let created = row["created"].as_str().unwrap().to_owned();
    assert!(
        created.starts_with("20") && created.ends_with('Z'),
        "{created}"
    );
    // The same content again is no new content, another one is.
    world.put("b", "b");
    assert_eq!(
        world.list("?prefix=b").json()["blobs"][0]["created"],
        created
    );
    world.put("b", "other");
    assert_ne!(
        world.list("?prefix=b").json()["blobs"][0]["created"],
        created
    );
}

#[test]
fn everything_else_is_answered_too() {
    let world = World::new();
    for open in ["/version", "/healthz"] {
        assert_eq!(request("GET", open).send(world.address()).status, 200);
    }
    let metrics = world.send(request("GET", "/metrics"));
    assert_eq!(metrics.status, 200);
    world.send(request("GET", "/nothing")).problem(404);
    world
        .send(request("POST", "/blobs/a").body("x"))
        .problem(405);
    world.send(request("PUT", "/blobs").body("x")).problem(405);
    let part = request("PUT", "/blobs/a").header("Content-Range", "bytes 0-0/2");
    world.send(part.body("x")).problem(400);
    let coded = request("PUT", "/blobs/a").header("Content-Encoding", "gzip");
    world.send(coded.body("x")).problem(415);
    world.get("a").problem(404);
}
