//! The command line: every command, in the order in which a person meets them.
//!
//! Help, completions and man pages are all made from these definitions.

use crate::commands::{
    actions, artifacts, build, builds, clients, create_worker, down, generate, login, make_it_so,
    pipelines, projects, run, show_log, status, up, validate, workers,
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
    arg_required_else_help = true
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
    /// A file with the certificates of the authorities (CA) that sign the servers' ones, instead of those
    /// that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
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
#[expect(
    missing_docs,
    reason = "each is documented, help included, where its arguments are"
)]
pub enum Command {
    Up(up::Args),
    Down(down::Args),
    Run(run::Args),
    Validate(validate::Args),
    MakeItSo(make_it_so::Args),
    Build(build::Args),
    ShowLog(show_log::Args),
    Status(status::Args),

    ListBuilds(builds::ListArgs),
    ShowBuild(builds::ShowArgs),
    CancelBuild(builds::CancelArgs),
    DeleteBuild(builds::DeleteArgs),

    ListProjects(projects::ListArgs),
    ShowProject(projects::ShowArgs),
    DeleteProject(projects::DeleteArgs),

    ListPipelines(pipelines::ListArgs),
    ShowPipeline(pipelines::ShowArgs),
    DeletePipeline(pipelines::DeleteArgs),

    ListActions(actions::ListArgs),
    HelpAction(actions::HelpArgs),

    ListWorkers(workers::ListArgs),
    ShowWorker(workers::ShowArgs),
    DrainWorker(workers::DrainArgs),
    ResumeWorker(workers::ResumeArgs),
    DeleteWorker(workers::DeleteArgs),
    CreateWorker(create_worker::Args),

    ListArtifacts(artifacts::ListArgs),
    GetArtifact(artifacts::GetArgs),
    PutArtifact(artifacts::PutArgs),
    DeleteArtifact(artifacts::DeleteArgs),

    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Whoami(login::WhoamiArgs),
    Token(login::TokenArgs),
    CreateClient(clients::CreateArgs),
    ListClients(clients::ListArgs),
    DeleteClient(clients::DeleteArgs),

    #[command(hide = true)]
    Generate(generate::Args),
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
         ICK_CA_FILE                       a file with the certificates of your own authorities (CA)\n  \
         ICK_PROJECT                       the project, where a command's PROJECT is left out\n  \
         NO_COLOR                          no colour\n\n\
         PROJECT left out means ICK_PROJECT, else the one project of project.yaml (or of the one *.ick \
         file) in this folder, else the one project that there is."
    );
    Cli::command()
        .after_help(codes.trim_end().to_owned())
        .after_long_help(long)
}
