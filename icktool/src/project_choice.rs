//! Which project is meant where none is named: `ICK_PROJECT`, else the one project of `project.yaml` (or
//! of the one `*.ick` file) in this folder, else the one project that there is.

use crate::error::{Error, Failure, Tried};
use crate::session::{Session, name, variable};
use ick_core::name::ProjectName;
use ick_core::yaml;
use std::path::{Path, PathBuf};

/// The project that is named or meant.
///
/// # Errors
/// When it is not clear which one; the error lists those there are.
pub fn choose(given: Option<&str>, session: &Session) -> Result<ProjectName, Failure> {
    if let Some(text) = given.map(str::to_owned).or_else(|| variable("ICK_PROJECT")) {
        return Ok(name(&text, "a project")?);
    }
    let here = definition_here(Path::new("."));
    let described = here.as_deref().map(projects_of).unwrap_or_default();
    if let [only] = described.as_slice() {
        return Ok(only.clone());
    }
    let there: Vec<ProjectName> = session
        .controller
        .projects(Some(100))
        .tried(|| "find out which project is meant")?
        .into_iter()
        .map(|project| project.project)
        .collect();
    match (there.as_slice(), here) {
        ([only], _) => Ok(only.clone()),
        (_, Some(file)) if !described.is_empty() => Err(Error::NoProject {
            looked: format!("in {}", file.display()),
            known: described.iter().map(ToString::to_string).collect(),
        }
        .into()),
        _ => Err(Error::NoProject {
            looked: format!("at {}", session.controller.url()),
            known: there.iter().map(ToString::to_string).collect(),
        }
        .into()),
    }
}

/// The definition file of this folder: `project.yaml`, else the one `*.ick` file.
fn definition_here(folder: &Path) -> Option<PathBuf> {
    let usual = folder.join("project.yaml");
    if usual.is_file() {
        return Some(usual);
    }
    let mut found = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "ick") && path.is_file());
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The projects that a file describes, as far as it can be read; what is wrong with it otherwise is
/// for `validate` to say.
fn projects_of(path: &Path) -> Vec<ProjectName> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let (tree, _) = yaml::parse(&path.display().to_string(), &text);
    let projects = tree.as_ref().and_then(|tree| tree.get("projects"));
    let Some(yaml::Value::Seq(entries)) = projects.map(|node| &node.value) else {
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| match &entry.get("project")?.value {
            yaml::Value::Str(text) => text.parse().ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_folder() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        assert_eq!(definition_here(folder.path()), None);
        std::fs::write(
            path("a.ick"),
            "projects: [{project: a}, {project: b/c}]\nnonsense: 1\n",
        )?;
        assert_eq!(definition_here(folder.path()), Some(path("a.ick")));
        let names: Vec<String> = projects_of(&path("a.ick"))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["a", "b/c"]);
        std::fs::write(path("b.ick"), "")?;
        assert_eq!(definition_here(folder.path()), None);
        std::fs::write(path("project.yaml"), "[")?;
        assert_eq!(definition_here(folder.path()), Some(path("project.yaml")));
        assert_eq!(projects_of(&path("project.yaml")), []);
        Ok(())
    }
}
