//! The command line: every command, in the order in which a person meets them.
//!
//! Help, completions and man pages are all made from these definitions.

use crate::commands::{
    artifacts, build, builds, clients, down, generate, login, make_it_so, pipelines, projects, run,
    show_log, status, up, validate, workers,
};
use crate::exit;
use crate::output::{Color, Format};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Ick is a continuous integration system; icktool is how you use it.
///
/// `icktool up` starts a whole Ick on this machine. `icktool make-it-so FILE` tells it what to build,
/// `icktool build` builds it, `icktool show-log` shows what happened. `icktool run FILE` builds here
/// and now, without any server.
#[derive(Debug, Parser)]
#[command(
    name = "icktool",
    version,
    about = "The command line of Ick, a continuous integration system",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = false
)]
pub struct Cli {
    #[command(flatten)]
    /// What every command takes.
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The controller's URL; ICK_CONTROLLER when left out, else the one of `up` or `login`
    #[arg(long, value_name = "URL", global = true, conflicts_with = "state")]
    pub controller: Option<String>,
    /// The state folder of an Ick that `icktool up` started: use that one
    #[arg(long, value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,
    /// The form of results
    #[arg(long, value_enum, value_name = "FORM", default_value_t, global = true)]
    pub format: Format,
    /// When to use colour; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    pub color: Color,
}

/// Every command.
#[derive(Debug, Subcommand)]
#[command(disable_help_flag = false)]
pub enum Command {
    /// Start a whole Ick on this machine
    Up(up::Args),
    /// End the Ick that `up` started
    Down(down::Args),
    /// Build here and now, without a server
    Run(run::Args),
    /// Check definition files, without a server
    Validate(validate::Args),
    /// Apply definition files: create and change the projects and pipelines they describe
    MakeItSo(make_it_so::Args),
    /// Trigger a build
    Build(build::Args),
    /// Show what a build wrote
    ShowLog(show_log::Args),
    /// Show how the servers, the workers, and the running and waiting builds are
    Status(status::Args),

    /// List builds, newest first
    ListBuilds(builds::ListArgs),
    /// Show a build
    ShowBuild(builds::ShowArgs),
    /// Cancel a build
    CancelBuild(builds::CancelArgs),
    /// Delete a build that has ended, with its log
    DeleteBuild(builds::DeleteArgs),

    /// List projects
    ListProjects(projects::ListArgs),
    /// Show a project
    ShowProject(projects::ShowArgs),
    /// Delete a project; its finished builds stay readable
    DeleteProject(projects::DeleteArgs),

    /// List pipelines
    ListPipelines(pipelines::ListArgs),
    /// Show a pipeline
    ShowPipeline(pipelines::ShowArgs),
    /// Delete a pipeline
    DeletePipeline(pipelines::DeleteArgs),

    /// List workers
    ListWorkers(workers::ListArgs),
    /// Show a worker
    ShowWorker(workers::ShowArgs),
    /// Give a worker no new builds; what it runs goes on
    DrainWorker(workers::DrainArgs),
    /// Give a drained worker builds again
    ResumeWorker(workers::ResumeArgs),
    /// Delete a worker's record
    DeleteWorker(workers::DeleteArgs),
    /// Make the credentials of a new worker
    CreateWorker(workers::CreateArgs),

    /// List artifacts
    ListArtifacts(artifacts::ListArgs),
    /// Fetch an artifact
    GetArtifact(artifacts::GetArgs),
    /// Store a file as an artifact
    PutArtifact(artifacts::PutArgs),
    /// Delete an artifact
    DeleteArtifact(artifacts::DeleteArgs),

    /// Make a controller the default one, and keep the credentials for it
    Login(login::LoginArgs),
    /// Forget the credentials for a controller
    Logout(login::LogoutArgs),
    /// Show which client this is, and what it may do
    Whoami(login::WhoamiArgs),
    /// Print an access token
    Token(login::TokenArgs),
    /// Make an API client
    CreateClient(clients::CreateArgs),
    /// List API clients
    ListClients(clients::ListArgs),
    /// Delete an API client
    DeleteClient(clients::DeleteArgs),

    /// Write the completions and man pages
    #[command(hide = true)]
    Generate(generate::Args),
    /// Execute one action (used by `icktool run`)
    #[command(hide = true)]
    Supervise(run::SuperviseArgs),
    /// Execute one built-in action (used by `icktool run`)
    #[command(hide = true)]
    Builtin(run::BuiltinArgs),
    /// Become a program in a session of its own (used by `icktool up`)
    #[command(hide = true)]
    OwnSession(up::OwnSessionArgs),
}

/// The definitions with what is made from other tables.
pub fn command() -> clap::Command {
    let mut codes = String::from("Exit codes:\n");
    for row in exit::TABLE {
        codes.push_str(&format!("  {:>3}  {}\n", row.code, row.means));
    }
    let long = format!(
        "{codes}\n\
         Environment:\n  \
         ICK_CONTROLLER                    the controller's URL\n  \
         ICK_CLIENT_ID, ICK_CLIENT_SECRET  credentials, instead of those of `login`\n  \
         ICK_TOKEN                         an access token, instead of any credentials\n  \
         ICK_PROJECT                       the project, where a command's PROJECT is left out\n  \
         NO_COLOR                          no colour\n\n\
         PROJECT left out means ICK_PROJECT, else the one project of project.yaml (or of the one *.ick \
         file) in this folder, else the one project that there is."
    );
    Cli::command()
        .after_help(codes.trim_end().to_owned())
        .after_long_help(long)
}
