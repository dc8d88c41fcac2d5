//! From a definition file to the plan of a build.

use crate::commands::definitions::Files;
use crate::error::{Error, Failure, Tried};
use crate::output::Output;
use crate::session::{name, variable};
use ick_core::definition::{Definitions, Plan, Trigger, resolve};
use ick_core::name::ProjectName;
use ick_core::yaml;
use std::path::{Path, PathBuf};

/// What is to be built.
#[derive(Debug)]
pub struct Prepared {
    /// The project.
    pub project: ProjectName,
    /// What its build does.
    pub plan: Plan,
}

/// Reads, checks and resolves.
///
/// # Errors
/// When the file is wrong, or the project cannot be built as it stands there.
pub fn prepare(
    out: &Output,
    file: &Path,
    project: Option<&str>,
    trigger: &Trigger,
) -> Result<Prepared, Failure> {
    let files = Files::read(&[PathBuf::from(file)])?;
    let definitions = files.checked(out).tried(|| "use the definitions")?;
    let project = choose(&definitions, file, project)?;
    let Some(definition) = definitions.projects.get(&project) else {
        let known = definitions.projects.keys().map(ProjectName::as_str);
        return Err(Error::NoSuchProject {
            project: project.to_string(),
            file: file.to_path_buf(),
            hint: yaml::did_you_mean(project.as_str(), known),
        }
        .into());
    };
    let plan = resolve(definition, &definitions.pipelines, trigger)
        .map_err(|flaws| files.refused(out, &flaws))
        .tried(|| format!("build {project}"))?;
    Ok(Prepared { project, plan })
}

/// The project that is named, else that of `ICK_PROJECT` if the file has it, else the file's only one.
fn choose(
    definitions: &Definitions,
    file: &Path,
    given: Option<&str>,
) -> Result<ProjectName, Error> {
    if let Some(text) = given {
        return name(text, "a project");
    }
    let wanted = variable("ICK_PROJECT").and_then(|text| text.parse().ok());
    if let Some(project) = wanted.filter(|name| definitions.projects.contains_key(name)) {
        return Ok(project);
    }
    let mut names = definitions.projects.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(Error::NoProject {
            looked: format!("in {}", file.display()),
            known: definitions
                .projects
                .keys()
                .map(ToString::to_string)
                .collect(),
        }),
    }
}
