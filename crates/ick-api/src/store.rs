//! The artifact store's wire types.

use ick_core::digest::Digest;
use ick_core::name::BlobName;
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer of `PUT /blobs/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stored {
    /// The blob's name.
    pub name: BlobName,
    /// The digest of its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// One row of `GET /blobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Blob {
    /// The blob's name.
    pub name: BlobName,
    /// The digest of its present content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When the name got this content.
    pub created: Timestamp,
}

/// `GET /blobs?prefix=`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Blobs {
    /// In the order of their names.
    pub blobs: Vec<Blob>,
}
