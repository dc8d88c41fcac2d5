//! A whole Ick on this machine: identity provider, controller, store and worker as processes of their
//! own, started and ended by `icktool up` and `down`.
//!
//! This module owns the state folder's `up.json` (what is up: there only while something is),
//! `client.json` (icktool's own client, kept) and `up.lock`, and writes each daemon's `config.yaml` once.

pub mod daemon;
pub mod process;
pub mod role;
pub mod settings;
pub mod start;
pub mod state;
pub mod stop;
