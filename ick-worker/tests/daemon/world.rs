//! The world of a worker: a controller, an identity provider and a store in one, with a build at a
//! time, which the tests speak to in the words of the domain.

use crate::http::{self, Answer, Request};
use ick_api::logframe::{self, Stream};
use ick_api::problem::WORKER_PROTOCOL_PROBLEM;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a fact is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct State {
    /// The steps of the build, from action "1" on.
    steps: Vec<Value>,
    /// The action that is handed out, counted from 0; all when past the end.
    pub(crate) at: usize,
    lease: Option<String>,
    builds: u32,
    log: Vec<(Stream, Vec<u8>)>,
    pub(crate) reports: Vec<Value>,
    pub(crate) registered: Vec<Value>,
    pub(crate) known: bool,
    cancelled: u8,
    deadline_ms: u64,
    seen: u64,
    pub(crate) lease_calls: u32,
    pub(crate) appends: u32,
    pub(crate) blobs: Vec<Vec<u8>>,
    /// What is done with the next calls instead of answering them.
    troubles: VecDeque<Trouble>,
    away: bool,
    issuer: Option<String>,
    /// The version of the API, 1 when none is set.
    api: Option<u32>,
    refuses_protocol: bool,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An append is taken, and its answer is lost.
    AppendWithoutAnswer,
    /// Every report is lost from now on.
    NoReports,
    /// The last bytes of the log are lost with the controller's power, before the next report.
    LogCutShort,
}

impl State {
    /// Bytes of all streams in the lease.
    fn length(&self) -> u64 {
        self.log.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// What the actions wrote to these streams.
    fn text(&self, streams: &[Stream]) -> String {
        let pieces = self.log.iter().filter(|(s, _)| streams.contains(s));
        let bytes: Vec<u8> = pieces.flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::default(),
        };
        let answering = world.clone();
        http::serve(listener, move |request| answering.answer(request));
        world
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.state.1.notify_all();
        changed
    }

    /// Waits until something is so; what it was.
    pub(crate) fn wait<T>(&self, what: &str, mut is_so: impl FnMut(&State) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(found) = is_so(&state) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited in vain: {what}; log: {:?}; reports: {:?}",
                state.text(&ALL),
                state.reports
            );
            state = self.state.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Triggers a build: `create_workspace`, then these steps.
    pub(crate) fn build(&self, steps: &[Value]) {
        self.change(|state| {
            state.builds += 1;
            state.steps = vec![json!({"action": "create_workspace", "where": "host"})];
            state.steps.extend_from_slice(steps);
            state.at = 0;
            state.lease = Some(format!("lease-{}", state.builds));
            state.log.clear();
            state.reports.clear();
            state.cancelled = 0;
            state.deadline_ms = now() + 3_600_000;
            state.seen += 1;
        });
    }

    /// Waits for the end of the build, and gives the reports of its steps.
    pub(crate) fn ended(&self) -> Vec<Value> {
        self.wait("the build's end", |state| {
            (state.lease.is_none()).then(|| state.reports[1..].to_vec())
        })
    }

    /// Builds and gives the reports.
    pub(crate) fn built(&self, steps: &[Value]) -> Vec<Value> {
        self.build(steps);
        self.ended()
    }

    pub(crate) fn wait_for_output(&self, text: &str) {
        self.wait(text, |state| state.text(&ALL).contains(text).then_some(()));
    }

    /// What was written to stdout and stderr.
    pub(crate) fn output(&self) -> String {
        self.state().text(&[Stream::Stdout, Stream::Stderr])
    }

    /// What Ick said.
    pub(crate) fn words(&self) -> String {
        self.state().text(&[Stream::Ick])
    }

    pub(crate) fn cancel(&self) {
        self.change(|state| {
            state.cancelled += 1;
            state.seen += 1;
        });
    }

    /// The build's time-out comes so soon.
    pub(crate) fn time_out_in(&self, time: Duration) {
        self.change(|state| {
            state.deadline_ms = now() + u64::try_from(time.as_millis()).unwrap();
            state.seen += 1;
        });
    }

