//! Triggers, cancels, reports.

use crate::world::{World, eventually};
use serde_json::{Value, json};

fn statuses(build: &Value) -> Vec<&str> {
    let actions = build["actions"].as_array().unwrap();
    actions
        .iter()
        .map(|action| action["status"].as_str().unwrap())
        .collect()
}

#[test]
fn a_trigger_with_the_same_key_gives_the_same_build() {
    let world = World::new();
    world.hello();
    let admin = world.client("admin");
    let trigger = |key: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        admin.send("POST", "/projects/hello/+trigger", &headers, b"{}")
    };
    let first = trigger("a").is(201);
    assert_eq!(trigger("a").is(200)["build_id"], first["build_id"]);
    assert_eq!(trigger("b").is(201)["build_id"], json!("hello/3"));
    // Without a body, and without saying of what kind it is.
    let empty = admin.send("POST", "/projects/hello/+trigger", &[], b"");
    assert_eq!(empty.is(201)["build_number"], json!(4));
    assert_eq!(
        admin.get("/projects/hello").is(200)["next_build_id"],
        json!("hello/1")
    );
    admin.get("/projects/hello/+trigger").is(405);
    admin.post("/projects/nothing/+trigger", &json!({})).is(404);
    let unwanted = json!({"parameters": {"nobody_wants": 1}});
    admin.post("/projects/hello/+trigger", &unwanted).is(422);
    admin
        .send(
            "POST",
            "/projects/hello/+trigger",
            &[("content-type", "application/json")],
            b"{",
        )
        .is(400);
}

#[test]
fn a_cancel_while_it_waits_ends_a_build() {
    let world = World::new();
    let id = world.hello();
    let admin = world.client("admin");
    for _ in 0..2 {
        admin
            .post(&format!("/builds/{id}/+cancel"), &json!({}))
            .is(200);
    }
    let build = world.build(&id);
    assert_eq!(
        (&build["status"], &build["cause"]["kind"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    assert_eq!(statuses(&build), ["skipped"; 3]);
    let worker = world.worker("w");
    assert_eq!(worker.work("0s"), json!({}));
}

#[test]
fn a_cancel_leaves_what_is_always_executed_and_a_second_does_not() {
    let world = World::new();
    world.hello();
    world.trigger("hello");
    let admin = world.client("admin");
    let worker = world.worker("w");
    for (id, cancels, last) in [("hello/1", 1, "done"), ("hello/2", 2, "skipped")] {
        let item = worker.work("30s");
        let item = worker.exited(&item, 0).is(200);
        assert_eq!(
            (&item["build_id"], &item["action_id"]),
            (&json!(id), &json!("2"))
        );
        let lease = item["lease"].as_str().unwrap();
        let mut seen = worker.get(&format!("/work/+lease?lease={lease}")).is(200)["seen"].clone();
        for cancel in 1..=cancels {
            let waiting = format!("/work/+lease?lease={lease}&wait=30s&seen={seen}");
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| worker.get(&waiting).is(200));
                admin
                    .post(&format!("/builds/{id}/+cancel"), &json!({}))
                    .is(200);
                let news = waiter.join().unwrap();
                assert_eq!(news["cancelled"], json!(cancel));
                seen = news["seen"].clone();
            });
        }
        assert_eq!(world.build(id)["cancel_requested"], json!(true));
        let report = json!({
            "build_id": id, "action_id": "2", "lease": lease, "exit_code": null,
            "cause": {"kind": "cancelled", "detail": "the worker was told so"},
        });
        let next = worker.post("/work", &report).is(200);
        if last == "done" {
            assert_eq!(
                (&next["action_id"], &next["cancelled"]),
                (&json!("3"), &json!(1))
            );
            assert_eq!(worker.exited(&next, 0).is(200), json!({}));
        } else {
            assert_eq!(next, json!({}));
        }
        let build = world.build(id);
        assert_eq!(statuses(&build), ["done", "cancelled", last]);
        assert_eq!(
            (&build["status"], &build["cancel_requested"]),
            (&json!("cancelled"), &json!(false))
        );
    }
}

#[test]
fn a_failure_names_its_action_and_skips_what_follows() {
    let world = World::new();
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    let item = worker.exited(&item, 0).is(200);
    let item = worker.exited(&item, 7).is(200);
    assert_eq!(item["action_id"], json!("3"));
    worker.exited(&item, 0).is(200);
    let build = world.build(&id);
    assert_eq!(statuses(&build), ["done", "failed", "done"]);
    assert_eq!(build["status"], json!("failed"));
    let cause = &build["cause"];
    assert_eq!(
        (&cause["kind"], &cause["code"], &cause["action_id"]),
        (&json!("exit"), &json!(7), &json!("2"))
    );
    assert_eq!(build["actions"][1]["exit_code"], json!(7));
}

