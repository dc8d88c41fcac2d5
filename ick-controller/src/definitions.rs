//! Between definitions as people write them, as the state keeps them, and as the core checks them.

use crate::state::{Error, Kind, ObjectRecord};
use ick_api::controller as api;
use ick_api::problem::Flaw as ApiFlaw;
use ick_core::definition::{Pipeline, Plan, Project, Trigger, resolve};
use ick_core::name::PipelineName;
use ick_core::yaml::Flaw;
use ick_http::Refusal;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a body of the API is called in messages.
const BODY: &str = "body";

/// A checked definition of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// A project.
    Project(Project),
    /// A pipeline.
    Pipeline(Pipeline),
}

impl Definition {
    /// Reads the body of a request, which is JSON in the file's form.
    ///
    /// # Errors
    /// 400 when it is not UTF-8 text, 422 with every flaw.
    pub fn from_body(kind: Kind, body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Refusal::bad_request("the body of the request is not UTF-8 text"))?;
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
            && (error.is_syntax() || error.is_eof())
        {
            return Err(Refusal::bad_request(format!(
                "the body is not JSON: {error}"
            )));
        }
        let read = match kind {
            Kind::Project => Project::from_json(BODY, text).map(|(one, _)| Self::Project(one)),
            Kind::Pipeline => Pipeline::from_json(BODY, text).map(|(one, _)| Self::Pipeline(one)),
        };
        read.map_err(|flaws| refusal(&flaws))
    }

    /// What it is of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Project(_) => Kind::Project,
            Self::Pipeline(_) => Kind::Pipeline,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Project(one) => one.name.as_str(),
            Self::Pipeline(one) => one.name.as_str(),
        }
    }

    /// The form in which it is kept, shown and compared.
    pub fn to_map(&self) -> Map<String, Value> {
        let value = match self {
            Self::Project(one) => one.to_json(),
            Self::Pipeline(one) => one.to_json(),
        };
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// A project that the state has.
///
/// # Errors
/// When it is none.
pub fn stored_project(record: &ObjectRecord) -> Result<Project, Error> {
    Project::from_value(&Value::Object(record.definition.clone()))
        .map_err(|flaws| damaged(record, &flaws))
}

/// A pipeline that the state has.
///
/// # Errors
/// When it is none.
pub fn stored_pipeline(record: &ObjectRecord) -> Result<Pipeline, Error> {
    Pipeline::from_value(&Value::Object(record.definition.clone()))
        .map_err(|flaws| damaged(record, &flaws))
}

fn damaged(record: &ObjectRecord, flaws: &[Flaw]) -> Error {
    let first = flaws.first().map_or("", |flaw| flaw.detail.as_str());
    Error::Damaged(format!("{} {}: {first}", record.kind, record.name))
}

/// What a build would run.
///
/// # Errors
/// 422 with every reason.
pub fn plan(
    project: &Project,
    pipelines: &BTreeMap<PipelineName, Pipeline>,
    trigger: &api::Trigger,
) -> Result<Plan, Refusal> {
    let trigger = Trigger {
        parameters: trigger.parameters.clone(),
        git_ref: trigger.git_ref.clone(),
        commit: trigger.commit.clone(),
    };
    resolve(project, pipelines, &trigger).map_err(|flaws| refusal(&flaws))
}

/// 422 with every flaw that is an error.
pub fn refusal(flaws: &[Flaw]) -> Refusal {
    let errors: Vec<ApiFlaw> = flaws
        .iter()
        .filter(|one| one.is_error())
        .cloned()
        .map(ApiFlaw::from)
        .collect();
    let detail = match errors.as_slice() {
        [] => "it is wrong".to_owned(),
        [one] => match &one.hint {
            Some(hint) => format!("{}; {hint}", one.detail),
            None => one.detail.clone(),
        },
        [first, rest @ ..] => format!("{} (and {} more)", first.detail, rest.len()),
    };
    Refusal::flaws(detail, errors)
}
