//! Ick's artifact store: named files, kept by the digest of their content.
//!
//! A content arrives in a temporary file, hashed on the way, and becomes durable under its digest
//! ([`blobs`]); then the index gives it a name ([`names`]). [`shelf`] keeps the two in step,
//! [`routes`] is what clients see of it, and [`check`] reads everything again. The store does not know
//! what a build is.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a failed test is a panic"))]

pub mod blobs;
pub mod check;
pub mod config;
pub mod limits;
pub mod metrics;
pub mod names;
pub mod program;
pub mod repr_digest;
pub mod routes;
pub mod shelf;
