//! A controller process with a state folder of its own, and those who call it.

use ick_core::name::ClientId;
use ick_core::time::Timestamp;
use ick_token::{Claims, Keyring, Rotation, Scopes};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Nobody listens there: the keys come from the state folder.
const ISSUER: &str = "http://127.0.0.1:1";

const HELLO: &str = r#"
projects:
  - project: hello
    pipelines: [greet]
pipelines:
  - pipeline: greet
    actions:
      - shell: echo hello
        where: host
      - shell: echo bye
        where: host
        when: always
"#;

pub(crate) struct World {
    folder: TempDir,
    keys: Keyring,
    process: Option<Process>,
}

/// A program that serves; it is killed with this.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Someone with a token.
pub(crate) struct Client {
    url: String,
    token: String,
    agent: ureq::Agent,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(u64::try_from(since.unwrap().as_millis()).unwrap())
}

/// Waits for a fact.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

impl Process {
    /// Starts a program and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("it ended: {}", said.join("\n"));
            };
            match line.strip_prefix("listening on ") {
                Some(url) => break url.to_owned(),
                None => said.push(line),
            }
        };
        // What it says later is shown when a test fails.
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| eprintln!("{line}"));
        });
        Self { child, url }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    /// As `kill -9`.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With lines of configuration.
    pub(crate) fn with(config: &str) -> Self {
        let mut world = Self::prepare(config, ISSUER);
        world.start();
        world
    }

    /// Not started yet.
    pub(crate) fn prepare(config: &str, issuer: &str) -> Self {
        ick_token::install_crypto_provider();
        let folder = TempDir::new().unwrap();
        let rotation = Rotation {
            key_lifetime: Duration::from_secs(86_400),
            refresh: Duration::from_secs(3600),
            token_lifetime: Duration::from_secs(3600),
        };
        let keys = Keyring::open(folder.path().join("issuer.json"), rotation, now()).unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("idp-jwks.json"), &*keys.jwks()).unwrap();
        let config = format!("auth_url: {issuer}\n{config}");
        std::fs::write(state.join("config.yaml"), config).unwrap();
        Self {
            folder,
            keys,
            process: None,
        }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn program() -> &'static Path {
        Path::new(env!("CARGO_BIN_EXE_ick-controller"))
    }

    /// The command that serves.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(Self::program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--state"]);
        command.arg(self.state());
        command
    }

    pub(crate) fn start(&mut self) {
        let command = &mut self.command();
        self.start_as(command);
    }

    pub(crate) fn start_as(&mut self, command: &mut Command) {
        self.process = Some(Process::start(command));
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// `kill -9`, and a new start. Clients from before are of no use any more.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start();
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> &str {
        &self.process().url
    }

    /// A client of this name with every scope.
    pub(crate) fn client(&self, name: &str) -> Client {
        self.client_with(name, &ick_api::scope::ALL.join(" "))
    }

    pub(crate) fn client_with(&self, name: &str, scopes: &str) -> Client {
        let name: ClientId = name.parse().unwrap();
        let scopes: Scopes = scopes.parse().unwrap();
        let lifetime = Duration::from_secs(3600);
        let claims = Claims::new(ISSUER, "ick", &name, &scopes, lifetime, now()).unwrap();
        let token = self.keys.sign(&claims, now()).unwrap();
        Client::new(self.url(), token.reveal())
    }

    /// A worker of this name that is registered.
    pub(crate) fn worker(&self, name: &str) -> Client {
        let worker = self.client_with(name, &ick_api::scope::WORKER.join(" "));
        let registration = json!({"keywords": ["test"], "slots": 2, "protocol": 1});
        let status = worker.post("/workers", &registration).status;
        assert!(matches!(status, 200 | 201), "{status}");
        worker
    }

    /// Applies definitions.
    pub(crate) fn apply(&self, text: &str) {
        let files = json!({"files": [{"name": "project.yaml", "text": text}]});
        self.client("admin").post("/+make-it-so", &files).is(200);
    }

    /// Project `hello`: two actions on the host, the second `always`. And a build of it.
    pub(crate) fn hello(&self) -> String {
        self.apply(HELLO);
        self.trigger("hello")
    }

    pub(crate) fn trigger(&self, project: &str) -> String {
        let path = format!("/projects/{project}/+trigger");
        let build = self.client("admin").post(&path, &json!({})).is(201);
        build["build_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn build(&self, id: &str) -> Value {
        self.client("admin").get(&format!("/builds/{id}")).is(200)
    }

    /// The build's log as text.
    pub(crate) fn log(&self, id: &str) -> String {
        let answer = self.client("admin").get(&format!("/logs/{id}"));
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    }
}

impl Client {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build();
        Self {
            url: url.to_owned(),
            token: token.to_owned(),
            agent: config.into(),
        }
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if method == "GET" {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut response = response.unwrap();
        let mut body = Vec::new();
        response
            .body_mut()
            .as_reader()
            .read_to_end(&mut body)
            .unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("POST", path, &json, body.to_string().as_bytes())
    }

    /// Asks for work in slot 1.
    pub(crate) fn work(&self, wait: &str) -> Value {
        self.get(&format!("/work?wait={wait}&slot=1")).is(200)
    }

    /// Reports that an item's action exited.
    pub(crate) fn exited(&self, item: &Value, code: i32) -> Answer {
        let report = json!({
            "build_id": item["build_id"],
            "action_id": item["action_id"],
            "lease": item["lease"],
            "exit_code": code,
        });
        self.post("/work", &report)
    }

    /// Appends frames to the log of an item's lease.
    pub(crate) fn append(&self, item: &Value, offset: u64, frames: &[u8]) -> Answer {
        let lease = item["lease"].as_str().unwrap();
        let path = format!("/work/+log?lease={lease}&offset={offset}");
        let kind = [("content-type", ick_api::logframe::MEDIA_TYPE)];
        self.send("POST", &path, &kind, frames)
    }

    /// Appends text to stdout.
    pub(crate) fn print(&self, item: &Value, offset: u64, text: &str) -> Answer {
        self.append(item, offset, &frame(1, text.as_bytes()))
    }
}

impl Answer {
    /// The body as JSON, provided that the status is this.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A log frame, made by hand from section 7 of DESIGN.md.
pub(crate) fn frame(stream: u8, bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![stream];
    frame.extend(now().as_millis().to_be_bytes());
    frame.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    frame.extend(bytes);
    frame
}
