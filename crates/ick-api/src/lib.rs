//! What Ick's services say to each other: wire types by service, scopes, problems, log frames.
//!
//! The types have no logic. Clients ignore fields of answers that they do not know; what a person
//! writes (projects, pipelines) is parsed by `ick_core::definition`, not here.

pub mod controller;
pub mod idp;
pub mod logframe;
pub mod problem;
pub mod scope;
pub mod store;

/// The version of the HTTP API, in `GET /version`.
pub const API_VERSION: u32 = 1;

/// The version of the worker protocol, in a worker's registration.
pub const WORKER_PROTOCOL: u32 = 1;
