//! How a daemon begins and ends.

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
        .try_init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// To be called last in every `main`: turns the outcome into words on stderr and an exit code; 2 for
/// everything that kept the daemon from doing what it was started for.
pub fn finish(name: &str, outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::from(2)
        }
    }
}