    /// The lease is another's from now on.
    pub(crate) fn take_lease_away(&self) {
        self.change(|state| {
            state.lease = None;
            state.seen += 1;
        });
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.change(|state| state.troubles.push_back(trouble));
    }

    pub(crate) fn no_more_trouble(&self) {
        self.change(|state| state.troubles.clear());
    }

    /// Every connection is cut while away.
    pub(crate) fn away(&self, away: bool) {
        self.change(|state| {
            state.away = away;
            state.seen += 1;
        });
    }

    pub(crate) fn forget_worker(&self) {
        self.change(|state| {
            state.known = false;
            state.seen += 1;
        });
    }

    pub(crate) fn move_issuer(&self, to: &str) {
        self.change(|state| state.issuer = Some(to.to_owned()));
    }

    pub(crate) fn speak_api(&self, version: u32) {
        self.change(|state| state.api = Some(version));
    }

    pub(crate) fn refuse_protocol(&self) {
        self.change(|state| state.refuses_protocol = true);
    }

    fn answer(&self, request: &Request) -> Answer {
        if self.state().away {
            return None;
        }
        let path = request.path.as_str();
        if path == "/token" {
            return ok(&json!({"access_token": "tok", "token_type": "Bearer", "expires_in": 300}));
        }
        if path == "/version" {
            let issuer = self.state().issuer.clone().unwrap_or(self.url.clone());
            let api = self.state().api.unwrap_or(1);
            let answer =
                json!({"version": "1", "api": api, "auth_url": issuer, "artifact_store": self.url});
            return ok(&answer);
        }
        let store = path.starts_with("/blobs/");
        let token = if store {
            "Bearer blob-token"
        } else {
            "Bearer tok"
        };
        assert!(request.head.contains(token), "{}", request.head);
        match (request.method.as_str(), path) {
            ("POST", "/workers") => self.register(request),
            ("GET", "/work") => self.work(request),
            ("GET", "/work/+lease") => self.lease(request),
            ("POST", "/work") => self.report(request),
            ("POST", "/work/+log") => self.append(request),
            ("PUT", _) if store => {
                let body = request.body.clone();
                let digest = <sha2::Sha256 as sha2::Digest>::digest(&body);
                let digest = ick_core::digest::Digest::from_bytes(digest.into());
                let size = body.len();
                self.change(|state| state.blobs.push(body));
                ok(&json!({"name": &path[7..], "digest": digest, "size": size}))
            }
            _ => problem(404, json!({"detail": "there is no such call"})),
        }
    }

    fn register(&self, request: &Request) -> Answer {
        if self.state().refuses_protocol {
            let detail = "this controller speaks another version";
            return problem(
                422,
                json!({"type": WORKER_PROTOCOL_PROBLEM, "detail": detail}),
            );
        }
        let body = serde_json::from_slice(&request.body).unwrap();
        self.change(|state| {
            state.registered.push(body);
            state.known = true;
        });
        Some((201, json!({"worker": "w"}).to_string()))
    }

    fn work(&self, request: &Request) -> Answer {
        let until = Instant::now() + ick_core::duration::parse(request.query("wait")).unwrap();
        let mut state = self.state();
        loop {
            if state.away {
                return None;
            }
            if !state.known {
                return problem(409, json!({"detail": "no such worker"}));
            }
            if let Some(item) = self.item(&state) {
                return ok(&item);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return ok(&json!({}));
            }
            state = self.state.1.wait_timeout(state, left).unwrap().0;
        }
    }

    fn item(&self, state: &State) -> Option<Value> {
        let step = state.steps.get(state.at)?;
        Some(json!({
            "build_id": format!("hello/{}", state.builds), "build_number": state.builds, "attempt": 1,
            "run": "1", "project": "hello", "parameters": {}, "ref": null, "commit": null,
            "action_id": (state.at + 1).to_string(), "step": step, "worker": "w",
            "lease": state.lease.as_ref()?, "lease_expires": time(now() + 60_000),
            "log": "/logs/hello/1", "log_offset": state.length(), "deadline": time(state.deadline_ms),
            "cancelled": state.cancelled, "store_token": "blob-token", "now": time(now()),
            "artifact_store": self.url,
        }))
    }

