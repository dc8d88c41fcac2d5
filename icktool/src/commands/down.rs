//! `icktool down`

use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Context;

/// End the Ick that `up` started
///
/// Actions that are being executed are ended; their builds start anew at the next `up`, unless an
/// action with `once: true` had started. Everything else is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool down
  icktool down --state /srv/ick")]
pub struct Args {}

/// Does it.
///
/// # Errors
/// When a daemon does not end.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let state = match (
        &context.global.state,
        crate::config::Config::load(&context.folders()?)?.up,
    ) {
        (None, Some(up)) => up,
        _ => context.state_folder()?,
    };
    if !state.exists() {
        context.out.note(&format!(
            "nothing is up: there is no folder {}",
            state.display()
        ));
        return Ok(Exit::Ok);
    }
    let ended = super::up::down(context, &state)?;
    let words: Vec<&str> = ended.iter().map(|role| role.words()).collect();
    context.out.note(&if words.is_empty() {
        format!("nothing was up in {}", state.display())
    } else {
        format!("ended: {}", words.join(", "))
    });
    Ok(Exit::Ok)
}
