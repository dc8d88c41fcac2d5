//! Why a build is not starting, and who gets it.

use crate::world::World;
use serde_json::json;

#[test]
fn a_build_says_why_it_waits() {
    let world = World::new();
    let id = world.hello();
    let waiting = || {
        let build = world.build(&id);
        build["waiting"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(waiting(), "no worker is registered: start one");
    let forbids = world.client("forbids");
    let registration = json!({"allows": {"host": false, "chroot": false, "network": true}});
    forbids.post("/workers", &registration).is(201);
    assert_eq!(forbids.work("0s"), json!({}));
    assert!(
        waiting().starts_with("no registered worker allows actions on the host"),
        "{}",
        waiting()
    );
    let worker = world.client("w");
    worker.post("/workers", &json!({})).is(201);
    worker.post("/workers", &json!({})).is(200);
    let admin = world.client("admin");
    admin.post("/workers/w/+drain", &json!({})).is(200);
    assert_eq!(worker.work("0s"), json!({}));
    assert_eq!(
        waiting(),
        "every worker that could take it is drained (w): resume one"
    );
    admin.post("/workers/w/+resume", &json!({})).is(200);
    assert_eq!(worker.work("30s")["build_id"], json!(id));
    let second = world.trigger("hello");
    let build = world.build(&second);
    assert_eq!(
        build["waiting"],
        json!("every worker that could take it is busy (w)")
    );
}

#[test]
fn a_waiting_worker_is_woken_by_a_trigger() {
    let world = World::new();
    world.hello();
    let worker = world.worker("w");
    let first = worker.work("30s");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| worker.get("/work?wait=50s&slot=2").is(200));
        let begun = std::time::Instant::now();
        let id = world.trigger("hello");
        assert_eq!(waiter.join().unwrap()["build_id"], json!(id));
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(40),
            "woken, not timed out"
        );
    });
    assert_eq!(first["build_id"], json!("hello/1"));
}

#[test]
fn a_worker_that_relies_on_its_registration_is_told_when_it_is_gone() {
    let world = World::new();
    let worker = world.client("w");
    worker.get("/work?registered=true").is(409);
    worker.get("/work").is(200);
    worker.get("/work?registered=true").is(200);
    world
        .client("admin")
        .send("DELETE", "/workers/w", &[], b"")
        .is(200);
    worker.get("/work?registered=true").is(409);
}

#[test]
fn a_worker_that_never_registered_has_the_defaults() {
    let world = World::new();
    let id = world.hello();
    let worker = world.client_with("w", "uapi_work_get uapi_work_post");
    assert_eq!(worker.work("30s")["build_id"], json!(id));
    let record = world.client("admin").get("/workers/w").is(200);
    assert_eq!(record["slots"], 1);
    assert_eq!(
        record["allows"],
        json!({"host": true, "chroot": true, "network": true})
    );
}

#[test]
fn what_is_no_slot_and_no_question_is_refused() {
    let world = World::new();
    let worker = world.worker("w");
    worker.get("/work?slot=3").is(422);
    worker.get("/work?slot=0").is(422);
    worker.get("/work?wait=soon").is(400);
    worker.get("/work?what=ever").is(400);
}
