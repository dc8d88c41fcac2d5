//! The controller: keeps projects, pipelines, workers, builds and logs; decides which action is next
//! and who executes it. It never runs anything, and acts only on requests and the passing of time.
//!
//! A request's way: `routes` → (synchronous from here) `trigger`, `transition`, `handout`, `apply` →
//! `state` in one transaction → after the commit `settle`: `leases`, `idle`, hints.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a failed test is a panic"))]

pub mod app;
pub mod apply;
pub mod check;
pub mod config;
pub mod definitions;
pub mod handout;
pub mod housekeeping;
pub mod idle;
pub mod leases;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod report;
pub mod roster;
pub mod routes;
pub mod serve;
pub mod settle;
pub mod show;
pub mod state;
pub mod store_token;
pub mod sweep;
pub mod transition;
pub mod trigger;

pub use app::{App, Hint};
