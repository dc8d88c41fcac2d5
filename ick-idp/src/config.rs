//! The configuration: `config.yaml` and the command line.

use crate::limits::Limits;
use ick_core::yaml::Fields;
use ick_http::{AccessLog, ConfigError, ServeArgs, Settings, read_limits};
use ick_state::room::{FREE_SPACE, FREE_SPACES};
use ick_token::Rotation;
use std::path::PathBuf;
use std::time::Duration;

const LISTEN: &str = "127.0.0.1:8752";
const AUDIENCE: &str = "ick";
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
const JWKS_REFRESH: Duration = Duration::from_secs(3600);
const KEY_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// What the identity provider is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The state folder.
    pub state: PathBuf,
    /// The address to listen on; 127.0.0.1:8752 when left out.
    pub listen: String,
    /// Its URL for clients, the `iss` of its tokens; `http://` and the address when left out.
    pub issuer: Option<String>,
    /// The installation, the `aud` of its tokens; `ick` when left out.
    pub audience: String,
    /// How long tokens (5 minutes) and keys (90 days) are good for, and how often servers fetch the keys
    /// (each hour), when left out.
    pub rotation: Rotation,
    /// How many bytes of its disk new clients have to leave free; `64MiB` when left out. Tokens need
    /// none.
    pub free_space: u64,
    /// `access_log`: whether a line about each request goes to the log; `off` when left out.
    pub access_log: AccessLog,
    /// `limits` on what clients may make large or slow, as every daemon has them,
    pub http: ick_http::Limits,
    /// and those of the identity provider's own.
    pub limits: Limits,
}

impl Config {
    /// The configuration by command line, file and defaults, in this order.
    ///
    /// # Errors
    /// When the file cannot be read, or with all that is wrong in it.
    pub fn read(args: &ServeArgs) -> Result<Self, ConfigError> {
        let mut settings = Settings::read(args)?;
        let (issuer, audience, rotation, free_space, access_log, (http, limits)) =
            settings.lower(|fields| {
                let issuer = issuer(fields);
                let audience = fields.text("audience");
                let free_space = fields.size_within("free_space", FREE_SPACES);
                let limits = read_limits(fields, Limits::read);
                let access_log = AccessLog::read(fields);
                Some((
                    issuer,
                    audience,
                    rotation(fields),
                    free_space,
                    access_log,
                    limits,
                ))
            })?;
        Ok(Self {
            state: settings.state()?.to_owned(),
            listen: settings.listen(LISTEN).to_owned(),
            issuer,
            audience: audience.unwrap_or_else(|| AUDIENCE.to_owned()),
            rotation,
            free_space: free_space.unwrap_or(FREE_SPACE),
            access_log,
            http,
            limits,
        })
    }
}

fn issuer(fields: &Fields<'_>) -> Option<String> {
    let field = fields.field("issuer")?;
    let text = field.text()?;
    let is_server = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if !is_server {
        field.error("this must be a URL like https://idp.example");
    } else if text.ends_with('/') {
        // It is compared letter by letter with what the servers are configured with.
        field.error("an issuer's URL has no \"/\" at its end");
    }
    Some(text.to_owned())
}

fn rotation(fields: &Fields<'_>) -> Rotation {
    let within = |name, usual: Duration, shortest: Duration, longest: Duration| {
        let given = fields.duration_within(name, shortest..=longest);
        given.unwrap_or(usual)
    };
    let second = Duration::from_secs(1);
    let hour = 3600 * second;
    let token_lifetime = within("token_lifetime", TOKEN_LIFETIME, 10 * second, hour);
    let refresh = within("jwks_refresh", JWKS_REFRESH, second, 24 * hour);
    // A key is known for two refreshes before it signs; it should sign for longer than that.
    let shortest = 4 * refresh + token_lifetime;
    let key_lifetime = within("key_lifetime", KEY_LIFETIME, shortest, 365 * 24 * hour);
    Rotation {
        key_lifetime,
        refresh,
        token_lifetime,
    }
}
