//! The identity provider: see the library.

use clap::Parser;
use ick_idp::program::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    ick_http::start();
    ick_http::finish("ick-idp", run(&Cli::parse()))
}
