//! Who one is: credentials from a login, from the environment, and as a token.

use crate::home::{Home, ended};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// A client with these scopes, and its secret.
fn client(home: &Home, name: &str, scopes: &[&str]) -> String {
    let mut args = vec!["create-client", name, "--format", "json"];
    for scope in scopes {
        args.extend(["--scope", scope]);
    }
    let made = home.run(&args).exits(0).json();
    assert_eq!(made["client_id"], name);
    made["client_secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_login_is_kept_for_its_owner_alone_and_forgotten_by_a_logout() {
    let ick = Home::up();
    let secret = client(&ick, "reader", &["uapi_projects_get"]);
    let url = ick.url();
    let home = Home::new();
    home.run(&["list-projects", "--controller", &url])
        .exits(5)
        .says("no credentials")
        .says("icktool login");
    home.run_with(
        &["login", "--controller", &url, "--client-id", "reader"],
        "wrong\n",
    )
    .exits(5);
    home.run(&["list-projects"])
        .exits(2)
        .says("no controller is known");

    let login = home.run_with(
        &["login", "--controller", &url, "--client-id", "reader"],
        &format!("{secret}\n"),
    );
    login.exits(0).says("as reader");
    let file = home.path(".config/ick/credentials.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    home.run(&["list-projects"]).exits(0);
    let whoami = home.run(&["whoami", "--format", "json"]).exits(0).json();
    assert_eq!(whoami["client_id"], "reader");
    assert_eq!(whoami["scope"], "uapi_projects_get");
    home.run(&["list-builds"]).exits(5).says("uapi_builds_get");

    home.run(&["logout"])
        .exits(0)
        .says("forgot the credentials");
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&secret));
    home.run(&["list-projects", "--controller", &url]).exits(5);
    home.run(&["logout"]).exits(0);
}

#[test]
fn the_secret_also_comes_from_a_file_or_the_environment() {
    let ick = Home::up();
    let secret = client(&ick, "reader", &["uapi_projects_get"]);
    let url = ick.url();
    let home = Home::new();
    home.write("secret", &format!("{secret}\n"));
    home.run(&[
        "login",
        "--controller",
        &url,
        "--client-id",
        "reader",
        "--client-secret-file",
        "secret",
    ])
    .exits(0);
    home.run(&["list-projects"]).exits(0);

    let home = Home::new();
    let mut login = home.command(&["login", "--controller", &url, "--client-id", "reader"]);
    ended(login.env("ICK_CLIENT_SECRET", &secret)).exits(0);
    home.run(&["list-projects"]).exits(0);
}

#[test]
fn the_environment_gives_controller_credentials_or_token() {
    let ick = Home::up();
    let secret = client(&ick, "reader", &["uapi_projects_get"]);
    let token = ick.run(&["token"]).exits(0).stdout.trim().to_owned();
    let home = Home::new();
    let list = |pairs: &[(&str, &str)]| {
        let mut command = home.command(&["list-projects"]);
        command
            .env("ICK_CONTROLLER", ick.url())
            .envs(pairs.iter().copied());
        ended(&mut command)
    };
    list(&[]).exits(5);
    list(&[("ICK_CLIENT_ID", "reader"), ("ICK_CLIENT_SECRET", &secret)]).exits(0);
    list(&[("ICK_CLIENT_ID", "reader"), ("ICK_CLIENT_SECRET", "wrong")]).exits(5);
    list(&[("ICK_CLIENT_ID", "reader")])
        .exits(2)
        .says("ICK_CLIENT_SECRET");
    list(&[("ICK_TOKEN", &token)]).exits(0);
    list(&[("ICK_TOKEN", "nonsense")]).exits(5);
}

