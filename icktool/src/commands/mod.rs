//! The commands, one subject a file: what each takes, and what it does.

pub mod actions;
mod actions_page;
pub mod artifacts;
pub mod build;
pub mod builds;
pub mod clients;
pub mod create_worker;
pub mod definitions;
pub mod down;
pub mod generate;
pub mod get_artifact;
pub mod login;
pub mod make_it_so;
pub mod pipelines;
pub mod projects;
pub mod run;
pub mod show_log;
pub mod status;
pub mod up;
pub mod validate;
pub mod verdict;
pub mod workers;

use crate::cli::Command;
use crate::error::Failure;
use crate::exit::Exit;
use crate::session::Context;

/// Does what the command says.
///
/// # Errors
/// When it cannot.
pub fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Up(args) => up::run(context, &args),
        Command::Down(_) => down::run(context),
        Command::Run(args) => run::run(context, &args),
        Command::Validate(args) => validate::run(context, &args),
        Command::MakeItSo(args) => make_it_so::run(context, &args),
        Command::Build(args) => build::run(context, &args),
        Command::ShowLog(args) => show_log::run(context, &args),
        Command::Status(_) => status::run(context),
        Command::ListBuilds(args) => builds::list(context, &args),
        Command::ShowBuild(args) => builds::show(context, &args),
        Command::CancelBuild(args) => builds::cancel(context, &args),
        Command::DeleteBuild(args) => builds::delete(context, &args),
        Command::ListProjects(_) => projects::list(context),
        Command::ShowProject(args) => projects::show(context, &args),
        Command::DeleteProject(args) => projects::delete(context, &args),
        Command::ListPipelines(_) => pipelines::list(context),
        Command::ShowPipeline(args) => pipelines::show(context, &args),
        Command::DeletePipeline(args) => pipelines::delete(context, &args),
        Command::ListActions(_) => actions::list(context),
        Command::HelpAction(args) => actions::help(context, &args),
        Command::ListWorkers(_) => workers::list(context),
        Command::ShowWorker(args) => workers::show(context, &args),
        Command::DrainWorker(args) => workers::drain(context, &args),
        Command::ResumeWorker(args) => workers::resume(context, &args),
        Command::DeleteWorker(args) => workers::delete(context, &args),
        Command::CreateWorker(args) => create_worker::run(context, &args),
        Command::ListArtifacts(args) => artifacts::list(context, &args),
        Command::GetArtifact(args) => get_artifact::run(context, &args),
        Command::PutArtifact(args) => artifacts::put(context, &args),
        Command::DeleteArtifact(args) => artifacts::delete(context, &args),
        Command::Login(args) => login::login(context, &args),
        Command::Logout(_) => login::logout(context),
        Command::Whoami(_) => login::whoami(context),
        Command::Token(_) => login::token(context),
        Command::CreateClient(args) => clients::create(context, &args),
        Command::ListClients(_) => clients::list(context),
        Command::DeleteClient(args) => clients::delete(context, &args),
        Command::Generate(args) => generate::run(&args),
    }
}
