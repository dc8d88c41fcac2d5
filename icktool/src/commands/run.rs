//! `icktool run`

use crate::error::{Error, Failure};
use crate::exit::Exit;
use crate::session::Context;
use std::path::PathBuf;

/// Build here and now, without a server
///
/// With the same engine as a worker: the log on stdout, the build's id is PROJECT/0, artifacts go to and
/// come from a folder. A git action whose URL is `.` or a remote of this checkout takes the working tree
/// as it is: tracked and untracked files, not ignored ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool run project.yaml
  icktool run project.yaml website -p git_url=.
  icktool run project.yaml --committed")]
pub struct Args {
    /// The definition file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The project; needed when the file has several
    #[arg(value_name = "PROJECT")]
    pub project: Option<String>,
    /// A parameter for this build: NAME=TEXT, or NAME:=JSON; can be given several times
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// The git branch or tag to build, where the source is not this checkout
    #[arg(long = "ref", value_name = "REF")]
    pub git_ref: Option<String>,
    /// Of this checkout take what HEAD has, instead of the working tree
    #[arg(long)]
    pub committed: bool,
    /// The folder of artifacts; one in your data folder when left out
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// Execute one action
#[derive(Debug, clap::Args)]
pub struct SuperviseArgs {
    /// The action's folder
    pub folder: PathBuf,
}

/// Execute one built-in action
#[derive(Debug, clap::Args)]
pub struct BuiltinArgs {
    /// The action's folder
    pub folder: PathBuf,
}

/// Does it.
///
/// # Errors
/// When the build cannot be set up.
pub fn run(_context: &Context, _args: &Args) -> Result<Exit, Failure> {
    Err(Error::Other("not yet".to_owned()).into())
}

/// Executes one action.
///
/// # Errors
/// When it cannot.
pub fn supervise(_args: &SuperviseArgs) -> Result<Exit, Failure> {
    Err(Error::Other("not yet".to_owned()).into())
}

/// Executes one built-in action.
///
/// # Errors
/// When it cannot.
pub fn builtin(_args: &BuiltinArgs) -> Result<Exit, Failure> {
    Err(Error::Other("not yet".to_owned()).into())
}
