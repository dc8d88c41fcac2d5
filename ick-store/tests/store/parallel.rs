//! Many clients at once.

use crate::world::{World, digest, noise};

#[test]
fn uploads_of_one_name_at_once_leave_the_last_and_keep_them_all() {
    let world = World::new();
    let contents: Vec<Vec<u8>> = (0..16).map(|n| noise(400_000, n)).collect();
    let created = std::thread::scope(|scope| {
        let world = &world;
        let threads: Vec<_> = contents
            .iter()
            .map(|content| scope.spawn(move || world.put("same", content).status))
            .collect();
        let statuses: Vec<u16> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        assert!(
            statuses.iter().all(|s| [200, 201].contains(s)),
            "{statuses:?}"
        );
        statuses.into_iter().filter(|status| *status == 201).count()
    });
    assert_eq!(created, 1);
    let last = world.get("same").body;
    assert!(contents.contains(&last));
    for content in &contents {
        assert!(world.version("same", content).body == *content);
    }
    world.expect_sound();
}

#[test]
fn of_many_that_want_to_be_first_one_is() {
    let world = World::new();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let world = &world;
                scope.spawn(move || {
                    let ask =
                        crate::http::request("PUT", "/blobs/first").header("If-None-Match", "*");
                    world.send(ask.body(noise(300_000, n))).status
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|s| **s == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|s| **s == 412).count(),
        15,
        "{statuses:?}"
    );
    assert_eq!(world.contents().len(), 1);
    world.expect_sound();
}

#[test]
fn the_same_content_comes_and_goes_under_many_names() {
    let world = World::new();
    let content = noise(20_000, 9);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (world, content) = (&world, &content);
            scope.spawn(move || {
                for round in 0..15 {
                    let name = format!("t{thread}");
                    assert_eq!(world.put(&name, content).status, 201);
                    assert!(world.get(&name).body == *content);
                    if round < 14 {
                        let version = format!("{name}?version={}", digest(content));
                        assert_eq!(world.delete(&version).status, 200);
                    }
                }
            });
        }
    });
    assert_eq!(world.contents().len(), 1);
    world.expect_sound();
}

#[test]
fn many_uploads_at_once_all_arrive() {
    let world = World::new();
    std::thread::scope(|scope| {
        for thread in 0..16_u64 {
            let world = &world;
            scope.spawn(move || {
                for n in 0..10 {
                    let content = noise(1000 + 70_000 * n, thread * 100 + n as u64);
                    let name = format!("t{thread}/{n}");
                    assert_eq!(world.put(&name, &content).status, 201);
                    assert!(world.get(&name).body == content);
                }
            });
        }
    });
    assert_eq!(world.contents().len(), 160);
    world.expect_sound();
}
