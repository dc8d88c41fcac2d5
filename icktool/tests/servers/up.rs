//! `up` and `down`.

use crate::home::{Home, eventually, is_alive};
use std::os::unix::fs::PermissionsExt;

const DAEMONS: [&str; 4] = ["idp", "controller", "store", "worker"];

#[test]
fn up_is_done_once_and_down_takes_all_of_it_back() {
    let home = Home::new();
    let first = home
        .run(&["up", "--detach", "--port", "0"])
        .exits(0)
        .says("builds may run anything");
    assert_eq!(first.stdout, "ready\n");
    let file = home.state().join("up.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = home.up_file();
    home.run(&["up", "--detach"])
        .exits(0)
        .says("it was up already");
    assert_eq!(home.up_file(), before);
    // It is the default server now, for commands without any option.
    let status = home.run(&["status"]).exits(0);
    assert!(status.stdout.contains("worker-1"), "{}", status.stdout);
    let pids = DAEMONS.map(|daemon| home.pid(daemon));
    home.run(&["down"])
        .exits(0)
        .says("ended: worker, controller, artifact store, identity provider");
    assert!(!file.exists());
    for pid in pids {
        assert!(!is_alive(pid));
    }
    home.run(&["down"]).exits(0).says("nothing was up");
    home.run(&["status"])
        .exits(2)
        .says("no controller is known");
    // Ports, keys and the client stay as they were.
    home.run(&["up", "--detach", "--port", "0"]).exits(0);
    let after = home.up_file();
    assert_eq!(after["controller"]["url"], before["controller"]["url"]);
    assert_eq!(after["client_secret"], before["client_secret"]);
}

#[test]
fn what_died_is_started_and_the_rest_is_left_alone() {
    let home = Home::up();
    for killed in DAEMONS {
        let before = DAEMONS.map(|daemon| home.pid(daemon));
        home.kill(killed);
        home.run(&["up", "--detach"]).exits(0).says("started: ");
        let after = DAEMONS.map(|daemon| home.pid(daemon));
        for ((daemon, before), after) in DAEMONS.iter().zip(before).zip(after) {
            assert_eq!(
                *daemon == killed,
                before != after,
                "{daemon} after {killed} was killed"
            );
        }
    }
    home.run(&["list-projects"]).exits(0);
}

#[test]
fn what_contradicts_the_first_use_is_refused_and_changes_nothing() {
    let home = Home::up();
    let before = home.up_file();
    home.run(&["up", "--detach", "--port", "1234"])
        .exits(2)
        .says("has settled for port");
    home.run(&["up", "--detach", "--slots", "7"])
        .exits(2)
        .says("has settled for 1");
    assert_eq!(home.up_file(), before);
    home.run(&["status"]).exits(0);
}

#[test]
fn a_port_in_use_is_said_and_nothing_is_settled() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().min(65_533).to_string();
    home.run(&["up", "--detach", "--port", &port])
        .exits(2)
        .says(&format!("port {port}"))
        .says("--port 0");
    assert!(!home.state().join("controller/config.yaml").exists());
    home.run(&["up", "--detach", "--port", "0"]).exits(0);
}

#[test]
fn a_daemon_that_does_not_start_is_quoted_and_the_others_are_ended() {
    let home = Home::up();
    home.run(&["down"]).exits(0);
    let settings = home.state().join("store/config.yaml");
    let good = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{good}adience: x\n")).unwrap();
    home.run(&["up", "--detach"])
        .exits(6)
        .says("the artifact store")
        .says("adience")
        .says("store/log");
    assert!(!home.state().join("up.json").exists());
    home.run(&["status"]).exits(2);
    std::fs::write(&settings, good).unwrap();
    // Nothing that was started before holds its folder or port.
    home.run(&["up", "--detach"]).exits(0);
}

#[test]
fn a_daemon_that_nobody_recorded_is_found_and_ended() {
    let home = Home::up();
    let pids = DAEMONS.map(|daemon| home.pid(daemon));
    std::fs::remove_file(home.state().join("up.json")).unwrap();
    home.run(&["up", "--detach"])
        .exits(0)
        .says("it was up already");
    assert_eq!(DAEMONS.map(|daemon| home.pid(daemon)), pids);
    std::fs::remove_file(home.state().join("up.json")).unwrap();
    home.run(&["down"]).exits(0).says("ended: worker");
    for pid in pids {
        eventually("the end of every daemon", || !is_alive(pid));
    }
}

#[test]
fn a_lost_secret_of_a_half_started_ick_is_made_anew() {
    let home = Home::up();
    home.run(&["down"]).exits(0);
    // As if `up` had been interrupted before it could write these down.
    std::fs::remove_file(home.state().join("client.json")).unwrap();
    std::fs::remove_file(home.state().join("worker-1/config.yaml")).unwrap();
    home.run(&["up", "--detach"]).exits(0);
    home.run(&["list-workers"]).exits(0);
}

#[test]
fn with_json_up_says_what_is_up_but_no_secret() {
    let home = Home::new();
    let up = home
        .run(&["up", "--detach", "--port", "0", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(up["controller"]["url"], home.up_file()["controller"]["url"]);
    assert_eq!(up["client_secret"], serde_json::Value::Null);
}
