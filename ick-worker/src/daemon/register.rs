//! Making the worker known to the controller.

use super::DaemonError;
use super::clock::Clock;
use super::stop::{Mode, Stop};
use crate::config::Config;
use crate::places::missing_on_host;
use ick_api::controller::{Registration, Version};
use ick_api::problem::WORKER_PROTOCOL_PROBLEM;
use ick_api::{API_VERSION, MAKES_WORKSPACES, WORKER_PROTOCOL};
use ick_client::{Binding, Controller, Error, ErrorKind, Idp, Retry, TokenSource};
use ick_core::digest::Digest;
use ick_state::{StateFolder, atomic};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use sha2::{Digest as _, Sha256};

/// The file with the servers that the credentials belong to.
const BINDING: &str = "binding.json";

/// The version of that file.
const VERSION: u32 = 1;

/// The file, version 1.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bound {
    v: u32,
    credentials: Digest,
    binding: Binding,
}

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
/// When the credentials or the worker's version are refused, or the controller names another issuer or
/// store than before.
pub(super) fn first(
    config: &Config,
    state: &StateFolder,
    controller: &Controller,
    clock: &Clock,
    stop: &Stop,
) -> Result<Option<Registered>, DaemonError> {
    let mut backoff = Retry::FOR_EVER.begin();
    loop {
        let error = match try_first(config, state, controller, clock) {
            Ok(registered) => return Ok(Some(registered)),
            Err(DaemonError::Refused(error)) => error,
            Err(other) => return Err(other),
        };
        let for_good = matches!(error.kind(), ErrorKind::NotAllowed | ErrorKind::Wrong);
        if for_good && !error.is_transient(true) {
            return Err(error.into());
        }
        if backoff.tries() == 0 {
            tracing::warn!("cannot register yet: {}; trying on", error.for_daemon());
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
    clock: &Clock,
) -> Result<Registered, DaemonError> {
    let version = controller.version()?;
    check_api(controller, &version)?;
    let binding = Binding::new(controller, &version)?;
    bind(state, config, binding)?;
    let idp = Idp::new(&version.auth_url)?
        .with_authorities(&config.authorities)
        .with_retry(Retry::NEVER);
    let token = TokenSource::client(idp, config.credentials.clone());
    let controller = controller.clone().with_token(token.clone());
    register(config, &controller, clock).map_err(|error| refused(&controller, error))?;
    if version.auth_url != config.controller {
        super::warn_of_clear_text(&version.auth_url);
    }
    Ok(Registered {
        controller,
        token,
        store: version.artifact_store,
    })
}

/// Sees to it that credentials and tokens go to no other issuer and store than those of their first use.
/// A controller at another URL is what the configuration says; the others are what a controller says.
fn bind(state: &StateFolder, config: &Config, binding: Binding) -> Result<(), DaemonError> {
    let failed = |why| DaemonError::Io("use the state folder's binding.json", why);
    let file = state.join(BINDING);
    let recorded: Option<Bound> = match std::fs::read(&file) {
        Ok(text) => Some(serde_json::from_slice(&text).map_err(|why| failed(why.into()))?),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => None,
        Err(why) => return Err(failed(why)),
    };
    let bound = Bound {
        v: VERSION,
        credentials: fingerprint(config),
        binding,
    };
    if recorded.as_ref() == Some(&bound) {
        return Ok(());
    }
    if let Some(recorded) = recorded.filter(|recorded| recorded.credentials == bound.credentials) {
        // Another controller is what the configuration says now.
        let before = Binding {
            controller: bound.binding.controller.clone(),
            ..recorded.binding
        };
        bound
            .binding
            .check(Some(&before))
            .map_err(|error| match error {
                Error::Rebound {
                    controller,
                    place,
                    recorded,
                    found,
                } => DaemonError::Rebound {
                    controller,
                    place,
                    recorded,
                    found,
                    file: file.clone(),
                },
                other => other.into(),
            })?;
    }
    let text = serde_json::to_vec(&bound).map_err(|why| failed(why.into()))?;
    Ok(atomic::write(&file, &text, 0o600)?)
}

/// Tells new credentials from old ones.
fn fingerprint(config: &Config) -> Digest {
    let credentials = &config.credentials;
    let text = format!(
        "{} {}",
        credentials.client_id,
        credentials.client_secret.reveal()
    );
    Digest::from_bytes(Sha256::digest(text.as_bytes()).into())
}

/// Whether the controller's API is the one that this worker knows.
fn check_api(controller: &Controller, version: &Version) -> Result<(), DaemonError> {
    let Version { api, version, .. } = version;
    if *api == API_VERSION {
        return Ok(());
    }
    let remedy = if *api > API_VERSION {
        "upgrade ick-worker on this host"
    } else {
        "upgrade the controller, or install its version of ick-worker on this host"
    };
    Err(DaemonError::OtherProtocol {
        controller: controller.url().to_owned(),
        why: format!(
            "the controller (version {version:?}) speaks version {api} of the API, and this worker version \
             {API_VERSION}: {remedy}"
        ),
    })
}

/// Why the controller does not register this worker.
fn refused(controller: &Controller, error: Error) -> DaemonError {
    match error.problem() {
        Some(problem) if problem.kind == WORKER_PROTOCOL_PROBLEM => DaemonError::OtherProtocol {
            controller: controller.url().to_owned(),
            why: problem.detail.clone(),
        },
        _ => error.into(),
    }
}

/// Tells the controller what this worker is, for the first time or anew. From the answer it is known how
/// wrong this host's clock is.
pub(super) fn register(
    config: &Config,
    controller: &Controller,
    clock: &Clock,
) -> Result<(), Error> {
    let worker = controller.register(&registration(config, clock))?;
    if worker.last_seen.is_some_and(|now| clock.note(now)) {
        controller.register(&registration(config, clock))?;
    }
    tracing::info!("registered with {} as {}", controller.url(), worker.worker);
    Ok(())
}

fn registration(config: &Config, clock: &Clock) -> Registration {
    let mut rest = Map::new();
    rest.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    rest.insert(MAKES_WORKSPACES.to_owned(), true.into());
    let missing = missing_on_host(config.allows);
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|one| one.package).collect();
        rest.insert("missing".to_owned(), packages.into());
    }
    if let Some(words) = clock.words() {
        rest.insert(
            "clock".to_owned(),
            format!("{words} the controller's").into(),
        );
    }
    Registration {
        keywords: config.keywords.clone(),
        slots: Some(config.slots),
        allows: Some(config.allows),
        protocol: Some(WORKER_PROTOCOL),
        rest,
    }
}
