//! From a project, its pipelines and a trigger to the plan of one build.

use super::action::{Action, Kind};
use super::builtin::{BuiltIn, Fallback};
use super::cache::{self, Cache};
use super::expand::{self, Context, ExpandError};
use super::pipeline::Pipeline;
use super::plan::{PLAN_VERSION, Plan, PlannedAction};
use super::project::Project;
use super::{Needs, field, limits, template};
use crate::build::{Place, When};
use crate::name::{BuildId, PipelineName};
use crate::yaml::{Flaw, Flaws};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The name of the action that every build begins with.
pub const CREATE_WORKSPACE: &str = "create_workspace";

/// What a trigger gives to a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trigger {
    /// Values that replace the project's.
    pub parameters: Map<String, Value>,
    /// The git ref to build.
    pub git_ref: Option<String>,
    /// The git commit to build.
    pub commit: Option<String>,
}

/// Makes the plan of a build. `pipelines` holds those of the project's pipelines that exist; others in
/// it do no harm.
///
/// A parameter's value is the trigger's, else the project's, else the pipeline's default. The trigger's
/// ref and commit go to the first `git` action that has neither a field nor a parameter `git_ref`:
/// into `git_ref` and `git_commit` of its step.
///
/// # Errors
/// Every reason why there can be no build: pipelines that do not exist, parameters that have no value or
/// that nobody wants, values that a built-in action cannot use, a ref or commit that is none.
pub fn resolve(
    project: &Project,
    pipelines: &BTreeMap<PipelineName, Pipeline>,
    trigger: &Trigger,
) -> Result<Plan, Vec<Flaw>> {
    let mut flaws = Vec::new();
    // Suggests names, and stops when very many were compared.
    let names = Flaws::new("");
    check_trigger(project, trigger, &mut flaws);
    let mut used: Vec<&Pipeline> = Vec::new();
    let mut missing = HashSet::new();
    for name in &project.pipelines {
        match pipelines.get(name) {
            Some(pipeline) => used.push(pipeline),
            None if missing.insert(name) => {
                let flaw = Flaw::error(format!(
                    "project {} goes through the pipeline {name}, which does not exist",
                    project.name
                ));
                let known = pipelines.keys().map(PipelineName::as_str);
                flaws.push(match names.suggest(name.as_str(), known) {
                    Some(hint) => flaw.with_hint(hint),
                    None => flaw.with_hint("apply the file that defines it"),
                });
            }
            None => {}
        }
    }
    if missing.is_empty() {
        unwanted_parameters(trigger, &used, &names, &mut flaws);
    }
    let count: usize = used.iter().map(|pipeline| pipeline.actions.len()).sum();
    if count > limits::ACTIONS {
        flaws.push(Flaw::error(format!(
            "the build would have {count} actions; at most {} are accepted",
            limits::ACTIONS
        )));
        return Err(flaws);
    }
    let mut planner = Planner {
        project,
        trigger,
        ref_is_used: false,
        default_ref: None,
        left: Some(limits::PLAN),
        flaws,
        told: HashSet::new(),
        plan: Plan {
            v: PLAN_VERSION,
            timeout: project.timeout,
            parameters: Map::new(),
            needs: Needs::default(),
            cache: None,
            actions: Vec::with_capacity(count + 1),
        },
    };
    planner.plan.actions.push(create_workspace());
    for pipeline in used {
        planner.pipeline(pipeline);
    }
    planner.finish()
}

fn check_trigger(project: &Project, trigger: &Trigger, flaws: &mut Vec<Flaw>) {
    if let Some(git_ref) = &trigger.git_ref
        && let Err(why) = field::git_ref(git_ref)
    {
        flaws.push(Flaw::error(format!("ref: {why}")));
    }
    if let Some(commit) = &trigger.commit {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(hex) {
            flaws.push(
                Flaw::error("commit: a commit is its 40 or 64 lower-case hexadecimal digits")
                    .with_hint("a branch, tag or shortened commit goes into ref"),
            );
        }
    }
    let mut total = 0;
    for (name, value) in project.parameters.iter().chain(&trigger.parameters) {
        let size = limits::size(value);
        total += size;
        if size > limits::VALUE {
            flaws.push(Flaw::error(format!(
                "parameter {name}: the value has {size} bytes; at most {} are accepted",
                limits::VALUE
            )));
        } else if contains_nul(value) {
            flaws.push(Flaw::error(format!(
                "parameter {name}: a text cannot contain the character U+0000"
            )));
        }
    }
    if total > 2 * limits::VALUES {
        flaws.push(Flaw::error(format!(
            "the parameters have {total} bytes together; at most {} are accepted",
            2 * limits::VALUES
        )));
    }
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || contains_nul(value)),
        _ => false,
    }
}

