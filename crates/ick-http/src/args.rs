//! The command line that the daemons have in common.

use std::path::PathBuf;

/// The arguments of `serve`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// The configuration file [default: config.yaml in the state folder, if it is there]
    #[arg(long, value_name = "FILE", required_unless_present = "state")]
    pub config: Option<PathBuf>,
    /// The folder with everything that the daemon keeps; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The address to listen on, like 127.0.0.1:8750; port 0 is a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

/// The arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The state folder to look at; nothing in it is changed
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
}
