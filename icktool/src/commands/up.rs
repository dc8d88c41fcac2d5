//! `icktool up`

use crate::config::Config;
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::interrupt;
use crate::session::Context;
use crate::up::daemon;
use crate::up::role::Role;
use crate::up::start::{self, Wanted};
use crate::up::state::{Locked, UpFile};
use crate::up::stop;
use signal_hook::iterator::Signals;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Start a whole Ick on this machine
///
/// An identity provider, a controller, an artifact store and a worker, as processes of their own that
/// listen on this machine only, unless `--address` says otherwise; ready when the command returns, or says `ready`. It becomes the server
/// that every other command talks to. Run again, it starts what has died and leaves the rest alone.
///
/// Builds may do on this machine what your own programs may: run commands, use the network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool up --detach            on ports 8750 to 8752, state in ~/.local/share/ick
  icktool up --port 0 --slots 4  on free ports, four builds at a time, until Ctrl-C
  icktool up --address 192.0.2.1 reachable by workers on other hosts: icktool create-worker")]
pub struct Args {
    /// How many builds the worker executes at a time; 1 when left out. For the first use: it stays so
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    slots: Option<u32>,
    /// The address of this machine where its servers listen, and by which workers on other hosts reach
    /// them; 127.0.0.1 when left out. For the first use: it stays so
    #[arg(long, value_name = "IP")]
    address: Option<std::net::IpAddr>,
    /// The controller's port; the store has the next one, the identity provider the one after. 0: free
    /// ones. 8750 when left out. For the first use: they stay so
    #[arg(long, value_name = "P")]
    port: Option<u16>,
    /// Return when it is ready, instead of staying until Ctrl-C
    #[arg(long)]
    detach: bool,
}

/// Does it.
///
/// # Errors
/// When a daemon does not start.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let state = context.state_folder()?;
    let tried = || format!("start an Ick in {}", state.display());
    let stop_asked = Arc::new(AtomicBool::new(false));
    let mut registered = Vec::new();
    for signal in interrupt::signals() {
        let id = signal_hook::flag::register(signal, Arc::clone(&stop_asked))
            .map_err(|error| Error::Other(format!("cannot listen for signals: {error}")))?;
        registered.push(id);
    }
    context.interrupt.is_heard();
    let begun = Instant::now();
    let locked = Locked::take(&state).tried(tried)?;
    let wanted = Wanted {
        address: args.address,
        port: args.port,
        slots: args.slots,
    };
    let started = start::start(&locked, wanted, &stop_asked).tried(tried)?;
    make_default(context, &state)?;
    drop(locked);
    say(context, &state, &started, begun);
    // From here on a signal wakes whoever waits for it.
    let mut signals = Signals::new(interrupt::signals())
        .map_err(|error| Error::Other(format!("cannot listen for signals: {error}")))?;
    for id in registered {
        signal_hook::low_level::unregister(id);
    }
    context
        .out
        .result(&started.up.shown(), |_| "ready\n".to_owned())?;
    if args.detach {
        return Ok(Exit::Ok);
    }
    if !stop_asked.load(std::sync::atomic::Ordering::Relaxed) {
        stay(context, &state, &started.up, &mut signals);
    }
    down(context, &state)?;
    Ok(Exit::Ok)
}

fn say(context: &Context, state: &Path, started: &start::Started, begun: Instant) {
    let up = &started.up;
    let out = &context.out;
    let new = match started.fresh.as_slice() {
        [] => "it was up already".to_owned(),
        fresh if fresh.len() == 4 => format!("in {:.1?}", begun.elapsed()),
        fresh => {
            let words: Vec<&str> = fresh.iter().map(|role| role.words()).collect();
            format!("started: {}", words.join(", "))
        }
    };
    out.note(&format!(
        "controller {}, store {}, idp {}, state {} ({new})",
        up.controller.url,
        up.store.url,
        up.idp.url,
        state.display()
    ));
    out.note(&format!(
        "builds may run anything on this machine as you may, and use its network and files: see {}",
        crate::up::settings::file(state, Role::Worker).display()
    ));
}

/// What can happen while `up` stays.
enum Heard {
    Signal,
    Ended(Role),
}

/// Stays until a signal comes, or nothing is up any more.
fn stay(context: &Context, state: &Path, up: &UpFile, signals: &mut Signals) {
    let (tell, heard) = mpsc::channel();
    let handle = signals.handle();
    for (role, process) in stop::alive(up) {
        let tell = tell.clone();
        std::thread::spawn(move || {
            if let Some(handle) = process.handle() {
                while !handle.wait(Duration::from_secs(3600)) {}
            }
            let _ = tell.send(Heard::Ended(role));
        });
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if signals.forever().next().is_some() {
                let _ = tell.send(Heard::Signal);
            }
        });
        let mut left = stop::alive(up).len();
        while left > 0 {
            match heard.recv() {
                Ok(Heard::Ended(role)) => {
                    left -= 1;
                    // `down` elsewhere ends them all, and is no news.
                    if UpFile::load(state).is_ok_and(|file| file.is_some())
                        && !is_being_ended(state)
                    {
                        context.out.warn(&format!(
                            "the {role} has ended; its log is {}; `icktool up --detach` starts it again",
                            daemon::log_file(state, role).display()
                        ));
                    }
                }
                Ok(Heard::Signal) | Err(_) => break,
            }
        }
        handle.close();
    });
}

/// Whether another icktool is at work in the state folder.
fn is_being_ended(state: &Path) -> bool {
    Locked::take(state).is_err()
}

/// Ends what is up, and is no longer the default server.
///
/// # Errors
/// When something does not end.
pub fn down(context: &Context, state: &Path) -> Result<Vec<Role>, Failure> {
    let tried = || format!("end the Ick in {}", state.display());
    let locked = Locked::take(state).tried(tried)?;
    let ended = stop::stop(&locked).tried(tried)?;
    let folders = context.folders()?;
    let mut config = Config::load(&folders)?;
    if config.up.as_deref() == Some(state) {
        config.up = None;
        config.save(&folders)?;
    }
    Ok(ended)
}

fn make_default(context: &Context, state: &Path) -> Result<(), Error> {
    let folders = context.folders()?;
    let mut config = Config::load(&folders)?;
    if config.up.as_deref() == Some(state) {
        return Ok(());
    }
    config.up = Some(state.to_path_buf());
    config.save(&folders)
}
