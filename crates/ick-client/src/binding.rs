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
    /// When the controller's `auth_url` is no URL; [`Error::Downgrade`] when the controller is reached
    /// over TLS, and credentials would go to the issuer in the clear.
    pub fn new(controller: &Controller, version: &Version) -> Result<Self, Error> {
        let issuer = Address::parse(&version.auth_url)?;
        if controller.server.address.is_https() && issuer.is_in_the_clear() {
            return Err(Error::Downgrade {
                controller: controller.url().to_owned(),
                issuer: issuer.to_string(),
            });
        }
        Ok(Self {
            controller: controller.url().to_owned(),
            issuer: issuer.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_not_given_up_on_the_way_to_the_issuer() -> Result<(), Error> {
        for (controller, auth_url, taken) in [
            ("https://ick.example", "https://idp.ick.example", true),
            ("https://ick.example", "http://idp.ick.example", false),
            ("https://ick.example", "http://127.0.0.1:8752", true),
            ("http://ick.example", "http://idp.ick.example", true),
            ("http://ick.example", "https://idp.ick.example", true),
        ] {
            let version = Version {
                version: String::new(),
                api: 1,
                artifact_store: String::new(),
                auth_url: auth_url.to_owned(),
            };
            let binding = Binding::new(&Controller::new(controller)?, &version);
            match binding {
                Ok(binding) => assert_eq!((binding.issuer.as_str(), taken), (auth_url, true)),
                Err(error) => {
                    assert!(matches!(error, Error::Downgrade { .. }), "{error}");
                    assert!(!taken, "{controller} {auth_url}");
                }
            }
        }
        Ok(())
    }
}
