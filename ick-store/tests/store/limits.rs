//! The limits that the configuration sets, exceeded from outside.

use crate::http::{Answer, request};
use crate::world::{World, noise, path};
use std::io::Write;

const LARGEST: usize = 1 << 20;

#[test]
fn a_blob_beyond_the_largest_is_refused_and_nothing_of_it_kept() {
    let mut world = World::stopped();
    world.configure("limits: {blob: 1MiB, headers: 20}\n");
    world.start();
    let most = noise(LARGEST, 1);
    let more = noise(LARGEST + 1, 2);
    assert_eq!(world.put("most", &most).status, 201);
    assert_eq!(world.get("most").body, most);
    // By its length, before a byte of it is asked for.
    let ask = request("PUT", &path("more"))
        .token(&world.token)
        .header("Content-Length", &more.len().to_string())
        .header("Expect", "100-continue");
    let answer = Answer::read(ask.begin(world.address()), false);
    let detail = answer.problem(413);
    assert!(detail.contains("1048576"), "{detail}");
    // In chunks, when there turns out to be too much.
    let chunked = |name, body: &[u8]| {
        let request = request("PUT", &path(name)).token(&world.token);
        request.chunked(body, 100_000).send(world.address())
    };
    assert_eq!(chunked("more", &more).problem(413), detail);
    assert_eq!(chunked("most", &most).status, 200);
    assert_eq!(world.get("more").status, 404);
    world.expect_sound();
    let mut many = request("GET", "/version");
    for _ in 0..30 {
        many = many.header("X", "y");
    }
    assert_eq!(many.send(world.address()).status, 431);
}

#[test]
fn an_upload_that_stalls_is_refused() {
    let mut world = World::stopped();
    world.configure("limits: {body_interval: 1s}\n");
    world.start();
    let ask = request("PUT", &path("slow"))
        .token(&world.token)
        .header("Content-Length", "100000");
    let mut stream = ask.begin(world.address());
    stream.write_all(&noise(5000, 3)).unwrap();
    let detail = Answer::read(stream, false).problem(408);
    assert!(detail.contains("too slowly"), "{detail}");
    assert_eq!(world.get("slow").status, 404);
    assert_eq!(world.temporary(), Vec::<String>::new());
}
