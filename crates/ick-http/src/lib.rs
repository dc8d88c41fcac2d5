//! HTTP serving for Ick's daemons.
//!
//! A daemon gives [`serve()`] a router and the issuers it accepts tokens from, and gets: an accept loop
//! with limits on everything that a client can make large or slow, the token checked before anything
//! else is looked at, errors as `application/problem+json`, metrics, and an orderly end. Asynchronous
//! code stops here: a handler enters the daemon's own, synchronous code through [`blocking()`].
//!
//! Handlers are given what they need as arguments: [`Authorized`] (a scope), [`Json`], [`Whole`] or
//! [`Upload`] (a body), [`Query`], [`Page`] and [`NamePath`]; they refuse by [`Refusal`].

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a failed test is a panic"))]

mod access;
mod args;
mod auth;
mod blocking;
mod body;
mod budget;
mod clock;
mod config;
mod connections;
mod daemon;
mod etag;
mod incoming;
mod jwks;
mod limits;
mod listener;
mod metrics;
mod name_path;
mod page;
mod query;
pub mod range;
mod refusal;
mod serve;
mod service;
mod shutdown;
mod stalled;
mod stream;
mod traffic;
mod wait;

pub use access::AccessLog;
pub use args::{CheckArgs, ServeArgs};
pub use auth::{Authorized, Caller};
pub use blocking::blocking;
pub use body::{BodyLimit, BodyReader, Json, JsonOrEmpty, Upload, Whole};
pub use budget::{Budget, Held, answers};
pub use clock::now;
pub use config::{ConfigError, Settings};
pub use daemon::{Usage, finish, start};
pub use etag::{etag, if_match, if_none_match, revision_tag};
pub use jwks::{IssuerSource, KeyFetcher};
pub use limits::{Limits, body_size, read_limits};
pub use listener::{BindError, Listener};
pub use metrics::{Figures, Metrics};
pub use name_path::{Methods, NamePath, parse_name, split_name};
pub use page::Page;
pub use query::Query;
pub use refusal::Refusal;
pub use serve::{Serve, ServeError, serve, version};
pub use shutdown::Shutdown;
pub use stream::{Gone, Sender, Turn, answer_stream};
pub use wait::{Hints, Watcher, Woken};

pub use axum;
pub use axum::body::Body;
pub use axum::response::Response;
pub use prometheus_client;
