//! A shell where an action was executed: its workspace and root, its variables and its user.

use crate::engine::{Order, Program, cannot};
use crate::environment;
use crate::places::tool::wait;
use crate::places::{Started, chroot, container, host};
use crate::supervise::{end_children, restrict};
use ick_core::build::{Cause, Place};
use std::path::Path;
use std::process::ExitCode;

/// Opens a shell at this process's terminal for the action whose folder this is, and waits for its end:
/// what the hidden command `shell DIR` does. What the shell leaves behind is ended. To be called before
/// the program has made a second thread.
pub fn main(folder: &Path) -> ExitCode {
    match open(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}", why.detail);
            ExitCode::FAILURE
        }
    }
}

fn open(folder: &Path) -> Result<(), Cause> {
    let failed = |why: rustix::io::Errno| cannot("open a shell", &why.into());
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(failed)?;
    let order = Order::read(folder).map_err(|why| cannot("read the action's order", &why))?;
    restrict(&order).map_err(|why| cannot("limit what the shell may take", &why))?;
    let built_in = matches!(order.request.program, Program::BuiltIn { .. });
    let status = match order.request.place {
        Place::Container if !built_in => {
            let (pid, status) = container::start(&order, folder, Started::Shell)?;
            let ended = wait(pid).map_err(failed)?;
            status.judge(ended).map(drop)
        }
        Place::Chroot if !built_in => {
            let points = chroot::MountPoints::of(&order)?;
            let started = chroot::start(&order, folder, Started::Shell);
            let ended = started.and_then(|(pid, status)| {
                let ended = wait(pid).map_err(failed)?;
                status.judge(ended).map(drop)
            });
            if let Some(points) = points {
                points.remove();
            }
            ended
        }
        _ => {
            let (program, words) = environment::shell();
            let child = host::program(&order, program, &words).spawn();
            let mut child = child.map_err(|why| cannot("open a shell", &why))?;
            child
                .wait()
                .map_err(|why| cannot("wait for the shell", &why))?;
            Ok(())
        }
    };
    end_children();
    status
}
