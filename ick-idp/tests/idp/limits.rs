//! The limits that the configuration sets, exceeded from outside.

use crate::process::{ADMIN, Idp, create_client, program};

const LOW: &str = "limits: {token_body: 2KiB, client_body: 3KiB, headers: 16}\n";

#[test]
fn each_body_has_its_own_limit() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    std::fs::write(state.path().join("config.yaml"), LOW).unwrap();
    let idp = Idp::start(state.path());
    let token = idp.token_of("admin", &secret, "");
    let authorization = format!("Authorization: Bearer {token}\r\n");
    for (path, headers, kib) in [("/token", "", 2), ("/clients", authorization.as_str(), 3)] {
        let send = |bytes| idp.ask("POST", path, headers, &"x".repeat(bytes));
        let limit = kib * 1024;
        let answer = send(limit + 1);
        assert_eq!(answer.status, 413, "{answer:?}");
        let detail = answer.json()["detail"].clone();
        assert!(detail.as_str().unwrap().contains(&limit.to_string()));
        assert_eq!(send(limit).status, 400, "{path}");
    }
    let many = "X: y\r\n".repeat(20);
    let answer = idp.ask("GET", "/version", &many, "");
    assert_eq!(answer.status, 431, "{answer:?}");
}

#[test]
fn a_setting_of_another_daemon_is_none_here() {
    let state = tempfile::tempdir().unwrap();
    let config = "limits: {queued_builds: 5}\n";
    std::fs::write(state.path().join("config.yaml"), config).unwrap();
    let ended = program(&["serve", "--state", state.path().to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("config.yaml:1:10"), "{said}");
}
