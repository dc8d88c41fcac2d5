//! How a daemon begins and ends.

use ick_token::KeyringError;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The variable that says what goes into the log: `info` when it is not set.
const FILTER: &str = "ICK_LOG";

/// The command line, a file or the surroundings are wrong, in words for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// To be called first in every `main`: chooses the cryptography, and sends the log to stderr. Panics go
/// to the log too. What the daemon writes is for its own user only.
pub fn start() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    ick_token::install_crypto_provider();
    let filter =
        EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info,hyper=error"));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second call in one process, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal)
        .with_target(false)
        .with_writer(std::io::stderr)
        // A log on a full disk is cut short; saying so in the same place would be a panic.
        .log_internal_errors(false)
        .try_init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// The exit code of a daemon that finds no room to begin (`EX_TEMPFAIL` of sysexits.h): the same command
/// succeeds when there is room.
const NO_ROOM: u8 = 75;

/// To be called last in every `main`: turns the outcome into words on stderr and an exit code; 75 when
/// there is no room on the disk, 2 for everything else that kept the daemon from doing what it was
/// started for.
pub fn finish(name: &str, outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // The log may be on the full disk.
            let _ = writeln!(std::io::stderr(), "{name}: {error:#}");
            ExitCode::from(if error.chain().any(has_no_room) {
                NO_ROOM
            } else {
                2
            })
        }
    }
}

fn has_no_room(error: &(dyn Error + 'static)) -> bool {
    let state = match error.downcast_ref() {
        Some(KeyringError::Write { why, .. }) => Some(why),
        _ => error.downcast_ref(),
    };
    matches!(state, Some(ick_state::Error::Full(_)))
}
