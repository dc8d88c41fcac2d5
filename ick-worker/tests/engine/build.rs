//! A build on this machine, as tests speak of it.

use ick_api::controller::Allows;
use ick_api::logframe::{Stream, frames};
use ick_core::build::{CauseKind, Place};
use ick_worker::actions::{Details, DputSettings, GitSettings, StoreAt};
use ick_worker::engine::{
    Engine, EngineConfig, Event, LOG_LIMIT, Limits, Outcome, Program, Request, RunFolder, Running,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take in a test before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) fn ick_worker() -> PathBuf {
    std::env::var_os("ICK_TEST_WORKER").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_ick-worker")),
        PathBuf::from,
    )
}

/// A run with its own state folder.
pub(crate) struct Build {
    state: tempfile::TempDir,
    pub(crate) engine: Engine,
    pub(crate) run: RunFolder,
    next: AtomicU32,
}

/// How an action ended, and what it wrote.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) frames: Vec<(Stream, Vec<u8>)>,
}

impl Build {
    /// Where everything is allowed.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Where the configuration is changed before.
    pub(crate) fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut config = EngineConfig::new(state.path().to_owned(), ick_worker());
        config.allows = Allows::default();
        config.limits = Limits {
            cancel_grace: Duration::from_millis(300),
            grace: Duration::from_millis(500),
            ..Limits::default()
        };
        change(&mut config);
        let engine = Engine::new(config);
        let run = engine.open_run(3, "lease-1").unwrap();
        Self {
            state,
            engine,
            run,
            next: AtomicU32::new(2),
        }
    }

    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// A file of the workspace, from outside.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.run.workspace().join(name)
    }

    fn request(&self, program: Program, place: Place) -> Request {
        Request {
            build_id: "group/hello/7".parse().unwrap(),
            build_number: 7,
            project: "group/hello".parse().unwrap(),
            action_id: self.next.fetch_add(1, Ordering::Relaxed).to_string(),
            parameters: serde_json::Map::new(),
            program,
            place,
            network: false,
            env: BTreeMap::new(),
            timeout: None,
            log_left: LOG_LIMIT,
            cache: None,
            store_token: None,
        }
    }

    pub(crate) fn shell(&self, script: &str) -> Request {
        self.request(Program::Shell(script.to_owned()), Place::Host)
    }

    pub(crate) fn python(&self, script: &str) -> Request {
        self.request(Program::Python(script.to_owned()), Place::Host)
    }

    pub(crate) fn in_container(&self, script: &str) -> Request {
        self.request(Program::Shell(script.to_owned()), Place::Container)
    }

    /// A built-in action with its fields.
    pub(crate) fn built_in(&self, step: &Value, details: &Details) -> Request {
        let program = Program::BuiltIn {
            name: step["action"].as_str().unwrap().to_owned(),
            step: step.as_object().unwrap().clone(),
            details: serde_json::to_value(details).unwrap(),
        };
        self.request(program, Place::Host)
    }

    /// What a built-in action is told where nothing is allowed.
    pub(crate) fn details(&self) -> Details {
        Details {
            store: StoreAt::Folder(self.state().join("store")),
            ca_file: None,
            mirrors: self.state().join("mirrors"),
            git: GitSettings::default(),
            allow_host: false,
            dput: DputSettings::default(),
            checkout: None,
        }
    }

    pub(crate) fn start(&self, request: Request) -> Running {
        match self.engine.start(&self.run, request, || Ok(())) {
            Ok(running) => running,
            Err(why) => panic!("not started: {} {}", why.kind, why.detail),
        }
    }

    pub(crate) fn execute(&self, request: Request) -> Done {
        finish(self.start(request))
    }

    /// Executes what must succeed and gives its standard output.
    pub(crate) fn stdout(&self, request: Request) -> String {
        let done = self.execute(request);
        assert_eq!(done.outcome.cause, None, "{}", done.text());
        done.stdout()
    }

    /// Why an action is not even started.
    pub(crate) fn refusal(&self, request: Request) -> (CauseKind, String) {
        match self.engine.start(&self.run, request, || Ok(())) {
            Ok(_) => panic!("it was started"),
            Err(why) => (why.kind, why.detail),
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let removed = self.engine.remove_run(self.run.clone());
        if !std::thread::panicking() {
            removed.unwrap();
            assert!(!self.run.path().exists());
        }
    }
}