#[test]
fn work_asked_for_again_is_the_very_same_and_reports_may_be_repeated() {
    let world = World::new();
    let id = world.hello();
    let worker = world.worker("w");
    let lasting = |mut item: Value| {
        let fields = item.as_object_mut().unwrap();
        for fresh in [
            "lease_expires",
            "log_offset",
            "cancelled",
            "store_token",
            "now",
            "log_left",
        ] {
            fields.remove(fresh);
        }
        item
    };
    let first = worker.work("30s");
    for _ in 0..2 {
        assert_eq!(lasting(worker.work("0s")), lasting(first.clone()));
    }
    // The other slot has nothing.
    assert_eq!(worker.get("/work?slot=2").is(200), json!({}));
    let second = worker.exited(&first, 0).is(200);
    assert_eq!(second["lease"], first["lease"]);
    // A report that comes again is answered with the item as it stands now, whatever it says.
    assert_eq!(
        lasting(worker.exited(&first, 9).is(200)),
        lasting(second.clone())
    );
    assert_eq!(lasting(worker.work("0s")), lasting(second.clone()));
    let third = worker.exited(&second, 0).is(200);
    assert_eq!(worker.exited(&third, 0).is(200), json!({}));
    for item in [&first, &second, &third] {
        assert_eq!(worker.exited(item, 1).is(200), json!({}));
    }
    let build = world.build(&id);
    assert_eq!(
        (&build["status"], statuses(&build)),
        (&json!("done"), vec!["done"; 3])
    );
    assert_eq!(worker.work("0s"), json!({}));
}

#[test]
fn one_workers_lease_is_of_no_use_to_another() {
    let world = World::new();
    world.hello();
    world.trigger("hello");
    let (one, two) = (world.worker("w1"), world.worker("w2"));
    let item = one.work("30s");
    let other = two.work("30s");
    assert_eq!(other["build_id"], json!("hello/2"));
    let lease = item["lease"].as_str().unwrap();
    two.exited(&item, 0).is(409);
    two.print(&item, 0, "forged\n").is(409);
    two.get(&format!("/work/+lease?lease={lease}")).is(409);
    // Its own lease with another's build, and with an action that it does not have.
    let mut mixed = other.clone();
    mixed["build_id"] = item["build_id"].clone();
    two.exited(&mixed, 0).is(409);
    for action_id in ["3", "17", ""] {
        let mut wrong = other.clone();
        wrong["action_id"] = json!(action_id);
        two.exited(&wrong, 0).is(409);
    }
    let stranger = world.client_with("stranger", &ick_api::scope::WORKER.join(" "));
    stranger.exited(&item, 0).is(409);
    assert_eq!(world.log("hello/1"), "");
    assert_eq!(world.build("hello/1")["status"], json!("building"));
}

#[test]
fn a_build_without_a_verdict_is_not_done() {
    let world = World::new();
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    let no_verdict =
        json!({"build_id": id, "action_id": "1", "lease": item["lease"], "exit_code": null});
    worker.post("/work", &no_verdict).is(422);
    let both = json!({
        "build_id": id, "action_id": "1", "lease": item["lease"], "exit_code": 0,
        "cause": {"kind": "store_unreachable"},
    });
    worker.post("/work", &both).is(422);
    assert_eq!(world.build(&id)["status"], json!("building"));
}

#[test]
fn every_trigger_among_many_becomes_a_build_that_ends() {
    // Two slots that do nothing but ask and report, while triggers come in.
    const BUILDS: usize = 100;
    let world = World::new();
    world.apply("projects: [{project: p, pipelines: [a]}]\npipelines: [{pipeline: a, actions: [{shell: 'true', where: host}]}]\n");
    let worker = world.worker("w");
    let done = std::sync::atomic::AtomicUsize::new(0);
    let ended = || done.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        for slot in 1..=2 {
            let (worker, done, ended) = (&worker, &done, &ended);
            scope.spawn(move || {
                while ended() < BUILDS {
                    let mut item = worker.get(&format!("/work?wait=1s&slot={slot}")).is(200);
                    while item.get("lease").is_some() {
                        item = worker.exited(&item, 0).is(200);
                        if item == json!({}) {
                            done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        }
                    }
                }
            });
        }
        let admin = world.client("admin");
        for _ in 0..BUILDS {
            admin.post("/projects/p/+trigger", &json!({})).is(201);
        }
        eventually("all builds end", || (ended() == BUILDS).then_some(()));
    });
    let admin = world.client("admin");
    let list = admin.get("/builds?status=done&limit=1000").is(200);
    let numbers: Vec<_> = list["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["build_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=BUILDS as u64).rev().collect::<Vec<_>>());
}

#[test]
fn a_builds_end_can_be_waited_for() {
    let world = World::new();
    let worker = world.worker("w");
    let id = world.hello();
    let admin = world.client("admin");
    let get = |wait: &str| admin.get(&format!("/builds/{id}?wait={wait}"));
    assert_eq!(get("10ms").is(200)["status"], "triggered");
    for wrong in ["soon", "-1s", "5"] {
        get(wrong).is(400);
    }
    admin.get("/builds/hello/9?wait=30s").is(404);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| get("60s").is(200));
        let mut item = worker.work("30s");
        while item.get("lease").is_some() {
            assert!(!waiting.is_finished());
            item = worker.exited(&item, 0).is(200);
        }
        assert_eq!(waiting.join().unwrap(), world.build(&id));
    });
    assert_eq!(get("60s").is(200)["status"], "done");
}
