//! The controller's calls: this file has what every caller needs, the others one route group each.

mod builds;
mod definitions;
mod work;
mod workers;

pub use builds::{BuildFilter, LogPart, Triggered};
pub use work::Append;

use crate::call::{Call, Server};
use crate::error::Error;
use crate::idp::{self, Jwks};
use crate::retry::Retry;
use crate::tls::Authorities;
use crate::token::TokenSource;
use ick_api::controller::Version;
use std::time::Duration;

/// A controller. Clones share connections and token.
#[derive(Clone, Debug)]
pub struct Controller {
    pub(crate) server: Server,
}

impl Controller {
    /// The controller at a URL; nothing is sent yet.
    ///
    /// # Errors
    /// When the text is no server's URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            server: Server::new(url)?,
        })
    }

    /// With these tokens, which every call but the public ones needs.
    #[must_use]
    pub fn with_token(mut self, token: TokenSource) -> Self {
        self.server.token = Some(token);
        self
    }

    /// With these authorities for its certificate, when its URL is https; the platform's otherwise.
    #[must_use]
    pub fn with_authorities(mut self, authorities: &Authorities) -> Self {
        self.server = self.server.with_authorities(authorities);
        self
    }

    /// With other retries than [`Retry::BRIEF`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.server.retry = retry;
        self
    }

    /// With calls that fail when an answer does not begin within this time and what they ask the
    /// controller to wait; 60 s otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.server.patience = patience;
        self
    }

    /// The same controller and token with connections of its own, so that
    /// [`Controller::shut_down`] on one does not touch the other.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            server: self.server.apart(),
        }
    }

    /// Breaks every call that is under way on these connections, in other threads too, and refuses
    /// new ones, for good: how a long-poll is ended early.
    pub fn shut_down(&self) {
        self.server.shut_down();
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        self.server.address.as_str()
    }

    /// `GET /version`, without token and tried once: what says whether the server can be reached.
    ///
    /// # Errors
    /// Those of any call.
    pub fn version(&self) -> Result<Version, Error> {
        let mut server = self.server.clone();
        server.retry = Retry::NEVER;
        server.json(&Call::get("/version").without_token())
    }

    /// Whether it serves; tried once.
    ///
    /// # Errors
    /// When it does not.
    pub fn healthz(&self) -> Result<(), Error> {
        idp::healthz(&self.server)
    }

    /// `GET /jwks.json`: the keys of its store tokens.
    ///
    /// # Errors
    /// Those of any call.
    pub fn jwks(&self) -> Result<Jwks, Error> {
        idp::jwks(&self.server)
    }

    /// Its metrics in Prometheus' text form.
    ///
    /// # Errors
    /// Those of any call.
    pub fn metrics(&self) -> Result<String, Error> {
        idp::metrics(&self.server)
    }
}
