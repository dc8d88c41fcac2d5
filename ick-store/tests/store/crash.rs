//! `kill -9` at bad moments.

use crate::http::request;
use crate::world::{World, digest, noise, path, wait_until};
use std::io::Write;

#[test]
fn what_was_answered_survives_and_what_was_under_way_is_gone() {
    let mut world = World::new();
    let content = noise(3_000_000, 1);
    for round in 0..5 {
        let ask = request("PUT", &path("under/way"))
            .token(&world.token)
            .header("Content-Length", "90000000");
        let mut stream = ask.begin(world.address());
        stream.write_all(&vec![round; 4_000_000]).unwrap();
        wait_until("something is being received", || {
            !world.temporary().is_empty()
        });
        let name = format!("done/{round}");
        let put = world.put(&name, &content);
        world.kill();
        assert_eq!(put.status, 201);
        assert!(!world.temporary().is_empty());
        world.start();
        assert!(world.get(&name).body == content);
        world.get("under/way").problem(404);
        world.expect_sound();
    }
}

#[test]
fn killed_among_many_changes_it_comes_back_sound() {
    let mut world = World::new();
    for round in 0..6_u64 {
        let done = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let address = world.address();
            let (token, done) = (world.token.clone(), &done);
            let threads: Vec<_> = (0..6_u64)
                .map(|thread| {
                    let token = token.clone();
                    scope.spawn(move || {
                        for n in 0..1000_u64 {
                            let name = format!("r{round}/t{thread}/n{n}");
                            // Some contents are shared, and half of all versions are deleted again.
                            let content = noise(50_000, n / 2);
                            let ask = request("PUT", &path(&name)).token(&token).body(&content);
                            let put = std::panic::catch_unwind(|| ask.send(address).status);
                            if !matches!(put, Ok(201)) {
                                return;
                            }
                            let delete = (n + thread) % 2 == 0;
                            if delete {
                                let gone = path(&format!("{name}?version={}", digest(&content)));
                                let ask = request("DELETE", &gone).token(&token);
                                let gone = std::panic::catch_unwind(|| ask.send(address).status);
                                if !matches!(gone, Ok(200)) {
                                    return;
                                }
                            }
                            done.lock().unwrap().push((name, content, delete));
                        }
                    })
                })
                .collect();
            let enough = 20 + 10 * usize::try_from(round).unwrap();
            wait_until("some are done", || done.lock().unwrap().len() > enough);
            world.kill();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        world.start();
        world.expect_sound();
        for (name, content, deleted) in done.into_inner().unwrap() {
            let answer = world.get(&name);
            if deleted {
                answer.problem(404);
            } else {
                assert_eq!(answer.status, 200, "{name}");
                assert!(answer.body == content, "{name}");
            }
        }
    }
}

#[test]
fn marks_of_contents_without_a_name_are_followed_up() {
    let mut world = World::new();
    world.put("a", "named");
    world.kill();
    // As if it had been killed between the rename and the commit, and between commit and removal.
    let mark = |content: &[u8]| {
        let digest = digest(content);
        let hex = digest.strip_prefix("sha256:").unwrap();
        let tmp = world.state().join("blobs/tmp");
        std::fs::write(tmp.join(format!("placed-{hex}-0")), "").unwrap();
    };
    std::fs::write(world.content_path(b"nameless"), "nameless").unwrap();
    mark(b"nameless");
    mark(b"named");
    world.start();
    assert_eq!(world.get("a").body, b"named");
    world.expect_sound();
}
