use crate::process::{ADMIN, Idp, create_client, program};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn said(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn serve(state: &Path, listen: &str) -> std::process::Output {
    program(&[
        "serve",
        "--state",
        state.to_str().unwrap(),
        "--listen",
        listen,
    ])
}

#[test]
fn what_was_answered_survives_kill_9() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let idp = Idp::start(state.path());
    let address = idp.url.strip_prefix("http://").unwrap().to_owned();
    let jwks = idp.ask("GET", "/jwks.json", "", "").body;
    let token = idp.token_of("admin", &secret, "");
    let made = idp
        .acting_as("admin", &secret)
        .create_client(&ick_api::idp::NewClient {
            client_id: "worker".parse().unwrap(),
            scope: "uapi_work_get".to_owned(),
        })
        .unwrap();
    idp.kill();

    let idp = Idp::start_at(state.path(), &address);
    assert_eq!(idp.ask("GET", "/jwks.json", "", "").body, jwks);
    idp.token_of("worker", &made.client_secret, "");
    // The token of before is still good: the keys and the issuer are the same.
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(idp.ask("GET", "/clients/worker", &bearer, "").status, 200);
}

#[test]
fn sigterm_is_an_orderly_end() {
    let state = tempfile::tempdir().unwrap();
    let mut idp = Idp::start(state.path());
    let pid = Pid::from_child(&idp.child);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(idp.child.wait().unwrap().code(), Some(0));
}

#[test]
fn secrets_are_for_the_owner_only_and_not_in_the_files() {
    let state = tempfile::tempdir().unwrap();
    let inside = state.path().join("idp");
    let secret = create_client(&inside, "admin", ADMIN);
    let idp = Idp::start(&inside);
    idp.token_of("admin", &secret, "");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inside), 0o700);
    assert!(inside.join("keys.json").is_file());
    for file in std::fs::read_dir(&inside).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        let bytes = std::fs::read(&path).unwrap();
        let secret = secret.reveal().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn a_port_or_a_folder_in_use() {
    let state = tempfile::tempdir().unwrap();
    let idp = Idp::start(state.path());
    let address = idp.url.strip_prefix("http://").unwrap();

    let other = tempfile::tempdir().unwrap();
    let refused = serve(other.path(), address);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        said(&refused),
        format!(
            "ick-idp: cannot listen on {address}: another process listens there; \
             stop it, or choose another port\n"
        )
    );
    let refused = serve(state.path(), "127.0.0.1:0");
    assert_eq!(refused.status.code(), Some(2));
    let path = state.path().display();
    let pid = idp.child.id();
    assert_eq!(
        said(&refused),
        format!(
            "ick-idp: the state folder {path} is in use by process {pid}: \
             stop that process, or choose another folder\n"
        )
    );
    let path = state.path().to_str().unwrap();
    let refused = program(&[
        "create-client",
        "--state",
        path,
        "x",
        "--scope",
        "uapi_work_get",
    ]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("in use by process"));
}

#[test]
fn check_says_sound_or_what_is_damaged() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().to_str().unwrap();
    let check = || {
        let output = program(&["check", "--state", path]);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(check(), (Some(2), String::new()));
    create_client(state.path(), "admin", ADMIN);
    assert_eq!(check(), (Some(0), "sound\n".to_owned()));
    let idp = Idp::start(state.path());
    assert_eq!(check(), (Some(0), "sound\n".to_owned()), "while it runs");
    idp.kill();
    let keys = state.path().join("keys.json");
    std::fs::write(&keys, "{}").unwrap();
    let (code, text) = check();
    assert_eq!(code, Some(1));
    assert!(text.contains("keys.json are damaged"), "{text}");
    // Nor does it serve then, or make other keys in their place.
    let refused = serve(state.path(), "127.0.0.1:0");
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("damaged"), "{}", said(&refused));
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "{}");
}

#[test]
fn the_command_line_and_the_configuration() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().to_str().unwrap();
    for (args, words) in [
        (vec!["serve"], "--config <FILE>"),
        (vec!["create-client", "--state", path, "a"], "--scope"),
        (
            vec![
                "create-client",
                "--state",
                path,
                "..",
                "--scope",
                "uapi_work_get",
            ],
            "begins with a letter",
        ),
        (
            vec![
                "create-client",
                "--state",
                path,
                "a",
                "--scope",
                "uapi_work_gte",
            ],
            "did you mean",
        ),
        (
            vec![
                "create-client",
                "--state",
                path,
                "a",
                "--scope",
                "uapi_work_get:a",
            ],
            "there is no scope",
        ),
        (
            vec![
                "create-client",
                "--state",
                path,
                "a",
                "--all-scopes",
                "--scope",
                "uapi_work_get",
            ],
            "cannot be used with",
        ),
        (vec!["serve", "--config", "/nonexistent"], "cannot read"),
    ] {
        let refused = program(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(
            said(&refused).contains(words),
            "{args:?}: {}",
            said(&refused)
        );
    }
    create_client(state.path(), "a", "uapi_blobs_id_get:x/y uapi_work_get");
    let twice = program(&[
        "create-client",
        "--state",
        path,
        "a",
        "--scope",
        "uapi_work_get",
    ]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(said(&twice).contains("there is a client a already"));
    let all = program(&["create-client", "--state", path, "b", "--all-scopes"]);
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    let scopes: Vec<&str> = all["scope"].as_str().unwrap().split(' ').collect();
    let missing = |scope: &&&str| !scopes.contains(*scope);
    assert_eq!(ick_api::scope::ALL.iter().find(missing), None);

    let config = state.path().join("config.yaml");
    std::fs::write(&config, "isuer: x\ntoken_lifetime: 5\nkey_lifetime: 2h\n").unwrap();
    let refused = serve(state.path(), "127.0.0.1:0");
    assert_eq!(refused.status.code(), Some(2));
    let words = said(&refused);
    for part in [
        "did you mean \"issuer\"",
        "config.yaml:1:1",
        "write 5s",
        "config.yaml:3",
    ] {
        assert!(words.contains(part), "{part} is not in {words}");
    }
    let text = "issuer: https://idp.example\naudience: farm\ntoken_lifetime: 1m\n\
                jwks_refresh: 10m\nlisten: 127.0.0.1:1\n";
    std::fs::write(&config, text).unwrap();
    let idp = Idp::start(state.path());
    assert_eq!(
        idp.client().discovery().unwrap().issuer,
        "https://idp.example"
    );
    let jwks = idp.ask("GET", "/jwks.json", "", "");
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=600"));
}

/// Keys change while it serves, with tokens good at every moment.
#[test]
fn keys_rotate_while_it_serves() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let text = "token_lifetime: 10s\njwks_refresh: 1s\nkey_lifetime: 14s\n";
    std::fs::write(state.path().join("config.yaml"), text).unwrap();
    // A first key that has signed for almost as long as it may.
    let idp = Idp::start(state.path());
    let keys = |idp: &Idp| {
        let jwks = idp.ask("GET", "/jwks.json", "", "").json();
        jwks["keys"].as_array().unwrap().len()
    };
    assert_eq!(keys(&idp), 1);
    idp.kill();
    let path = state.path().join("keys.json");
    let mut file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let from = file["keys"][0]["signs_from"].as_u64().unwrap();
    file["keys"][0]["signs_from"] = (from - 14_000).into();
    std::fs::write(&path, file.to_string()).unwrap();

    let idp = Idp::start(state.path());
    assert_eq!(keys(&idp), 2, "the next one is shown before it signs");
    let admin = idp.acting_as("admin", &secret);
    assert_eq!(admin.clients(None).unwrap().len(), 1);
}