    fn lease(&self, request: &Request) -> Answer {
        let until = Instant::now() + ick_core::duration::parse(request.query("wait")).unwrap();
        self.change(|state| state.lease_calls += 1);
        let mut state = self.state();
        loop {
            if state.away {
                return None;
            }
            if state.lease.as_deref() != Some(request.query("lease")) {
                return problem(409, json!({"detail": "the lease is lost"}));
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.seen.to_string() != request.query("seen") || left.is_zero() {
                return ok(&json!({
                    "seen": state.seen, "lease_expires": time(now() + 60_000),
                    "deadline": time(state.deadline_ms), "cancelled": state.cancelled,
                    "store_token": null, "now": time(now()),
                }));
            }
            state = self.state.1.wait_timeout(state, left).unwrap().0;
        }
    }

    fn report(&self, request: &Request) -> Answer {
        let report: Value = serde_json::from_slice(&request.body).unwrap();
        let answer = self.change(|state| {
            if state.troubles.front() == Some(&Trouble::NoReports) {
                return None;
            }
            if state.lease.as_deref() != report["lease"].as_str() {
                return problem(409, json!({"detail": "the lease is lost"}));
            }
            if state.troubles.front() == Some(&Trouble::LogCutShort) && state.log.pop().is_some() {
                state.troubles.pop_front();
            }
            if report["log_length"].as_u64() != Some(state.length()) {
                return problem(409, json!({"detail": "another length"}));
            }
            let current = (state.at + 1).to_string();
            if report["action_id"] == current.as_str() {
                let failed = !report["cause"].is_null();
                state.reports.push(report);
                state.at += 1;
                // What comes after a failed action is for its end only.
                while failed
                    && state
                        .steps
                        .get(state.at)
                        .is_some_and(|step| step["when"] != "always")
                {
                    state.at += 1;
                }
            }
            if state.at >= state.steps.len() {
                state.lease = None;
                return ok(&json!({}));
            }
            ok(&Value::Null)
        });
        if answer.as_ref().is_some_and(|(_, body)| body == "null") {
            let state = self.state();
            return ok(&self.item(&state).unwrap_or(json!({})));
        }
        answer
    }

    fn append(&self, request: &Request) -> Answer {
        self.change(|state| {
            state.appends += 1;
            if state.lease.as_deref() != Some(request.query("lease")) {
                return problem(409, json!({"detail": "the lease is lost"}));
            }
            let length = state.length();
            // An empty body only asks.
            if !request.body.is_empty() && request.query("offset") != length.to_string() {
                return problem(409, json!({"detail": "another offset", "length": length}));
            }
            assert!(request.body.len() <= logframe::MAX_BODY);
            for frame in logframe::frames(&request.body) {
                let frame = frame.unwrap();
                state.log.push((frame.stream, frame.bytes.to_vec()));
            }
            if state.troubles.front() == Some(&Trouble::AppendWithoutAnswer) {
                state.troubles.pop_front();
                return None;
            }
            let length = state.length();
            ok(&json!({
                "length": length, "durable": length, "cancelled": state.cancelled,
                "lease_expires": time(now() + 60_000), "now": time(now()),
            }))
        })
    }
}

const ALL: [Stream; 3] = [Stream::Stdout, Stream::Stderr, Stream::Ick];

#[expect(clippy::unnecessary_wraps, reason = "an answer like the others")]
fn ok(body: &Value) -> Answer {
    Some((200, body.to_string()))
}

#[expect(clippy::unnecessary_wraps, reason = "an answer like the others")]
fn problem(status: u16, mut body: Value) -> Answer {
    body["status"] = status.into();
    Some((status, body.to_string()))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn time(ms: u64) -> String {
    ick_core::time::Timestamp::from_millis(ms).to_string()
}
