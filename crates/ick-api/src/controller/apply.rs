//! Whole files applied: `POST /+make-it-so`.

use serde::{Deserialize, Serialize};

/// The body of `POST /+make-it-so`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeItSo {
    /// The files, whole.
    pub files: Vec<DefinitionFile>,
    /// A label for what is applied together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Delete what an earlier apply with the same `set` made and these files do not have.
    #[serde(default)]
    pub prune: bool,
}

/// A definition file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DefinitionFile {
    /// Its name, for messages; never opened by a server.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The answer of `POST /+make-it-so`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Applied {
    /// What is new.
    pub created: Vec<AppliedObject>,
    /// What is different now, each with a diff.
    pub changed: Vec<AppliedObject>,
    /// What was so already.
    pub unchanged: Vec<AppliedObject>,
    /// What was pruned.
    pub deleted: Vec<AppliedObject>,
    /// What is allowed but may not be meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<crate::problem::Flaw>,
}

/// One project or pipeline of an apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppliedObject {
    /// `project` or `pipeline`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// A unified diff of its definition, for what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}
