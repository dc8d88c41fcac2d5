//! Making the worker known to the controller.

use super::DaemonError;
use super::stop::{Mode, Stop};
use crate::config::Config;
use ick_api::WORKER_PROTOCOL;
use ick_api::controller::Registration;
use ick_client::{Binding, Controller, Error, ErrorKind, Idp, Retry, TokenSource};
use ick_state::{StateFolder, atomic};
use serde_json::Map;

/// The file with the pair (controller, issuer) that the credentials belong to.
const BINDING: &str = "binding.json";

/// The first registration's outcome.
pub(super) struct Registered {
    pub(super) controller: Controller,
    pub(super) token: TokenSource,
    /// The artifact store's URL.
    pub(super) store: String,
}

/// Registers, and tries until the servers are up; none when told to stop before.
///
/// # Errors
/// When the credentials are refused, or the controller names another issuer than before.
pub(super) fn first(
    config: &Config,
    state: &StateFolder,
    controller: &Controller,
    stop: &Stop,
) -> Result<Option<Registered>, DaemonError> {
    let mut backoff = Retry::FOR_EVER.begin();
    loop {
        let error = match try_first(config, state, controller) {
            Ok(registered) => return Ok(Some(registered)),
            Err(DaemonError::Refused(error)) => error,
            Err(other) => return Err(other),
        };
        let for_good = matches!(error.kind(), ErrorKind::NotAllowed | ErrorKind::Wrong);
        if for_good && !error.is_transient(true) {
            return Err(error.into());
        }
        if backoff.tries() == 0 {
            tracing::warn!("cannot register yet: {error}");
        }
        let wait = backoff.next_wait(error.retry_after()).unwrap_or_default();
        if stop.wait(wait) != Mode::Work {
            return Ok(None);
        }
    }
}

fn try_first(
    config: &Config,
    state: &StateFolder,
    controller: &Controller,
) -> Result<Registered, DaemonError> {
    let version = controller.version()?;
    let binding = Binding::new(controller, &version)?;
    let file = state.join(BINDING);
    let recorded: Option<Binding> =
        match std::fs::read(&file) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|why| {
                DaemonError::Io("read the state folder's binding.json", why.into())
            })?),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => None,
            Err(why) => return Err(DaemonError::Io("read the state folder's binding.json", why)),
        };
    // Only the issuer is bound: which controller it is, the configuration says.
    let same_controller = recorded
        .as_ref()
        .filter(|recorded| recorded.controller == binding.controller);
    binding.check(same_controller)?;
    if same_controller.is_none() {
        let text = serde_json::to_vec(&binding)
            .map_err(|why| DaemonError::Io("write the state folder's binding.json", why.into()))?;
        atomic::write(&file, &text, 0o600)?;
    }
    let idp = Idp::new(&version.auth_url)?.with_retry(Retry::NEVER);
    let token = TokenSource::client(idp, config.credentials.clone());
    let controller = controller.clone().with_token(token.clone());
    register(config, &controller)?;
    Ok(Registered {
        controller,
        token,
        store: version.artifact_store,
    })
}

/// Tells the controller what this worker is, for the first time or anew.
pub(super) fn register(config: &Config, controller: &Controller) -> Result<(), Error> {
    let mut rest = Map::new();
    rest.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    let worker = controller.register(&Registration {
        keywords: config.keywords.clone(),
        slots: Some(config.slots),
        allows: Some(config.allows),
        protocol: Some(WORKER_PROTOCOL),
        rest,
    })?;
    tracing::info!("registered with {} as {}", controller.url(), worker.worker);
    Ok(())
}
