//! Ick's identity provider: authenticates API clients, says by scopes what each may do, and issues
//! signed access tokens.
//!
//! It keeps [`clients`] in SQLite and its signing keys in a file of their own ([`ick_token::Keyring`]),
//! and sees no other data. A client is given a token for no more than its own scopes, and gives another
//! client no more than it holds itself.

pub mod check;
pub mod clients;
pub mod config;
pub mod limits;
pub mod metrics;
pub mod program;
pub mod routes;
