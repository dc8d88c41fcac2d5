//! The program as a process, and a client that speaks HTTP to it.

use ick_core::name::ClientId;
use ick_core::secret::Secret;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A token of every right that there is over clients, and two others.
pub(crate) const ADMIN: &str = "uapi_builds_get uapi_clients_get uapi_clients_id_delete \
     uapi_clients_id_get uapi_clients_id_secret_post uapi_clients_post uapi_work_get";

pub(crate) fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ick-idp"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Makes a client by the command; its secret.
pub(crate) fn create_client(state: &Path, name: &str, scope: &str) -> Secret {
    let state = state.to_str().unwrap();
    let made = program(&["create-client", "--state", state, name, "--scope", scope]);
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["client_id"], name);
    Secret::new(made["client_secret"].as_str().unwrap())
}

/// A running identity provider; killed when it is dropped.
pub(crate) struct Idp {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Idp {
    pub(crate) fn start(state: &Path) -> Self {
        Self::start_at(state, "127.0.0.1:0")
    }

    pub(crate) fn start_at(state: &Path, listen: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ick-idp"))
            .args(["serve", "--state", state.to_str().unwrap()])
            .args(["--listen", listen])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        // Whatever it says later does not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { url, child }
    }

    pub(crate) fn client(&self) -> ick_client::Idp {
        ick_client::Idp::new(&self.url).unwrap()
    }

    /// The client's calls with the rights of a client.
    pub(crate) fn acting_as(&self, name: &str, secret: &Secret) -> ick_client::Idp {
        let credentials = ick_client::Credentials {
            client_id: name.parse::<ClientId>().unwrap(),
            client_secret: secret.clone(),
        };
        let source = ick_client::TokenSource::client(self.client(), credentials);
        self.client().with_token(source)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// `POST /token` with a form.
    pub(crate) fn token(&self, headers: &str, form: &str) -> Answer {
        let form_type = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", "/token", &format!("{form_type}{headers}"), form)
    }

    /// An access token of a client with all its scopes, or some.
    pub(crate) fn token_of(&self, name: &str, secret: &Secret, scope: &str) -> String {
        let secret = secret.reveal();
        let form = format!(
            "grant_type=client_credentials&client_id={name}&client_secret={secret}&scope={scope}"
        );
        let answer = self.token("", &form);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}
