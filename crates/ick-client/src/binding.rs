//! Credentials belong to one (controller, issuer) pair.

use crate::address::Address;
use crate::controller::Controller;
use crate::error::Error;
use ick_api::controller::Version;
use serde::{Deserialize, Serialize};

/// The pair that credentials were first used with. The caller keeps it beside the credentials; a
/// controller that later names another issuer gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The controller's URL.
    pub controller: String,
    /// The issuer: the identity provider's URL.
    pub issuer: String,
}

impl Binding {
    /// The pair that a controller names now.
    ///
    /// # Errors
    /// When the controller's `auth_url` is no URL.
    pub fn new(controller: &Controller, version: &Version) -> Result<Self, Error> {
        Ok(Self {
            controller: controller.url().to_owned(),
            issuer: Address::parse(&version.auth_url)?.to_string(),
        })
    }

    /// Whether credentials with this recorded pair may be sent to the issuer; without a record this
    /// is the first use.
    ///
    /// # Errors
    /// [`Error::Rebound`] when either differs from the record.
    pub fn check(&self, recorded: Option<&Self>) -> Result<(), Error> {
        let Some(recorded) = recorded else {
            return Ok(());
        };
        let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
        if same(&recorded.controller, &self.controller) && same(&recorded.issuer, &self.issuer) {
            return Ok(());
        }
        Err(Error::Rebound {
            controller: self.controller.clone(),
            recorded: recorded.issuer.clone(),
            found: self.issuer.clone(),
        })
    }
}
