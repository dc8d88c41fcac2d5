//! Error answers: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of error answers.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The `type` of the 422 that refuses a worker of another protocol version.
pub const WORKER_PROTOCOL_PROBLEM: &str = "urn:ick:worker-protocol";

/// An error answer. Its `detail` says what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// A URI reference for the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem in a few words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What happened here and what to do about it.
    #[serde(default)]
    pub detail: String,
    /// Every reason, where there can be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Flaw>,
    /// The log's length, in the 409 of a log append at the wrong offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem that its status and its detail describe.
    pub fn new(status: u16, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: about_blank(),
            title: title.into(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            length: None,
        }
    }
}

/// One reason for a refusal; with a place where it concerns a definition file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Flaw {
    /// The file's name as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong.
    pub detail: String,
    /// What to do, or what was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<ick_core::yaml::Flaw> for Flaw {
    fn from(flaw: ick_core::yaml::Flaw) -> Self {
        let place = |number: u32| (number > 0).then_some(number);
        Self {
            file: (!flaw.file.is_empty()).then_some(flaw.file),
            line: place(flaw.line),
            column: place(flaw.column),
            detail: flaw.detail,
            hint: flaw.hint,
        }
    }
}

impl From<Flaw> for ick_core::yaml::Flaw {
    /// An error; for a warning the caller says so.
    fn from(flaw: Flaw) -> Self {
        Self {
            file: flaw.file.unwrap_or_default(),
            line: flaw.line.unwrap_or(0),
            column: flaw.column.unwrap_or(0),
            hint: flaw.hint,
            ..Self::error(flaw.detail)
        }
    }
}
