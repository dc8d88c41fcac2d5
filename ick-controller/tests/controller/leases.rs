//! Leases that expire, in real time, with leases shorter than outside of tests.

use crate::world::{World, eventually};
use serde_json::{Value, json};

const SHORT: &str = "lease_length: 2s\n";

fn becomes(world: &World, id: &str, status: &str, attempt: u32) -> Value {
    eventually(&format!("{id} is {status}, attempt {attempt}"), || {
        let build = world.build(id);
        let is = build["status"] == json!(status) && build["attempt"] == json!(attempt);
        is.then_some(build)
    })
}

#[test]
fn a_lost_worker_costs_an_attempt_and_a_second_the_build() {
    let world = World::with(SHORT);
    let id = world.hello();
    let (one, two) = (world.worker("w1"), world.worker("w2"));
    let item = one.work("30s");
    one.print(&item, 0, "first\n").is(200);
    becomes(&world, &id, "triggered", 2);
    // Too late: the lease is nobody's now.
    one.exited(&item, 0).is(409);
    one.print(&item, 6, "late\n").is(409);
    let lease = item["lease"].as_str().unwrap();
    one.get(&format!("/work/+lease?lease={lease}")).is(409);

    let again = two.work("30s");
    assert_eq!(
        (&again["build_id"], &again["attempt"], &again["action_id"]),
        (&json!(id), &json!(2), &json!("1"))
    );
    assert_ne!(again["lease"], item["lease"]);
    assert_eq!(again["log_offset"], json!(0));
    two.print(&again, 0, "second\n").is(200);
    let build = becomes(&world, &id, "failed", 2);
    assert_eq!(build["cause"]["kind"], json!("lost_worker"));
    two.exited(&again, 0).is(409);
    assert_eq!(world.log(&id), "first\nsecond\n");
    let admin = world.client("admin");
    assert_eq!(
        admin.get(&format!("/logs/{id}?attempt=1")).text(),
        "first\n"
    );
    assert_eq!(
        admin.get(&format!("/logs/{id}?attempt=2")).text(),
        "second\n"
    );
    admin.get(&format!("/logs/{id}?attempt=3")).is(404);
}

#[test]
fn a_renewed_lease_holds_and_a_cancelled_build_is_not_tried_again() {
    let world = World::with(SHORT);
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    let lease = item["lease"].as_str().unwrap();
    let begun = std::time::Instant::now();
    let mut renewed = 0;
    // Waiting for news renews it: at the beginning and at the end of the wait.
    while begun.elapsed() < std::time::Duration::from_secs(5) {
        let path = format!("/work/+lease?lease={lease}&wait=1s");
        let seen = worker.get(&path).is(200)["seen"].clone();
        worker.get(&format!("{path}&seen={seen}")).is(200);
        renewed += 1;
    }
    assert!(renewed >= 3);
    assert_eq!(world.build(&id)["attempt"], json!(1));
    world
        .client("admin")
        .post(&format!("/builds/{id}/+cancel"), &json!({}))
        .is(200);
    let build = becomes(&world, &id, "cancelled", 1);
    assert_eq!(build["cause"]["kind"], json!("cancelled"));
}

#[test]
fn the_controllers_own_absence_does_not_count() {
    let mut world = World::with("lease_length: 5s\n");
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    world.kill();
    // Away for longer than a lease holds: long enough only by this clock.
    let begun = std::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(6) {
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    world.start();
    let worker = world.client_with("w", &ick_api::scope::WORKER.join(" "));
    assert_eq!(world.build(&id)["attempt"], json!(1));
    let next = worker.exited(&item, 0).is(200);
    assert_eq!(
        (&next["action_id"], &next["lease"]),
        (&json!("2"), &item["lease"])
    );
}

#[test]
fn a_loss_that_the_worker_reports_costs_no_automatic_attempt() {
    let world = World::new();
    let id = world.hello();
    let worker = world.worker("w");
    for attempt in 1..=3 {
        let item = worker.work("30s");
        assert_eq!(item["attempt"], json!(attempt));
        let report = json!({
            "build_id": id, "action_id": item["action_id"], "lease": item["lease"], "exit_code": null,
            "cause": {"kind": "lost_worker", "detail": "icktool down"},
        });
        assert_eq!(worker.post("/work", &report).is(200), json!({}));
        assert_eq!(worker.post("/work", &report).is(200), json!({}), "repeated");
    }
    assert_eq!(world.build(&id)["attempt"], json!(4));
}
