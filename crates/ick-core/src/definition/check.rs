//! All checks of definition files, over several files at once.

use super::limits;
use super::pipeline::Pipeline;
use super::project::{Places, Project};
use crate::name::{PipelineName, ProjectName};
use crate::yaml::{self, Fields, Flaw, Flaws, Node, Span, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What some files define. It exists only checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definitions {
    /// The projects, by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// The pipelines, by name.
    pub pipelines: BTreeMap<PipelineName, Pipeline>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What the files define, when there was no error.
    pub definitions: Option<Definitions>,
    /// Every problem, in the order of the files and their lines. Without an error: warnings alone.
    pub flaws: Vec<Flaw>,
}

impl Definitions {
    /// Checks files, given as name and text.
    pub fn check<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Checked {
        Self::check_against(files, &BTreeSet::new())
    }

    /// Checks files where pipelines of some names exist already, so that no warning says otherwise.
    pub fn check_against<N: AsRef<str>, T: AsRef<str>>(
        files: &[(N, T)],
        existing: &BTreeSet<PipelineName>,
    ) -> Checked {
        if files.len() > limits::FILES {
            return Checked {
                definitions: None,
                flaws: vec![Flaw::error(format!(
                    "there are {} files; at most {} are read together",
                    files.len(),
                    limits::FILES
                ))],
            };
        }
        let mut check = Check::default();
        for (name, text) in files {
            let flaws = Flaws::new(name.as_ref());
            let node = yaml::parse_into(text.as_ref(), &flaws);
            check.flaws.push(flaws);
            if let Some(node) = node {
                check.file(&node);
            }
        }
        check.finish(existing)
    }
}

#[derive(Default)]
struct Check {
    definitions: Definitions,
    /// One for each file, in order.
    flaws: Vec<Flaws>,
    projects: HashMap<String, (usize, Span)>,
    pipelines: HashMap<String, (usize, Span)>,
    /// For each project, the file it stands in and where its parts are.
    places: BTreeMap<ProjectName, (usize, Places)>,
}

impl Check {
    fn file(&mut self, node: &Node) {
        let file = self.flaws.len() - 1;
        let flaws = &self.flaws[file];
        if node.value == Value::Null && !node.broken {
            flaws.error(
                node.place,
                "the file defines nothing",
                Some("it has the fields \"projects\" and \"pipelines\", each a list".to_owned()),
            );
            return;
        }
        let Some(fields) = Fields::of(node, "the file", flaws) else {
            return;
        };
        let projects = fields.field("projects");
        let pipelines = fields.field("pipelines");
        if let Some(entries) = projects.and_then(|f| f.items()) {
            for item in entries {
                let is_first = first(&mut self.projects, item.node, "project", file, &self.flaws);
                let lowered = Project::lower(item.node, flaws, &[]);
                if let (Some((project, places)), true) = (lowered, is_first) {
                    self.places.insert(project.name.clone(), (file, places));
                    self.definitions
                        .projects
                        .insert(project.name.clone(), project);
                }
            }
        }
        if let Some(entries) = pipelines.and_then(|f| f.items()) {
            for item in entries {
                let is_first = first(
                    &mut self.pipelines,
                    item.node,
                    "pipeline",
                    file,
                    &self.flaws,
                );
                if let (Some(pipeline), true) = (Pipeline::lower(item.node, flaws, &[]), is_first) {
                    self.definitions
                        .pipelines
                        .insert(pipeline.name.clone(), pipeline);
                }
            }
        }
        if projects.is_none() && pipelines.is_none() {
            flaws.error(
                node.place,
                "the file has neither \"projects\" nor \"pipelines\"",
                None,
            );
        }
        fields.finish();
        for (found, most, what) in [
            (self.projects.len(), limits::PROJECTS, "projects"),
            (self.pipelines.len(), limits::PIPELINES, "pipelines"),
        ] {
            if found > most {
                flaws.error(
                    node.place,
                    format!("there are more than {most} {what} in the files"),
                    None,
                );
            }
        }
    }

    fn finish(self, existing: &BTreeSet<PipelineName>) -> Checked {
        self.missing_pipelines(existing);
        self.parameters();
        let has_errors = self.flaws.iter().any(Flaws::has_errors);
        Checked {
            definitions: (!has_errors).then_some(self.definitions),
            flaws: self.flaws.into_iter().flat_map(Flaws::into_vec).collect(),
        }
    }

    /// A project may be there before its pipelines, so these are warnings.
    fn missing_pipelines(&self, existing: &BTreeSet<PipelineName>) {
        for (name, (file, places)) in &self.places {
            let Some(project) = self.definitions.projects.get(name) else {
                continue;
            };
            for (pipeline, place) in project.pipelines.iter().zip(&places.pipelines) {
                if self.pipelines.contains_key(pipeline.as_str()) || existing.contains(pipeline) {
                    continue;
                }
                let flaws = &self.flaws[*file];
                let known = self.pipelines.keys().map(String::as_str);
                let known = known.chain(existing.iter().map(PipelineName::as_str));
                flaws.warning(
                    *place,
                    format!("no file given here defines the pipeline \"{pipeline}\""),
                    flaws.suggest(pipeline.as_str(), known),
                );
            }
        }
    }

    /// Compares what projects give with what their pipelines want, where all of these are known.
    fn parameters(&self) {
        // A hostile file could make this quadratic; what is useful is far below.
        let mut comparisons_left: usize = 1_000_000;
        for (name, (file, places)) in &self.places {
            let Some(project) = self.definitions.projects.get(name) else {
                continue;
            };
            let names: BTreeSet<&PipelineName> = project.pipelines.iter().collect();
            let pipelines = names
                .into_iter()
                .map(|name| self.definitions.pipelines.get(name))
                .collect::<Option<Vec<&Pipeline>>>();
            let Some(pipelines) = pipelines else {
                continue;
            };
            let wants: usize = pipelines.iter().map(|p| p.parameters.len()).sum();
            let Some(left) = comparisons_left.checked_sub(wants + places.parameters.len()) else {
                return;
            };
            comparisons_left = left;
            let flaws = &self.flaws[*file];
            let wanted: HashSet<&str> = pipelines
                .iter()
                .flat_map(|p| p.parameters.iter().map(|w| w.name.as_str()))
                .collect();
            for (parameter, place) in &places.parameters {
                if !wanted.contains(parameter.as_str()) {
                    flaws.warning(
                        *place,
                        format!("no pipeline of this project wants the parameter \"{parameter}\""),
                        flaws.suggest(parameter, wanted.iter().copied()),
                    );
                }
            }
            let mut told = HashSet::new();
            for (pipeline, place) in project.pipelines.iter().zip(&places.pipelines) {
                let Some(pipeline) = self.definitions.pipelines.get(pipeline) else {
                    continue;
                };
                for one in &pipeline.parameters {
                    let given = project.parameters.contains_key(one.name.as_str());
                    if one.default.is_none() && !given && told.insert(&one.name) {
                        flaws.warning(
                            *place,
                            format!(
                                "the pipeline wants the parameter \"{}\", which this project does not give, so every trigger must",
                                one.name
                            ),
                            None,
                        );
                    }
                }
            }
        }
    }
}

/// Whether a name is defined for the first time; reports when it is not.
fn first(
    seen: &mut HashMap<String, (usize, Span)>,
    node: &Node,
    key: &str,
    file: usize,
    flaws: &[Flaws],
) -> bool {
    let Some(name) = node.get(key) else {
        return true;
    };
    let Value::Str(text) = &name.value else {
        return true;
    };
    if let Some((other, place)) = seen.get(text) {
        flaws[file].error(
            name.place,
            format!("the {key} \"{}\" is defined a second time", yaml::cut(text)),
            Some(format!(
                "the first is in {}:{}:{}",
                flaws[*other].file(),
                place.line,
                place.column
            )),
        );
        return false;
    }
    seen.insert(text.clone(), (file, name.place));
    true
}
