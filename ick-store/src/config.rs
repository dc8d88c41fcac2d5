//! The configuration: `config.yaml` and the command line.

use crate::limits::Limits;
use ick_client::Authorities;
use ick_http::{AccessLog, ConfigError, ServeArgs, Settings, read_limits};
use ick_state::room::{FREE_SPACE, FREE_SPACES};
use std::path::PathBuf;

const LISTEN: &str = "127.0.0.1:8751";
const AUTH_URL: &str = "http://127.0.0.1:8752";
const CONTROLLER: &str = "http://127.0.0.1:8750";
const AUDIENCE: &str = "ick";

/// What the store is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The state folder.
    pub state: PathBuf,
    /// The address to listen on; 127.0.0.1:8751 when left out.
    pub listen: String,
    /// The issuer of clients' tokens, whose keys are at `/jwks.json` below it; http://127.0.0.1:8752
    /// when left out.
    pub auth_url: String,
    /// The controller's public URL: the issuer of tokens for single blobs; http://127.0.0.1:8750 when
    /// left out.
    pub controller: String,
    /// `ca_file`: those who vouch for the issuer and the controller when their URLs are https; the
    /// platform's when left out.
    pub authorities: Authorities,
    /// The installation that tokens must be for; `ick` when left out.
    pub audience: String,
    /// How many bytes of its disk an upload has to leave free; `64MiB` when left out. Deleting needs
    /// none of it.
    pub free_space: u64,
    /// `access_log`: whether a line about each request goes to the log; `off` when left out.
    pub access_log: AccessLog,
    /// `limits` on what clients may make large or slow, as every daemon has them,
    pub http: ick_http::Limits,
    /// and those of the store's own.
    pub limits: Limits,
}

impl Config {
    /// The configuration by command line, file and defaults, in this order.
    ///
    /// # Errors
    /// When the file cannot be read, or with all that is wrong in it.
    pub fn read(args: &ServeArgs) -> Result<Self, ConfigError> {
        let mut settings = Settings::read(args)?;
        let (auth_url, controller, authorities, audience, free_space, access_log, (http, limits)) =
            settings.lower(|fields| {
                Some((
                    fields.text("auth_url"),
                    fields.text("controller"),
                    Authorities::setting(fields),
                    fields.text("audience"),
                    fields.size_within("free_space", FREE_SPACES),
                    AccessLog::read(fields),
                    read_limits(fields, Limits::read),
                ))
            })?;
        let or = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        Ok(Self {
            state: settings.state()?.to_owned(),
            listen: settings.listen(LISTEN).to_owned(),
            auth_url: or(auth_url, AUTH_URL),
            controller: or(controller, CONTROLLER),
            authorities,
            audience: or(audience, AUDIENCE),
            free_space: free_space.unwrap_or(FREE_SPACE),
            access_log,
            http,
            limits,
        })
    }
}
