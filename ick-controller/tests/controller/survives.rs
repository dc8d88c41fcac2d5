//! What was acknowledged survives `kill -9`.

use crate::world::{World, eventually, frame};
use serde_json::json;
use std::process::Command;

#[test]
fn what_was_acknowledged_survives_kill_9_at_every_step() {
    let mut world = World::new();
    let id = world.hello();
    world.restart();
    assert_eq!(world.build(&id)["status"], json!("triggered"));
    let worker = world.worker("w");
    let first = worker.work("30s");
    world.restart();
    let worker = world.client("w");
    // The registration and the lease are still there.
    let again = worker.work("0s");
    assert_eq!(
        (&again["lease"], &again["step"]),
        (&first["lease"], &first["step"])
    );
    let second = worker.exited(&again, 0).is(200);
    worker.print(&second, 0, "one\n").is(200);
    world.restart();
    let worker = world.client("w");
    assert_eq!(worker.work("0s")["log_offset"], json!(4));
    // The answer to this append was lost: the worker asks by sending it again.
    assert_eq!(
        worker.print(&second, 0, "one\n").is(409)["length"],
        json!(4)
    );
    worker.print(&second, 4, "two\n").is(200);
    let third = worker.exited(&second, 0).is(200);
    world.restart();
    let worker = world.client("w");
    assert_eq!(
        worker.exited(&second, 0).is(200)["action_id"],
        third["action_id"]
    );
    let report = json!({
        "build_id": id, "action_id": "3", "lease": third["lease"], "exit_code": 0, "stdout": "three\n",
        "log_length": 14,
    });
    assert_eq!(worker.post("/work", &report).is(200), json!({}));
    world.restart();
    assert_eq!(world.client("w").post("/work", &report).is(200), json!({}));
    assert_eq!(world.build(&id)["status"], json!("done"));
    assert_eq!(world.log(&id), "one\ntwo\nthree\n");
    let check = Command::new(World::program());
    world.kill();
    assert!(sound(check, &world), "the state is sound");
}

fn sound(mut check: Command, world: &World) -> bool {
    check.args(["check", "--state"]).arg(world.state());
    check.output().unwrap().status.success()
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    let mut world = World::prepare("", "http://127.0.0.1:1");
    // No file may grow beyond 2 MiB: as if the disk were full, for large files.
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "bash"]);
    limited.arg(World::program());
    limited
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(world.state());
    world.start_as(&mut limited);
    let id = world.hello();
    let worker = world.worker("w");
    let item = worker.work("30s");
    let piece = frame(1, &vec![b'x'; 700 << 10]);
    let mut length = 0;
    let refused = loop {
        let answer = worker.append(&item, length, &piece);
        if answer.status != 200 {
            break answer;
        }
        length = answer.is(200)["length"].as_u64().unwrap();
        assert!(length < 4 << 20, "never full");
    };
    refused.is(507);
    assert_eq!(length, 2 * (700 << 10));
    assert_eq!(
        worker.append(&item, length, b"").is(200)["length"],
        json!(length)
    );
    // What fits goes on.
    worker.print(&item, length, "fits\n").is(200);
    world.kill();
    world.start();
    let worker = world.client("w");
    assert_eq!(worker.work("0s")["log_offset"], json!(length + 5));
    worker.append(&item, length + 5, &piece).is(200);
    let log = world.log(&id);
    assert!(log.ends_with('x') && log.contains("fits\n"));
    assert_eq!(log.len() as u64, length + 5 + (700 << 10));
}

#[test]
fn a_state_folder_in_use_and_a_port_in_use_are_said() {
    let world = World::new();
    let output = world.command().output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(words.contains(&world.process().id().to_string()), "{words}");
    let other = World::prepare("", "http://127.0.0.1:1");
    let address = world.url().strip_prefix("http://").unwrap();
    let mut command = Command::new(World::program());
    command
        .args(["serve", "--listen", address, "--state"])
        .arg(other.state());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Spoils what the database has of a build, as a bad disk might.
fn damage(world: &World, number: u32) {
    let database = rusqlite::Connection::open(world.state().join("controller.sqlite")).unwrap();
    let changed = database
        .execute("UPDATE builds SET state = '{' WHERE number = ?1", [number])
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn a_damaged_build_holds_up_no_other() {
    let mut world = World::new();
    world.hello();
    let second = world.trigger("hello");
    world.kill();
    damage(&world, 1);
    world.start();
    let worker = world.worker("w");
    assert_eq!(worker.work("30s")["build_id"], json!(second));
}

#[test]
fn a_damaged_build_keeps_no_other_from_its_time_out() {
    let mut world = World::with("queue_timeout: 1s\n");
    world.hello();
    let second = world.trigger("hello");
    world.kill();
    damage(&world, 1);
    world.start();
    eventually("the end of the sound build", || {
        (world.build(&second)["status"] == "failed").then_some(())
    });
}
