//! `ick-idp check`: is what is in a state folder sound?

use crate::clients::Clients;
use ick_state::Error;
use ick_token::{Keyring, KeyringError};
use std::path::Path;

/// The names of what is in a state folder.
pub(crate) const DATABASE: &str = "idp.sqlite";
pub(crate) const KEYS: &str = "keys.json";

/// Looks at a state folder and changes nothing; may be done while the daemon runs. What is damaged, one
/// line each.
///
/// # Errors
/// When there is no identity provider's state there, or it cannot be looked at.
pub fn check(state: &Path) -> Result<Vec<String>, Error> {
    let database = state.join(DATABASE);
    if !database.is_file() {
        return Err(Error::Other(format!(
            "{} is not the state folder of an identity provider: it has no {DATABASE}",
            state.display()
        )));
    }
    let mut damage = Clients::problems(&database)?;
    match Keyring::check(&state.join(KEYS)) {
        // The keys are made when it serves for the first time.
        Ok(_) => {}
        Err(error @ KeyringError::Damaged { .. }) => damage.push(error.to_string()),
        Err(error) => return Err(Error::Other(error.to_string())),
    }
    Ok(damage)
}
