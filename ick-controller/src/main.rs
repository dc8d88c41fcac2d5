//! The controller: see the library.

use clap::Parser;
use ick_controller::serve::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    ick_http::start();
    ick_http::finish("ick-controller", run(&Cli::parse()))
}
