//! `where: host`: on the worker itself, as its own user.

use super::Inside;
use super::tools::in_path;
use crate::engine::{Order, Program, cause};
use crate::environment;
use ick_core::build::{Cause, CauseKind};
use std::path::Path;
use std::process::Command;

/// The command that executes an action on the host; its streams are the caller's matter.
pub(crate) fn command(order: &Order, folder: &Path) -> Result<Command, Cause> {
    if let Program::BuiltIn { .. } = order.request.program {
        let (program, arguments) = order.builtin.split_first().ok_or_else(|| {
            cause(
                CauseKind::Internal,
                "the engine was not told how to execute a built-in action",
            )
        })?;
        let mut command = Command::new(program);
        command.args(arguments).arg(folder);
        return Ok(in_environment(command, order));
    }
    let inside = Inside::from_order(order, folder);
    let (name, arguments) = environment::command(&order.request.program, &inside);
    Ok(program(order, name, &arguments))
}

/// A program in an action's environment.
pub(crate) fn program(order: &Order, name: &str, arguments: &[String]) -> Command {
    let path = order.env.get("PATH").map_or("", String::as_str);
    let found = in_path(path, name).unwrap_or_else(|| name.into());
    let mut command = Command::new(found);
    command.args(arguments);
    in_environment(command, order)
}

fn in_environment(mut command: Command, order: &Order) -> Command {
    command
        .env_clear()
        .envs(&order.env)
        .current_dir(&order.workspace);
    command
}
