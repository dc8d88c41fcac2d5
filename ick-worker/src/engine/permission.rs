//! What this worker's configuration allows.

use super::config::EngineConfig;
use super::outcome::cause;
use super::request::{Program, Request};
use ick_core::build::{Cause, CauseKind, Place};

/// Refuses what is not allowed here. A project can only ask for less than the configuration gives.
pub(super) fn check(config: &EngineConfig, request: &Request) -> Result<(), Cause> {
    let allows = config.allows;
    let refused = match (&request.program, request.place) {
        (Program::BuiltIn { .. }, _) => None,
        (_, Place::Chroot) if !allows.chroot => Some(
            "this worker does not allow `where: chroot`; \
             set `allow_chroot: true` in the worker's configuration",
        ),
        (_, Place::Host) if !allows.host => Some(
            "this worker does not allow `where: host`; use `where: container`, \
             or set `allow_host: true` in the worker's configuration",
        ),
        (_, Place::Container) if request.network && !allows.network => Some(
            "this worker does not allow `network: true`; \
             set `allow_network: true` in the worker's configuration",
        ),
        _ => None,
    };
    match refused {
        Some(detail) => Err(cause(CauseKind::NotAllowed, detail)),
        None => Ok(()),
    }
}
