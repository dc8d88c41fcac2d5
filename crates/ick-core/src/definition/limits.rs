//! How much one definition, and one apply of definitions, may hold.
//!
//! They keep hostile input cheap and honest input far away from any edge.

use crate::yaml::Field;
use serde::Serialize;
use serde_json::Value;
use std::io;
use std::time::Duration;

/// Files in one check.
pub const FILES: usize = 1_000;
/// Projects in one check, all files together.
pub const PROJECTS: usize = 10_000;
/// Pipelines in one check, all files together.
pub const PIPELINES: usize = 10_000;
/// Pipelines of a project.
pub const PIPELINES_OF_PROJECT: usize = 500;
/// Folders in a project's `cache`.
pub const CACHE: usize = 100;
/// Parameters of a project, and of a pipeline.
pub const PARAMETERS: usize = 500;
/// Actions of a pipeline, and of a build.
pub const ACTIONS: usize = 1_000;
/// Entries of an action's `env`.
pub const ENV: usize = 200;
/// Bytes of a script.
pub const SCRIPT: usize = 256 << 10;
/// Bytes of a parameter's value or an `env` value: what Linux takes in one environment variable is 128 KiB.
pub const VALUE: usize = 100 << 10;
/// Bytes of all parameters of a project together.
pub const VALUES: usize = 512 << 10;
/// Bytes of a description.
pub const DESCRIPTION: usize = 4 << 10;
/// Bytes of an action's name.
pub const ACTION_NAME: usize = 200;
/// Bytes of any other text of a built-in action's field.
pub const TEXT: usize = 4 << 10;
/// Items of a list in a built-in action's field.
pub const ITEMS: usize = 10_000;
/// Bytes of one action after its `${…}` are replaced.
pub const EXPANDED: usize = 1 << 20;
/// Bytes of all actions of a build together, each with the parameters that it is given.
pub const PLAN: usize = 16 << 20;
/// The time-out of a build when a project gives none.
pub const BUILD_TIMEOUT: Duration = Duration::from_secs(3600);

/// How many bytes a value has: a text as it is, any other as JSON.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        other => json_size(other),
    }
}

/// How many bytes something has as JSON, which is written nowhere.
pub(super) fn json_size(value: &impl Serialize) -> usize {
    struct Counted(usize);

    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counted = Counted(0);
    // Counting does not fail, and what came from JSON becomes JSON.
    let _ = serde_json::to_writer(&mut counted, value);
    counted.0
}

/// Reports a text that is too long.
pub(super) fn text<'a>(field: &Field<'a>, most: usize) -> Option<&'a str> {
    let text = field.text()?;
    if text.len() > most {
        field.error(format_args!(
            "this has {} bytes; at most {most} are accepted",
            text.len()
        ));
        return None;
    }
    Some(text)
}

/// Reports a list or mapping that is too long.
pub(super) fn count(field: &Field<'_>, found: usize, most: usize, what: &str) -> bool {
    if found > most {
        field.error(format_args!(
            "there are {found} {what}; at most {most} are accepted"
        ));
    }
    found <= most
}
