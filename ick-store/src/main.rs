//! The artifact store: see the library.

use clap::Parser;
use ick_store::program::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    ick_http::start();
    ick_http::finish("ick-store", run(&Cli::parse()))
}
