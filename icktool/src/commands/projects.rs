//! `icktool list-projects`, `show-project`, `delete-project`

use crate::error::{Failure, Tried};
use crate::exit::Exit;
use crate::output::Table;
use crate::session::{Context, name};
use ick_api::controller::Projects;
use ick_core::name::ProjectName;
use ick_core::yaml;

/// List projects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-projects
  icktool list-projects --format json | jq -r '.projects[].project'")]
pub struct ListArgs {}

/// Show a project
///
/// As it would stand in a definition file, and what the controller knows about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool show-project hello")]
pub struct ShowArgs {
    /// The project; see `icktool --help` for what it means to leave it out
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
}

/// Delete a project; its finished builds stay readable
///
/// Refused while it has unfinished builds. Made again, its build numbers go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-project hello")]
pub struct DeleteArgs {
    /// The project
    #[arg(value_name = "PROJECT")]
    project: String,
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let projects = Projects {
        projects: session
            .controller
            .projects(None)
            .tried(|| "list projects")?,
    };
    context.out.result(&projects, |projects| {
        let mut table = Table::new(&["PROJECT", "PIPELINES", "DESCRIPTION"]);
        for project in &projects.projects {
            table.row(vec![
                project.project.as_str().into(),
                project.pipelines.join(", ").into(),
                project.description.clone().unwrap_or_default().into(),
            ]);
        }
        table.render()
    })?;
    if projects.projects.is_empty() {
        context
            .out
            .note("there is no project yet; make one with `icktool make-it-so FILE`");
    }
    Ok(Exit::Ok)
}

/// Shows one.
///
/// # Errors
/// Those of the call.
pub fn show(context: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let given: Option<ProjectName> = args
        .project
        .as_deref()
        .map(|text| name(text, "a project"))
        .transpose()?;
    let session = context.connect()?;
    let project = match given {
        Some(project) => project,
        None => crate::project_choice::choose(None, &session)?,
    };
    let project = session
        .controller
        .project(&project)
        .tried(|| format!("show the project {project}"))?;
    context.out.result(&project, |project| {
        serde_json::to_value(project)
            .map(|value| super::definitions::shown(&yaml::to_text(&value)))
            .unwrap_or_default()
    })?;
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let project: ProjectName = name(&args.project, "a project")?;
    let session = context.connect()?;
    session
        .controller
        .delete_project(&project)
        .tried(|| format!("delete the project {project}"))?;
    context.out.note(&format!("deleted the project {project}"));
    Ok(Exit::Ok)
}
