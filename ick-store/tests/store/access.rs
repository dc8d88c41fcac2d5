//! Who may do what.

use crate::http::{Answer, request};
use crate::world::{World, digest, path};

fn ask(world: &World, token: &str, method: &str, name: &str) -> Answer {
    let mut ask = request(method, &path(name)).token(token);
    if method == "PUT" {
        ask = ask.body("new");
    }
    ask.send(world.address())
}

#[test]
fn every_call_needs_its_scope() {
    let world = World::new();
    world.put("a", "one");
    let calls = [
        ("GET", "uapi_blobs_id_get"),
        ("HEAD", "uapi_blobs_id_get"),
        ("PUT", "uapi_blobs_id_put"),
        ("DELETE", "uapi_blobs_id_delete"),
    ];
    let all = [
        "uapi_blobs_get",
        "uapi_blobs_id_get",
        "uapi_blobs_id_put",
        "uapi_blobs_id_delete",
    ];
    for (method, needed) in calls {
        let others: Vec<&str> = all.into_iter().filter(|scope| *scope != needed).collect();
        let refused = ask(&world, &world.idp.token(&others.join(" ")), method, "a");
        assert_eq!(refused.status, 403);
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains(needed), "{challenge}");
        let allowed = ask(&world, &world.idp.token(needed), method, "a");
        assert_eq!(allowed.status, 200, "{method}");
    }
    let list = request("GET", "/blobs").token(&world.idp.token("uapi_blobs_id_get"));
    list.send(world.address()).problem(403);
    let list = request("GET", "/blobs").token(&world.idp.token("uapi_blobs_get"));
    assert_eq!(list.send(world.address()).status, 200);
}

#[test]
fn a_scope_for_one_blob_is_for_that_blob() {
    let world = World::new();
    for signer in [&world.idp, &world.controller] {
        let token = signer.token("uapi_blobs_id_put:a/b uapi_blobs_id_get:c");
        for (method, name, status) in [
            ("PUT", "a/b", 200),
            ("PUT", "a", 403),
            ("PUT", "a/b/c", 403),
            ("PUT", "c", 403),
            ("GET", "a/b", 403),
            ("GET", "c", 200),
            ("DELETE", "a/b", 403),
        ] {
            world.put("a/b", "old");
            world.put("c", "old");
            let answer = ask(&world, &token, method, name);
            assert_eq!(answer.status, status, "{method} {name}: {}", answer.text());
        }
        let old = format!("c?version={}", digest(b"old"));
        assert_eq!(ask(&world, &token, "GET", &old).status, 200);
    }
}

#[test]
fn of_the_controller_only_scopes_for_one_blob_count() {
    let world = World::new();
    world.put("a", "old");
    let token = world.controller.token(crate::world::ALL);
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        assert_eq!(ask(&world, &token, method, "a").status, 403, "{method}");
    }
    for path in ["/blobs", "/metrics"] {
        let answer = request("GET", path).token(&token).send(world.address());
        answer.problem(403);
    }
    assert_eq!(world.get("a").body, b"old");
}

#[test]
fn without_a_good_token_nothing_is_looked_at() {
    let world = World::new();
    let stranger = World::stopped();
    let good = &world.token;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tokens = [
        stranger.token.clone(),
        world.idp.token_for("elsewhere", crate::world::ALL),
        format!("{head}.{flipped}{}", &signature[1..]),
        format!("{head}."),
        "nonsense".to_owned(),
        "x".repeat(9000),
    ];
    for token in &tokens {
        for (method, name) in [("GET", "a"), ("PUT", "a"), ("DELETE", "a"), ("GET", "../a")] {
            ask(&world, token, method, name).problem(401);
        }
    }
    // Before the body: nothing is sent here but the head.
    let head = request("PUT", &path("a")).header("Content-Length", "1000000000");
    let answer = Answer::read(head.begin(world.address()), false);
    answer.problem(401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    request("GET", "/nothing")
        .send(world.address())
        .problem(401);
    assert!(world.contents().is_empty() && world.temporary().is_empty());
}
