//! The program: see the library.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(command), Some(folder)) if command == "supervise" => {
            ick_worker::supervise::main(Path::new(&folder))
        }
        _ => {
            eprintln!("ick-worker: nothing to do");
            ExitCode::from(2)
        }
    }
}
