//! Credentials belong to one (controller, issuer) pair; the tokens that they bring go to that pair and
//! its artifact store.

use crate::address::Address;
use crate::controller::Controller;
use crate::error::Error;
use ick_api::controller::Version;
use serde::{Deserialize, Serialize};

/// The servers that credentials were first used with. The caller keeps them beside the credentials; a
/// controller that later names another issuer or store gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The controller's URL.
    pub controller: String,
    /// The issuer: the identity provider's URL.
    pub issuer: String,
    /// The artifact store's URL; none where the controller named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// What another issuer would be, in [`Error::Rebound`].
const ISSUER: &str = "the place to send credentials to";
/// What another store would be.
const STORE: &str = "the artifact store to send tokens to";

fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

impl Binding {
    /// The servers that a controller names now.
    ///
    /// # Errors
    /// When its `auth_url` or `artifact_store` is no URL; [`Error::Downgrade`] when the controller is
    /// reached over TLS, and credentials would go to the issuer in the clear.
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
            store: match version.artifact_store.as_str() {
                "" => None,
                url => Some(Address::parse(url)?.to_string()),
            },
        })
    }

    /// Whether credentials with this record may be sent to the issuer, and tokens to the store; without
    /// a record this is the first use.
    ///
    /// # Errors
    /// [`Error::Rebound`] when one of the servers is another than in the record.
    pub fn check(&self, recorded: Option<&Self>) -> Result<(), Error> {
        let Some(recorded) = recorded else {
            return Ok(());
        };
        let rebound = |place, recorded: &str, found: &str| Error::Rebound {
            controller: self.controller.clone(),
            place,
            recorded: recorded.to_owned(),
            found: found.to_owned(),
        };
        if !same(&recorded.controller, &self.controller) || !same(&recorded.issuer, &self.issuer) {
            return Err(rebound(ISSUER, &recorded.issuer, &self.issuer));
        }
        if let (Some(recorded), Some(found)) = (&recorded.store, &self.store)
            && !same(recorded, found)
        {
            return Err(rebound(STORE, recorded, found));
        }
        Ok(())
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