fn unwanted_parameters(
    trigger: &Trigger,
    used: &[&Pipeline],
    names: &Flaws,
    flaws: &mut Vec<Flaw>,
) {
    let wanted: BTreeSet<&str> = used
        .iter()
        .flat_map(|pipeline| pipeline.parameters.iter().map(|w| w.name.as_str()))
        .collect();
    for name in trigger.parameters.keys() {
        if wanted.contains(name.as_str()) || flaws.len() >= 100 {
            continue;
        }
        let shown = crate::yaml::cut(name);
        let flaw = Flaw::error(format!("no pipeline wants the parameter \"{shown}\""));
        flaws.push(match names.suggest(name, wanted.iter().copied()) {
            Some(hint) => flaw.with_hint(hint),
            None if wanted.is_empty() => flaw.with_hint("the pipelines want no parameters"),
            None => {
                let some: Vec<&str> = wanted.iter().copied().take(50).collect();
                flaw.with_hint(format!("the pipelines want: {}", some.join(", ")))
            }
        });
    }
}

fn create_workspace() -> PlannedAction {
    let step = [
        ("action", Value::from(CREATE_WORKSPACE)),
        ("where", Place::Host.as_str().into()),
        ("when", When::OnSuccess.as_str().into()),
        ("once", false.into()),
    ];
    PlannedAction {
        action_id: "1".to_owned(),
        run: "1".to_owned(),
        depends: Vec::new(),
        place: Place::Host,
        when: When::OnSuccess,
        once: false,
        timeout: None,
        name: None,
        kind: CREATE_WORKSPACE.to_owned(),
        parameters: Map::new(),
        step: step
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    }
}

fn is_git(action: &Action) -> bool {
    matches!(
        action.kind,
        Kind::BuiltIn {
            name: BuiltIn::Git,
            ..
        }
    )
}

struct Planner<'a> {
    project: &'a Project,
    trigger: &'a Trigger,
    /// Whether a `git` action has taken the trigger's ref and commit.
    ref_is_used: bool,
    /// What the first `git` action checks out when a trigger says nothing, once there was one.
    default_ref: Option<Option<String>>,
    /// How many more bytes the plan may have; none when that was reported as too many.
    left: Option<usize>,
    flaws: Vec<Flaw>,
    told: HashSet<String>,
    plan: Plan,
}

