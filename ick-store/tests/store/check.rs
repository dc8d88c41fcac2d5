//! `ick-store check`, and what keeps the program from starting.

use crate::world::World;
use std::process::Command;

#[test]
fn damage_is_found_and_named() {
    let mut world = World::new();
    world.put("a/one", "one");
    world.put("b/one", "one");
    world.put("two", "two");
    world.put("three", "three");
    let sound = world.run("check");
    assert_eq!(
        String::from_utf8(sound.stdout).unwrap(),
        "sound: 3 contents, 11 bytes\n"
    );
    assert_eq!(sound.status.code(), Some(0));
    world.kill();
    world.expect_sound();

    std::fs::remove_file(world.content_path(b"one")).unwrap();
    std::fs::write(world.content_path(b"two"), "tow").unwrap();
    std::fs::write(world.content_path(b"three"), "thre").unwrap();
    let damaged = world.run("check");
    assert_eq!(damaged.status.code(), Some(1));
    let text = String::from_utf8(damaged.stdout).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    for part in [
        " of a/one, b/one: is missing\n",
        " of two: has the content sha256:",
        " of three: has 4 bytes instead of 5\n",
    ] {
        assert!(text.contains(part), "{text}");
    }

    let index = world.state().join("store.sqlite");
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[4096..].fill(0xee);
    std::fs::write(&index, bytes).unwrap();
    assert_eq!(world.run("check").status.code(), Some(1));
}

#[test]
fn wrong_use_is_told_apart_from_damage() {
    let world = World::stopped();
    let nothing = world.run("check");
    assert_eq!(nothing.status.code(), Some(2));
    let text = String::from_utf8(nothing.stderr).unwrap();
    assert!(text.contains("store.sqlite"), "{text}");
    for args in [
        ["check", "--sate"],
        ["serve", "--listen"],
        ["nonsense", "x"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ick-store"))
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_second_store_and_a_port_in_use_are_refused_in_words() {
    let world = World::new();
    let serve = |state: &std::path::Path, listen: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_ick-store"))
            .args(["serve", "--listen", listen, "--state"])
            .arg(state)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let text = serve(&world.state(), "127.0.0.1:0");
    assert!(text.contains(&format!("process {}", world.pid())), "{text}");
    let other = tempfile::TempDir::new().unwrap();
    let text = serve(&other.path().join("state"), &world.address().to_string());
    assert!(text.contains("another process listens there"), "{text}");

    let config = other.path().join("config.yaml");
    std::fs::write(&config, "lisen: 127.0.0.1:0\naudience: [x]\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ick-store"))
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("lisen") && text.contains("audience"),
        "{text}"
    );
}

#[test]
fn sigterm_ends_it_in_order() {
    let world = World::new();
    world.put("a", "x");
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let wal = world.state().join("store.sqlite-wal");
    crate::world::wait_until("the index is closed", || !wal.exists());
}
