//! The OpenAPI 3.1 descriptions of Ick's three services: `docs/openapi/{controller,store,idp}.json`.
//!
//! Shapes of bodies come from the wire types of `ick_api`; [`controller`], [`store`] and [`idp`] are the
//! tables of the calls, beside which the daemons' routes are held by tests (`tests/tests/openapi.rs`).
//! Nothing here is part of a daemon.

mod api;
mod call;
mod controller;
mod daemon;
mod idp;
mod schemas;
mod store;

pub use controller::controller;
pub use idp::idp;
pub use store::store;
