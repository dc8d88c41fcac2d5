//! The controller's wire types, by subject.

mod apply;
mod builds;
mod definitions;
mod log;
mod work;
mod workers;

pub use apply::*;
pub use builds::*;
pub use definitions::*;
pub use ick_core::build::{Artifact, Source};
pub use ick_core::schedule::Allows;
pub use log::*;
pub use work::*;
pub use workers::*;

use serde::{Deserialize, Serialize};

/// `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Version {
    /// The program's version.
    pub version: String,
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// The artifact store's URL.
    #[serde(default)]
    pub artifact_store: String,
    /// The issuer: the identity provider's URL.
    #[serde(default)]
    pub auth_url: String,
}