impl Planner<'_> {
    fn flaw(&mut self, detail: String, hint: Option<&str>) {
        if self.told.insert(detail.clone()) {
            let flaw = Flaw::error(detail);
            self.flaws.push(match hint {
                Some(hint) => flaw.with_hint(hint),
                None => flaw,
            });
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        let mut parameters = Map::new();
        for wanted in &pipeline.parameters {
            let name = wanted.name.as_str();
            let value = self
                .trigger
                .parameters
                .get(name)
                .or_else(|| self.project.parameters.get(name))
                .or(wanted.default.as_ref());
            match value {
                Some(value) => {
                    parameters.insert(name.to_owned(), value.clone());
                    if !self.plan.parameters.contains_key(name) {
                        self.plan.parameters.insert(name.to_owned(), value.clone());
                    }
                }
                None => self.flaw(
                    format!(
                        "the pipeline {} wants the parameter \"{name}\", which has no value",
                        pipeline.name
                    ),
                    Some("give it with the trigger or in the project, or give it a default in the pipeline"),
                ),
            }
        }
        if self.default_ref.is_none()
            && let Some(git) = pipeline.actions.iter().find(|action| is_git(action))
        {
            self.default_ref = Some(self.default_ref_of(git, pipeline));
        }
        let size = limits::json_size(&parameters);
        for (i, action) in pipeline.actions.iter().enumerate() {
            let called = match &action.name {
                Some(name) => format!("\"{name}\""),
                None => action.kind.word().to_owned(),
            };
            let called = format!("pipeline {}, action {} ({called})", pipeline.name, i + 1);
            self.action(action, &parameters, size, &called);
        }
    }

    /// What a `git` action checks out when a trigger says nothing.
    fn default_ref_of(&self, action: &Action, pipeline: &Pipeline) -> Option<String> {
        let mut parameters = Map::new();
        for wanted in &pipeline.parameters {
            let name = wanted.name.as_str();
            let value = self.project.parameters.get(name);
            if let Some(value) = value.or(wanted.default.as_ref()) {
                parameters.insert(name.to_owned(), value.clone());
            }
        }
        match action.to_json() {
            Value::Object(step) => self.ref_of(&step, &parameters),
            _ => None,
        }
    }

    /// What a `git` action checks out, as far as that is known before the build begins; none for the
    /// remote's HEAD.
    fn ref_of(&self, step: &Map<String, Value>, parameters: &Map<String, Value>) -> Option<String> {
        let step = match expand::needs_parameters_only(step, parameters) {
            true => self.expanded(step, parameters).unwrap_or_default(),
            false => step.clone(),
        };
        let git_ref = step.get("git_ref").or_else(|| parameters.get("git_ref"));
        let git_ref = git_ref.and_then(Value::as_str);
        git_ref.map(|text| cache::branch(text).to_owned())
    }

    /// Adds an action. `size`: that of its parameters.
    fn action(
        &mut self,
        action: &Action,
        parameters: &Map<String, Value>,
        size: usize,
        called: &str,
    ) {
        let mut step = match action.to_json() {
            Value::Object(step) => step,
            _ => Map::new(),
        };
        for (key, value) in [
            ("where", Value::from(action.place.as_str())),
            ("when", action.when.as_str().into()),
            ("once", action.once.into()),
        ] {
            step.insert(key.to_owned(), value);
        }
        match &action.kind {
            Kind::BuiltIn { name, .. } => {
                self.built_in(*name, &mut step, parameters, called);
            }
            Kind::Shell(_) | Kind::Python(_) => {
                step.insert("network".to_owned(), action.network.into());
                let needs = &mut self.plan.needs;
                needs.host |= action.place == Place::Host;
                needs.chroot |= action.place == Place::Chroot;
                needs.network |= action.network;
            }
        }
        self.try_expansion(&step, parameters, called);
        self.left = self
            .left
            .and_then(|left| left.checked_sub(size + limits::json_size(&step)));
        if self.left.is_none() {
            self.flaw(
                format!(
                    "the build's actions and their parameters would have more than {} bytes",
                    limits::PLAN
                ),
                Some("have pipelines want only what they use, or make several projects of it"),
            );
            return;
        }
        let id = self.plan.actions.len();
        self.plan.actions.push(PlannedAction {
            action_id: (id + 1).to_string(),
            run: "1".to_owned(),
            depends: vec![id.to_string()],
            place: action.place,
            when: action.when,
            once: action.once,
            timeout: action.timeout,
            name: action.name.clone(),
            kind: action.kind.word().to_owned(),
            parameters: parameters.clone(),
            step,
        });
    }

    fn built_in(
        &mut self,
        name: BuiltIn,
        step: &mut Map<String, Value>,
        parameters: &Map<String, Value>,
        called: &str,
    ) {
        for spec in name.fields() {
            if step.contains_key(spec.name) {
                continue;
            }
            match parameters.get(spec.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    for problem in field::problems(spec.kind, spec.name, value) {
                        self.flaw(format!("{called}: parameter {problem}"), None);
                    }
                }
                None if spec.fallback == Fallback::Required => self.flaw(
                    format!(
                        "{called} needs \"{}\", and the parameter has no value",
                        spec.name
                    ),
                    None,
                ),
                None => {
                    if let Some(value) = spec.default() {
                        step.insert(spec.name.to_owned(), value);
                    }
                }
            }
        }
        let has_ref = step.contains_key("git_ref")
            || parameters
                .get("git_ref")
                .is_some_and(|value| !value.is_null());
        if name == BuiltIn::Git && !has_ref && !self.ref_is_used {
            self.ref_is_used = true;
            if let Some(git_ref) = &self.trigger.git_ref {
                step.insert("git_ref".to_owned(), template::literal(git_ref).into());
            }
            if let Some(commit) = &self.trigger.commit {
                step.insert("git_commit".to_owned(), commit.as_str().into());
            }
        }
    }

    /// Tells now what would fail when the action is handed out, where that is known.
    fn try_expansion(
        &mut self,
        step: &Map<String, Value>,
        parameters: &Map<String, Value>,
        called: &str,
    ) {
        if !expand::needs_parameters_only(step, parameters) {
            return;
        }
        if let Err(error) = self.expanded(step, parameters) {
            for problem in error.problems {
                self.flaw(format!("{called}: {problem}"), None);
            }
        }
    }

    fn expanded(
        &self,
        step: &Map<String, Value>,
        parameters: &Map<String, Value>,
    ) -> Result<Map<String, Value>, ExpandError> {
        let build = BuildId {
            project: self.project.name.clone(),
            number: 0,
        };
        let context = Context {
            parameters,
            build: &build,
            commit: None,
            outputs: &BTreeMap::new(),
        };
        expand::expand(step, &context)
    }

    fn cache(&self) -> Option<Cache> {
        if self.project.cache.is_empty() {
            return None;
        }
        let git = BuiltIn::Git.as_str();
        let first = self.plan.actions.iter().find(|action| action.kind == git);
        Some(Cache {
            paths: self.project.cache.clone(),
            git_ref: first.and_then(|action| self.ref_of(&action.step, &action.parameters)),
            default_ref: self.default_ref.clone().flatten(),
        })
    }

    fn finish(mut self) -> Result<Plan, Vec<Flaw>> {
        if !self.flaws.is_empty() {
            return Err(self.flaws);
        }
        self.plan.cache = self.cache();
        if let Some(first) = self.plan.actions.first_mut() {
            first.parameters.clone_from(&self.plan.parameters);
        }
        Ok(self.plan)
    }
}
