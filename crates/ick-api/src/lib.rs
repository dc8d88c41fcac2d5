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

/// What a worker says in its registration, with the value true, when it makes a run's workspace by
/// itself: it is not given the action `create_workspace`, which counts as done when the build is handed
/// out. That saves a build one call and one commit.
pub const MAKES_WORKSPACES: &str = "makes_workspaces";
