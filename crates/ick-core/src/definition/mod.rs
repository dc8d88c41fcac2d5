//! What people define: projects and pipelines (DESIGN.md, section 3).
//!
//! [`Definitions::check`] reads files and reports every problem at once; [`Project::from_json`] and
//! [`Pipeline::from_json`] read what the API is sent, with the same checks. A definition cannot be had
//! unchecked. [`resolve`] makes the [`Plan`] of a build out of a project, its pipelines and a trigger,
//! so that a build never depends on what a definition is later; [`expand`] puts the values into one
//! action's `${…}` when it is handed out.

mod action;
mod builtin;
mod cache;
mod check;
mod expand;
mod field;
mod help;
pub mod limits;
mod pipeline;
mod plan;
mod project;
mod resolve;
mod schema;
mod scope;
mod surroundings;
mod template;

pub use crate::schedule::Needs;
pub use action::{Action, Kind};
pub use builtin::{BuiltIn, Fallback, FieldKind, FieldSpec};
pub use cache::Cache;
pub use check::{Checked, Definitions};
pub use expand::Access;
pub use expand::{Context, ExpandError, blob_access, expand};
pub use help::{ActionHelp, FieldHelp};
pub use pipeline::{Pipeline, Wanted};
pub use plan::{PLAN_VERSION, Plan, PlannedAction};
pub use project::Project;
pub use resolve::{CREATE_WORKSPACE, Trigger, resolve};
pub use schema::schema;

#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test is a panic"
)]
mod tests;
