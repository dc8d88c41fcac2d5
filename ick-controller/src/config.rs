//! The configuration: `config.yaml` and the command line.

use crate::limits::Limits;
use ick_client::Authorities;
use ick_core::duration;
use ick_core::schedule::LEASE_LENGTH;
use ick_http::{AccessLog, ConfigError, ServeArgs, Settings, read_limits};
use ick_state::room::{FREE_SPACE, FREE_SPACES};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const LISTEN: &str = "127.0.0.1:8750";
const ARTIFACT_STORE: &str = "http://127.0.0.1:8751";
const AUTH_URL: &str = "http://127.0.0.1:8752";
const AUDIENCE: &str = "ick";
const QUEUE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
const AUTOMATIC_ATTEMPTS: u32 = 1;
const LOG_LIMIT: u64 = 1 << 30;
/// The workers keep the last 1 MiB of a log in any case.
const LOG_LIMITS: RangeInclusive<u64> = 2 << 20..=1 << 40;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What the controller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The state folder.
    pub state: PathBuf,
    /// The address to listen on; 127.0.0.1:8750 when left out.
    pub listen: String,
    /// The URL by which others reach the controller, and the issuer in its tokens for the store;
    /// `http://` and the address that it listens on when left out (see [`crate::serve`]).
    pub url: Option<String>,
    /// The artifact store's URL; http://127.0.0.1:8751 when left out.
    pub artifact_store: String,
    /// The issuer of clients' tokens, whose keys are at `/jwks.json` below it; http://127.0.0.1:8752
    /// when left out.
    pub auth_url: String,
    /// The installation that tokens must be for; `ick` when left out.
    pub audience: String,
    /// `ca_file`: those who vouch for the store and the issuer when their URLs are https; the platform's
    /// when left out.
    pub authorities: Authorities,
    /// How long a build waits for a worker before it fails; `24h` when left out.
    pub queue_timeout: Duration,
    /// How many attempts a build gets because a worker was lost, beyond the first; 1 when left out.
    pub automatic_attempts: u32,
    /// How long a lease holds when its worker is not heard of; 60s when left out, and meant to be other
    /// than that only in tests.
    pub lease_length: Duration,
    /// How many bytes a build's log has at most; `1GiB` when left out. The workers keep to it.
    pub log_limit: u64,
    /// How many bytes of its disk new work has to leave free, so that what runs can be brought to its
    /// end; `64MiB` when left out. Below it triggers, definitions and hand-outs are refused or wait;
    /// below half of it so does the log.
    pub free_space: u64,
    /// `access_log`: whether a line about each request goes to the log; `off` when left out.
    pub access_log: AccessLog,
    /// `limits` on what clients may make large or slow, as every daemon has them,
    pub http: ick_http::Limits,
    /// and those of the controller's own.
    pub limits: Limits,
}

impl Config {
    /// The configuration by command line, file and defaults, in this order.
    ///
    /// # Errors
    /// When the file cannot be read, or with all that is wrong in it.
    pub fn read(args: &ServeArgs) -> Result<Self, ConfigError> {
        let mut settings = Settings::read(args)?;
        let mut config = settings.lower(|fields| {
            let text =
                |name, default: &str| fields.text(name).unwrap_or_else(|| default.to_owned());
            let attempts = fields.integer("automatic_attempts", 0..=9);
            let time = |name, longest, usual| {
                fields
                    .duration_within(name, SECOND..=longest)
                    .unwrap_or(usual)
            };
            let (http, limits) = read_limits(fields, Limits::read);
            Some(Self {
                state: PathBuf::new(),
                listen: String::new(),
                url: fields.text("url"),
                artifact_store: text("artifact_store", ARTIFACT_STORE),
                auth_url: text("auth_url", AUTH_URL),
                audience: text("audience", AUDIENCE),
                authorities: Authorities::setting(fields),
                queue_timeout: time("queue_timeout", duration::MAX, QUEUE_TIMEOUT),
                automatic_attempts: attempts
                    .and_then(|attempts| u32::try_from(attempts).ok())
                    .unwrap_or(AUTOMATIC_ATTEMPTS),
                lease_length: time("lease_length", HOUR, LEASE_LENGTH),
                log_limit: fields
                    .size_within("log_limit", LOG_LIMITS)
                    .unwrap_or(LOG_LIMIT),
                free_space: fields
                    .size_within("free_space", FREE_SPACES)
                    .unwrap_or(FREE_SPACE),
                access_log: AccessLog::read(fields),
                http,
                limits,
            })
        })?;
        settings.listen(LISTEN).clone_into(&mut config.listen);
        config.state = settings.state()?.to_owned();
        for url in [
            Some(&mut config.artifact_store),
            Some(&mut config.auth_url),
            config.url.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            // An issuer is compared as text.
            url.truncate(url.trim_end_matches('/').len());
        }
        Ok(config)
    }
}
