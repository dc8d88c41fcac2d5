//! The OpenAPI descriptions against the real services, and the services against whatever a client can
//! send: what is described exists, what exists is described, and no request makes a server fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

mod answers;
mod described;
mod hostile;
mod nasty;
mod random;
mod raw;
mod routes;
mod schema;
mod world;