/// Waits for the end of an action.
pub(crate) fn end(running: &mut Running) -> Outcome {
    let until = Instant::now() + PATIENCE;
    loop {
        match running.poll(PATIENCE) {
            Event::Ended(outcome) => return outcome,
            _ => assert!(Instant::now() < until, "the action does not end"),
        }
    }
}

/// Waits for the end of an action and reads what it wrote.
pub(crate) fn finish(mut running: Running) -> Done {
    let outcome = end(&mut running);
    let mut spool = running.spool().unwrap();
    let mut written = Vec::new();
    loop {
        let chunk = spool.read(1 << 20).unwrap();
        if chunk.body.is_empty() {
            break;
        }
        for frame in frames(&chunk.body) {
            let frame = frame.unwrap();
            written.push((frame.stream, frame.bytes.to_vec()));
        }
    }
    assert_eq!(spool.offset(), outcome.log_length);
    Done {
        outcome,
        frames: written,
    }
}

/// Waits until a line of output has come.
pub(crate) fn until_output(running: &mut Running, wanted: &str) -> String {
    let until = Instant::now() + PATIENCE;
    let mut spool = running.spool().unwrap();
    let mut text = String::new();
    loop {
        let chunk = spool.read(1 << 20).unwrap();
        for frame in frames(&chunk.body) {
            text.push_str(&String::from_utf8_lossy(frame.unwrap().bytes));
        }
        if text.contains(wanted) {
            return text;
        }
        assert!(Instant::now() < until, "{wanted:?} does not come: {text:?}");
        if let Event::Ended(outcome) = running.poll(PATIENCE) {
            panic!("ended before {wanted:?}: {:?} {text:?}", outcome.cause);
        }
    }
}

/// Waits for a fact.
pub(crate) fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !fact() {
        assert!(Instant::now() < until, "not so: {what}");
        std::thread::yield_now();
    }
}

impl Done {
    fn of(&self, wanted: impl Fn(Stream) -> bool) -> String {
        let bytes: Vec<u8> = self
            .frames
            .iter()
            .filter(|(stream, _)| wanted(*stream))
            .flat_map(|(_, bytes)| bytes.clone())
            .collect();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn stdout(&self) -> String {
        self.of(|stream| stream == Stream::Stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        self.of(|stream| stream == Stream::Stderr)
    }

    /// Ick's own lines.
    pub(crate) fn ick(&self) -> String {
        self.of(|stream| stream == Stream::Ick)
    }

    /// Why it failed, in words.
    pub(crate) fn detail(&self) -> &str {
        self.outcome
            .cause
            .as_ref()
            .map_or("it succeeded", |why| &why.detail)
    }

    /// All that it wrote, in order.
    pub(crate) fn text(&self) -> String {
        self.of(|_| true)
    }

    pub(crate) fn kind(&self) -> Option<CauseKind> {
        self.outcome.cause.as_ref().map(|why| why.kind)
    }
}

/// Whether a process of this id runs: it exists, and is more than a record of its end.
pub(crate) fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

/// Processes whose command line has this text, by id.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let own = std::process::id();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
        })
        .collect()
}

/// A time to sleep that no other process on this machine sleeps, so that who does can be found.
pub(crate) fn long_time() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{}",
        1_000_000_000 + u64::from(std::process::id()) * 1000 + u64::from(count)
    )
}

/// Those who sleep for this time.
pub(crate) fn sleepers(time: &str) -> Vec<u32> {
    processes_with(&format!("sleep\0{time}"))
}
