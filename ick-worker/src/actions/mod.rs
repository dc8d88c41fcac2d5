//! The built-in actions: each is executed as a process of its own under the action's supervisor.
//!
//! What an earlier action could have written is hostile here: the workspace is only reached through
//! [`beneath`], and no configuration in it is ever obeyed. What is printed goes to stream `ick` of the
//! build's log; what was done is left in `built.json` in the action's folder.

mod archive;
mod artifact;
mod as_root;
mod debootstrap;
mod details;
mod dput;
mod fields;
mod git;
mod globs;
#[cfg(test)]
mod ordinary_user;
mod pieces;
mod populate_systree;
mod populate_workspace;
mod rsync;
mod sources;
mod ssh;
mod tool;
#[cfg(test)]
mod trial;
mod unpack;
#[cfg(test)]
#[path = "../../tests/engine/user.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]
mod user;
mod xattrs;

pub use details::{Checkout, Details, DputSettings, GitSettings, StoreAt};

use crate::engine::{BUILT, Built, Order, Program, VERSION, cannot, cause};
use ick_core::build::{Cause, CauseKind};
use ick_core::definition::BuiltIn;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Executes the built-in action whose folder this is: what the hidden command `builtin DIR` does.
pub fn main(folder: &Path) -> ExitCode {
    let mut built = Built {
        v: VERSION,
        ..Built::default()
    };
    let done = execute(folder, &mut built);
    let code = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{}", why.detail);
            built.cause = Some(why);
            ExitCode::FAILURE
        }
    };
    match leave(folder, &built) {
        Ok(()) => code,
        Err(why) => {
            println!("cannot write what was done: {why}");
            ExitCode::FAILURE
        }
    }
}

fn execute(folder: &Path, built: &mut Built) -> Result<(), Cause> {
    let order = Order::read(folder).map_err(|why| cannot("read the action's order", &why))?;
    let Program::BuiltIn {
        name,
        step,
        details,
    } = &order.request.program
    else {
        return Err(cause(CauseKind::Internal, "this is no built-in action"));
    };
    let action = BuiltIn::from_word(name).ok_or_else(|| {
        bad(format!(
            "this worker does not know the built-in action {name:?}: is it older than the controller?"
        ))
    })?;
    let details: Details = serde_json::from_value(details.clone()).map_err(|why| {
        cause(
            CauseKind::Internal,
            format!("the action's order has no details: {why}"),
        )
    })?;
    let task = Task {
        folder,
        order: &order,
        details: &details,
        fields: fields::Fields::new(step, &order.request.parameters),
    };
    match action {
        BuiltIn::Git => git::execute(&task, built),
        BuiltIn::GitMirror => git::git_mirror::execute(&task, built),
        BuiltIn::Debootstrap => debootstrap::execute(&task),
        BuiltIn::PopulateSystree => populate_systree::execute(&task, built),
        BuiltIn::PopulateWorkspace => populate_workspace::execute(&task, built),
        BuiltIn::Rsync => rsync::execute(&task),
        BuiltIn::Dput => dput::execute(&task),
        BuiltIn::Archive => archive::execute(&task, built),
    }
}

/// What every built-in action is given.
struct Task<'a> {
    /// The action's folder.
    folder: &'a Path,
    order: &'a Order,
    details: &'a Details,
    fields: fields::Fields<'a>,
}

impl Task<'_> {
    /// The run's folder, in which the workspace is. Actions in containers do not see it.
    fn run_folder(&self) -> Result<&Path, Cause> {
        self.order
            .workspace
            .parent()
            .ok_or_else(|| cause(CauseKind::Internal, "the workspace is in no folder"))
    }
}

fn leave(folder: &Path, built: &Built) -> io::Result<()> {
    let unfinished = folder.join("built.json.new");
    fs::write(&unfinished, serde_json::to_vec(built)?)?;
    fs::rename(unfinished, folder.join(BUILT))
}

/// A cause of kind `action_failed`.
fn failed(detail: impl Into<String>) -> Cause {
    cause(CauseKind::ActionFailed, detail)
}

/// A cause for a value that the definition should not have.
fn bad(detail: impl Into<String>) -> Cause {
    cause(CauseKind::BadDefinition, detail)
}
