//! The program: see the library.

use clap::{Args, Parser, Subcommand};
use ick_worker::config::Config;
use ick_worker::{daemon, words};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The variable that says what goes into the log.
const FILTER: &str = "ICK_LOG";

/// The exit code when controller and worker speak different versions (`EX_PROTOCOL` of sysexits.h): only
/// an upgrade helps.
const OTHER_PROTOCOL: u8 = 76;

/// Ick's worker manager: asks the controller for work and executes it on this build host.
#[derive(Debug, Parser)]
#[command(name = "ick-worker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work until told to stop: SIGTERM leaves running actions to their supervisors, SIGINT ends them
    Serve(ServeArgs),
    /// Look for damage in a state folder; exit code 0 sound, 1 damage, 2 it cannot be looked at
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The configuration file [default: config.yaml in the state folder]
    #[arg(long, value_name = "FILE", required_unless_present = "state")]
    config: Option<PathBuf>,
    /// The folder with everything that the worker keeps; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The state folder to look at; nothing in it is changed
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

fn main() -> ExitCode {
    // The worker's own ways of calling itself, for which nothing is to be set up.
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(word), Some(folder), None) = (arguments.next(), arguments.next(), arguments.next())
        && let Some(code) = words::dispatch(&word, &folder)
    {
        return code;
    }
    match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::Check(args) => check(&args.state),
    }
}

fn serve(args: &ServeArgs) -> ExitCode {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    start_log();
    let served = Config::read(args.config.as_deref(), args.state.as_deref())
        .map_err(anyhow::Error::from)
        .and_then(|config| {
            let program = std::env::current_exe()?;
            Ok(daemon::serve(config, &program)?)
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may be on a full disk.
            let _ = writeln!(std::io::stderr(), "ick-worker: {error:#}");
            let other_protocol = matches!(
                error.downcast_ref(),
                Some(daemon::DaemonError::OtherProtocol { .. })
            );
            ExitCode::from(if other_protocol { OTHER_PROTOCOL } else { 2 })
        }
    }
}

fn check(state: &Path) -> ExitCode {
    match daemon::check(state) {
        Ok(damage) if damage.is_empty() => {
            println!("{}: sound", state.display());
            ExitCode::SUCCESS
        }
        Ok(damage) => {
            for one in damage {
                println!("{}: {}", one.path.display(), one.what);
            }
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("ick-worker: cannot look at {}: {why}", state.display());
            ExitCode::from(2)
        }
    }
}

/// Sends the log to stderr, and panics to the log.
fn start_log() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr)
        // A log on a full disk is cut short; saying so in the same place would be a panic.
        .log_internal_errors(false)
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
