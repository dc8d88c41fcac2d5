//! The daemon: asks the controller for work, has the engine execute it, ships the log, reports.
//!
//! A thread for each slot ([`slot`]) does one thing after the other: it waits for an item, executes
//! it ([`run`]), ships its output as it comes ([`ship`]), reports, and goes on with the item that the
//! report's answer has. A second thread for a run ([`lease`]) hears about cancels and keeps the lease
//! once an action takes longer than a moment. What must survive the process is on disk: that an
//! action was started ([`record`]), its output, its result. A slot begins with what it finds there
//! ([`leftover`]).
//!
//! SIGTERM stops the worker and leaves the supervisors with their actions; SIGINT ends the actions,
//! reports them as `lost_worker`, and stops the worker. A second signal ends it at once.

mod clock;
mod lease;
mod leftover;
mod polls;
mod record;
mod register;
mod run;
mod ship;
mod slot;
mod space;
mod stop;

pub use record::{Damage, check};

use crate::config::Config;
use crate::engine::{Engine, EngineConfig, RunFolder};
use crate::places::missing_on_host;
use clock::Clock;
use ick_client::{Controller, Retry};
use ick_state::StateFolder;
use polls::Polls;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use space::Space;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;
use stop::{Mode, Stop};

/// How long a controller that has accepted a connection may take to answer. A build's time-out is kept
/// at most so much too late when it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at how big the state is, at least.
const LOOK: Duration = Duration::from_secs(30);

/// How the worker could not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] ick_state::Error),
    /// The system refused something.
    #[error("cannot {0}: {1}")]
    Io(&'static str, std::io::Error),
    /// The controller names another issuer or store than at the credentials' first use.
    #[error(
        "{controller} now names {found} as {place}, and it was {recorded} before: \
         nothing was sent; if this change is meant, remove {}", .file.display()
    )]
    Rebound {
        /// The controller's URL.
        controller: String,
        /// What the server is, in words.
        place: &'static str,
        /// The server that was recorded.
        recorded: String,
        /// The server that the controller names now.
        found: String,
        /// The record.
        file: PathBuf,
    },
    /// Controller and worker speak different versions of a protocol.
    #[error("this worker (version {}) cannot work for {controller}: {why}", env!("CARGO_PKG_VERSION"))]
    OtherProtocol {
        /// The controller's URL.
        controller: String,
        /// Which versions, and what to upgrade.
        why: String,
    },
    /// The controller or the identity provider refuses this worker for good.
    #[error("cannot register with the controller: {0}")]
    Refused(#[from] ick_client::Error),
}

/// What all slots share.
struct Shared {
    config: Config,
    engine: Engine,
    /// For calls that are answered at once; each is tried once, as the callers know better when.
    controller: Controller,
    /// For long-polls, on connections of their own: a stop breaks them.
    polls: Polls,
    /// Where the store is.
    store: String,
    stop: Arc<Stop>,
    clock: Clock,
    /// The room for the state: with too little of it no new build is taken.
    space: Space,
    cleaner: Sender<RunFolder>,
}

/// Works until a signal says otherwise. `program` is this program, which also supervises actions and
/// executes built-in ones.
///
/// # Errors
/// When it cannot begin: the state is in use, or the controller refuses the worker.
pub fn serve(config: Config, program: &Path) -> Result<(), DaemonError> {
    let state = StateFolder::open(&config.state)?;
    let runs = state.folder("runs")?;
    let signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|why| DaemonError::Io("listen to signals", why))?;
    let controller = Controller::new(&config.controller)?
        .with_authorities(&config.authorities)
        .with_retry(Retry::NEVER)
        .with_patience(PATIENCE);
    warn_of_clear_text(&config.controller);
    let polls = controller.apart();
    let stop = Arc::new(Stop::new(polls.clone()));
    listen(signals, &stop)?;
    for missing in missing_on_host(config.allows) {
        tracing::warn!(
            "{} is not on this host, so {} fail: install the Debian package {}",
            missing.program,
            missing.actions,
            missing.package
        );
    }
    let clock = Clock::default();
    let Some(registered) = register::first(&config, &state, &controller, &clock, &stop)? else {
        return Ok(());
    };
    let (cleaner, cleaning) = channel::<RunFolder>();
    let engine = engine(&config, program);
    tracing::info!("{}", engine.limits());
    let shared = Arc::new(Shared {
        controller: registered.controller.clone(),
        polls: Polls::new(polls.with_token(registered.token)),
        store: registered.store,
        stop,
        clock,
        space: Space::new(&config, engine.config()),
        engine,
        cleaner,
        config,
    });
    shared.space.look_first();
    thread::scope(|scope| {
        let removing = Arc::clone(&shared);
        // Ends with the process: what it does not come to is removed at the next start.
        thread::spawn(move || {
            removing.space.sweep();
            loop {
                let kept = match cleaning.recv_timeout(LOOK) {
                    Ok(run) => clean(&removing.engine, run),
                    Err(RecvTimeoutError::Timeout) => true,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                if kept {
                    removing.space.look();
                }
            }
        });
        for number in 1..=shared.config.slots {
            let shared = Arc::clone(&shared);
            let folder = runs.join(number.to_string());
            scope.spawn(move || slot::work(&shared, number, &folder));
        }
    });
    tracing::info!("stopped");
    Ok(())
}

/// Removes what a run has left; whether something of it is kept.
fn clean(engine: &Engine, run: RunFolder) -> bool {
    let kept = run.keeps_something();
    if let Err(why) = engine.renew_run(run) {
        tracing::warn!("cannot remove what a build left behind: {why}");
    }
    kept
}

/// Says it once when a server is called in the clear.
fn warn_of_clear_text(url: &str) {
    if ick_client::is_in_the_clear(url) {
        tracing::warn!(
            "{url} is called in the clear: the worker's secret and tokens can be read on the way; an https \
             URL prevents that"
        );
    }
}

fn engine(config: &Config, program: &Path) -> Engine {
    let secrets = [
        Some(&config.state),
        Some(&config.file),
        config.git.ssh_key.as_ref(),
    ];
    Engine::new(EngineConfig {
        hidden: secrets.into_iter().flatten().cloned().collect(),
        allows: config.allows,
        pass_env: config.pass_env.clone(),
        visible: config.visible.clone(),
        uid_base: config.uid_base,
        may_move: true,
        limits: config.limits,
        ..EngineConfig::new(config.state.clone(), program.to_owned())
    })
}

/// Has a thread obey signals.
fn listen(mut signals: Signals, stop: &Arc<Stop>) -> Result<(), DaemonError> {
    let stop = Arc::clone(stop);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut signals = signals.forever();
            let mode = match signals.next() {
                Some(SIGINT) => Mode::Down,
                Some(_) => Mode::Leave,
                None => return,
            };
            tracing::info!(
                "{}",
                match mode {
                    Mode::Down => "told to end, with the actions",
                    _ => "told to stop; what runs goes on under its supervisor",
                }
            );
            stop.order(mode);
            // Whoever hangs in a call to a server that does not answer is not waited for: all that
            // matters is on disk.
            thread::spawn(move || {
                thread::sleep(mode.patience());
                std::process::exit(0);
            });
            if signals.next().is_some() {
                std::process::exit(1);
            }
        })
        .map(drop)
        .map_err(|why| DaemonError::Io("start a thread", why))
}
