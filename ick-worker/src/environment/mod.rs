//! The environment of shell and python actions (DESIGN.md, section 3).

mod script;

pub(crate) use script::{command, script, shell};

use crate::engine::{Program, Request, cause};
use crate::places::Inside;
use ick_core::build::{Cause, CauseKind, Place};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where programs are looked for in a container, and on a host whose worker has no PATH.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest `NAME=value` that Linux takes, with the zero at its end (`MAX_ARG_STRLEN`).
const LONGEST: usize = 131_072;

/// The most that all variables may take together: below the 2 MiB that Linux takes for a stack of 8 MiB.
const ALL: usize = 1_500_000;

/// The whole environment of an action. `host_path` is the worker's own PATH, `passed` what its
/// configuration passes on; what the definition says under `env` wins over everything.
///
/// # Errors
/// `bad_definition` when a variable cannot be one, or two parameters have the same variable.
pub fn of(
    request: &Request,
    inside: &Inside,
    host_path: Option<String>,
    passed: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Cause> {
    let path = match request.place {
        Place::Host => host_path.filter(|path| !path.is_empty()),
        _ => None,
    };
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), path.unwrap_or_else(|| PATH.to_owned())),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("HOME".to_owned(), text(&inside.home)),
        ("TMPDIR".to_owned(), text(&inside.tmp)),
    ]);
    env.extend(passed);
    if !matches!(request.program, Program::BuiltIn { .. }) {
        env.extend([
            ("CI".to_owned(), "true".to_owned()),
            ("BUILD_ID".to_owned(), request.build_id.to_string()),
            ("BUILD_NUMBER".to_owned(), request.build_number.to_string()),
            ("ICK_PROJECT".to_owned(), request.project.to_string()),
            ("ICK_ACTION_ID".to_owned(), request.action_id.clone()),
            ("ICK_OUTPUTS".to_owned(), text(&inside.outputs)),
        ]);
        env.extend(of_parameters(&request.parameters)?);
        env.extend(request.env.clone());
    }
    check(&env)?;
    Ok(env)
}

/// Each parameter's variable: strings as they are, other values as JSON.
fn of_parameters(parameters: &Map<String, Value>) -> Result<BTreeMap<String, String>, Cause> {
    let mut env = BTreeMap::new();
    for (name, value) in parameters {
        let variable = format!("ICK_PARAM_{}", name.replace('-', "_"));
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if env.insert(variable.clone(), value).is_some() {
            return Err(bad(format!(
                "two parameters would both be the variable {variable}: rename one of them"
            )));
        }
    }
    Ok(env)
}

fn check(env: &BTreeMap<String, String>) -> Result<(), Cause> {
    let mut all = 0;
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(bad(format!("{name:?} cannot be the name of a variable")));
        }
        if value.contains('\0') {
            return Err(bad(format!(
                "the variable {name} cannot have a value with a zero character"
            )));
        }
        let size = name.len() + value.len() + 2;
        if size > LONGEST {
            return Err(bad(format!(
                "the variable {name} has {} bytes; Linux takes {} at most with its name: \
                 pass a file instead",
                value.len(),
                LONGEST - 2
            )));
        }
        all += size + size_of::<usize>();
    }
    if all > ALL {
        return Err(bad(format!(
            "the action's variables have {all} bytes together; at most {ALL} are possible"
        )));
    }
    Ok(())
}

fn bad(detail: String) -> Cause {
    cause(CauseKind::BadDefinition, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_by_table() -> Result<(), Box<dyn std::error::Error>> {
        let given = serde_json::json!({
            "target": "wörld", "Deep-Er": {"a": [1, null]}, "n": 3.10, "yes": true, "none": null, "e": ""
        });
        let Value::Object(given) = given else {
            return Err("not an object".into());
        };
        let env = of_parameters(&given).map_err(|why| why.detail)?;
        let expected = [
            ("ICK_PARAM_Deep_Er", r#"{"a":[1,null]}"#),
            ("ICK_PARAM_e", ""),
            ("ICK_PARAM_n", "3.1"),
            ("ICK_PARAM_none", "null"),
            ("ICK_PARAM_target", "wörld"),
            ("ICK_PARAM_yes", "true"),
        ];
        let env: Vec<_> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env, expected);
        Ok(())
    }

    #[test]
    fn what_cannot_be_a_variable_is_a_bad_definition() {
        let one = |name: &str, value: String| check(&BTreeMap::from([(name.to_owned(), value)]));
        assert!(one("A", "x".repeat(LONGEST - 3)).is_ok());
        for (name, value) in [
            ("A", "x".repeat(LONGEST - 2)),
            ("A", "a\0b".to_owned()),
            ("A=B", String::new()),
            ("", String::new()),
        ] {
            let why = one(name, value).err().map(|why| why.kind);
            assert_eq!(why, Some(CauseKind::BadDefinition), "{name:?}");
        }
        let same = Map::from_iter([
            ("a-b".to_owned(), Value::Null),
            ("a_b".to_owned(), Value::Null),
        ]);
        assert!(of_parameters(&same).is_err());
    }
}