/// Something that answers every request as a controller that names this issuer.
fn false_controller(issuer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = format!(
                "{{\"version\": \"0\", \"api\": 1, \"artifact_store\": \"{issuer}\", \"auth_url\": \"{issuer}\"}}"
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

#[test]
fn credentials_are_sent_to_no_other_issuer_than_the_one_seen_first() {
    let home = Home::new();
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    let stolen = format!("http://{}", thief.local_addr().unwrap());
    let controller = false_controller(stolen);
    std::fs::create_dir_all(home.path(".config/ick")).unwrap();
    home.write(
        ".config/ick/credentials.json",
        &format!(
            "{{\"version\": 1, \"entries\": [{{\"controller\": \"{controller}\", \
             \"issuer\": \"http://idp.example.invalid\", \"client_id\": \"me\", \
             \"client_secret\": \"hush\"}}]}}"
        ),
    );
    let refused = home
        .run(&["list-projects", "--controller", &controller])
        .exits(5);
    assert!(
        refused.stderr.contains("http://idp.example.invalid"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("log in again"),
        "{}",
        refused.stderr
    );
    assert!(
        thief.accept().is_err(),
        "something was sent to the other issuer"
    );

    home.write(
        ".config/ick/issuers.json",
        &format!(
            "{{\"version\": 1, \"bindings\": [{{\"controller\": \"{controller}\", \
             \"issuer\": \"http://idp.example.invalid\"}}]}}"
        ),
    );
    let mut command = home.command(&["list-projects", "--controller", &controller]);
    ended(
        command
            .env("ICK_CLIENT_ID", "me")
            .env("ICK_CLIENT_SECRET", "hush"),
    )
    .exits(5);
    assert!(
        thief.accept().is_err(),
        "something was sent to the other issuer"
    );
}

#[test]
fn a_new_worker_gets_what_it_needs_and_no_more() {
    let ick = Home::up();
    let made = ick
        .run(&["create-worker", "builder-7", "--slots", "3", "--allow-host"])
        .exits(0)
        .says("only this machine reaches the controller")
        .says("docs/second-host.md");
    for part in [
        &format!("controller: \"{}\"\nclient_id: \"builder-7\"\n", ick.url()),
        "slots: 3\nallow_host: true\nallow_network: false\n",
        "umask 077\n",
        "exec ick-worker serve --state",
    ] {
        assert!(made.stdout.contains(part), "{part:?} in {}", made.stdout);
    }
    let clients = ick
        .run(&["list-clients", "--format", "json"])
        .exits(0)
        .json();
    let scope = clients["clients"]
        .as_array()
        .unwrap()
        .iter()
        .find(|client| client["client_id"] == "builder-7")
        .map(|client| {
            client["scope"]
                .as_str()
                .unwrap()
                .split(' ')
                .collect::<Vec<_>>()
        });
    assert_eq!(scope.map(|scope| scope.len()), Some(3));
    ick.run(&["create-worker", "builder-7"])
        .exits(2)
        .says("there is a client of that name already")
        .says("icktool delete-client builder-7");
    ick.run(&["create-worker", "builder 8"])
        .exits(2)
        .says("\"builder 8\" is no name of a worker");
    ick.run(&["delete-client", "builder-7"]).exits(0);
    let made = ick
        .run(&["create-worker", "builder-7", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(made["controller"], ick.url());
    assert_eq!(made["client_id"], "builder-7");
    assert!(made["client_secret"].as_str().unwrap().len() >= 32);
}

#[test]
fn what_create_worker_prints_makes_a_host_a_worker() {
    let ick = Home::up();
    let block = ick.run(&["create-worker", "second"]).exits(0).stdout;
    let host = Home::new();
    let programs = std::path::Path::new(assert_cmd::cargo::cargo_bin!("icktool"))
        .parent()
        .unwrap()
        .to_owned();
    let usual = without_ick(&host.path("bin"));
    let paste = |path: &str| {
        let mut sh = std::process::Command::new("sh");
        sh.env_clear().env("PATH", path).env("HOME", host.path(""));
        sh.current_dir(host.path(""))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut sh = sh.spawn().unwrap();
        let mut stdin = sh.stdin.take().unwrap();
        stdin.write_all(block.as_bytes()).unwrap();
        sh
    };
    let without = paste(&usual).wait_with_output().unwrap();
    let said = String::from_utf8(without.stderr).unwrap();
    assert_eq!(without.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no ick-worker in PATH"), "{said}");
    assert!(!host.path("ick-worker").exists());

    let with = format!("{}:{usual}", programs.display());
    let worker = Pasted(paste(&with));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let shown = ick.run(&["show-worker", "second", "--format", "json"]);
        if shown.code == 0 {
            assert_eq!(shown.json()["slots"], 1);
            break;
        }
        assert!(std::time::Instant::now() < until, "{shown:?}");
    }
    let mode = |name: &str| {
        let meta = std::fs::metadata(host.path(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode("ick-worker"), 0o700);
    assert_eq!(mode("ick-worker/config.yaml"), 0o600);
    // The settings of a worker are never overwritten.
    let again = paste(&with).wait_with_output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("the settings of a worker already"), "{said}");

    worker.end();
}

/// A folder of all programs here but Ick's own, which whoever tests may have installed.
fn without_ick(folder: &std::path::Path) -> String {
    std::fs::create_dir(folder).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for there in std::env::split_paths(&path).filter_map(|place| std::fs::read_dir(place).ok()) {
        for program in there.flatten() {
            let name = program.file_name();
            if !name.as_encoded_bytes().starts_with(b"ick") {
                // Of two of one name the first counts.
                let _ = std::os::unix::fs::symlink(program.path(), folder.join(name));
            }
        }
    }
    folder.display().to_string()
}

/// A shell that runs a worker as its one child.
struct Pasted(std::process::Child);

impl Pasted {
    fn end(mut self) {
        assert!(self.interrupt());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }

    fn interrupt(&self) -> bool {
        let id = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let child = children.ok().and_then(|ids| ids.trim().parse().ok());
        child
            .and_then(Pid::from_raw)
            .is_some_and(|child| kill_process(child, Signal::INT).is_ok())
    }
}

impl Drop for Pasted {
    fn drop(&mut self) {
        self.interrupt();
        let _ = self.0.wait();
    }
}
