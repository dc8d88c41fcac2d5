//! The commands that icktool calls itself with. They are no part of the command line, and looked for
//! before it is read: a supervisor must not have started a thread, and each is started often.

use crate::up::process;
use ick_worker::words;
use rustix::process::Signal;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// `icktool own-session PROGRAM ARGUMENT…`: becomes the program, in a session of its own.
pub const OWN_SESSION: &str = "own-session";

/// Does what one of these commands says; none when it is another.
pub fn dispatch(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let command = arguments.next()?;
    let operand = arguments.next();
    match (command.to_str()?, operand) {
        (OWN_SESSION, Some(program)) => {
            let arguments: Vec<OsString> = arguments.collect();
            let why = process::become_session(Path::new(&program), &arguments);
            eprintln!("cannot execute {}: {why}", Path::new(&program).display());
            Some(ExitCode::from(2))
        }
        (word, Some(folder)) => {
            if word == words::SUPERVISE {
                // A worker's supervisors outlive it, to be adopted; nobody would adopt those of a killed
                // `icktool run`, so they are told to end what they supervise.
                let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
            }
            words::dispatch(&command, &folder)
        }
        _ => None,
    }
}
