//! A shell where an action was executed: its workspace and root, its variables and its user.

use crate::engine::{Order, Program, cannot};
use crate::environment;
use crate::places::{container, host};
use crate::supervise::{end_children, restrict};
use ick_core::build::{Cause, Place};
use rustix::process::{Pid, WaitOptions};
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
            let (pid, status) = container::start(&order, folder, container::Started::Shell)?;
            let ended = wait(pid).map_err(failed)?;
            status.judge(ended).map(drop)
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

fn wait(pid: Pid) -> rustix::io::Result<crate::supervise::End> {
    loop {
        match rustix::process::waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status.into()),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(why),
        }
    }
}
