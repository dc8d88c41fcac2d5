//! The fields of a built-in action: its own, else the pipeline's parameter of that name.

use super::bad;
use ick_core::build::Cause;
use serde_json::{Map, Value};

/// An action's fields, `${…}` replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    step: &'a Map<String, Value>,
    parameters: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(step: &'a Map<String, Value>, parameters: &'a Map<String, Value>) -> Self {
        Self { step, parameters }
    }

    /// A field's value. Says which one was taken when it was not the action's own, or hides a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        let own = self.step.get(name).filter(|value| !value.is_null());
        let parameter = self.parameters.get(name).filter(|value| !value.is_null());
        match (own, parameter) {
            (Some(own), Some(parameter)) if own != parameter => {
                println!("{name}: the action's own field is taken, not the parameter");
                Some(own)
            }
            (Some(own), _) => Some(own),
            (None, Some(parameter)) => {
                println!("{name}: taken from the parameter");
                Some(parameter)
            }
            (None, None) => None,
        }
    }

    /// A text that may be left out.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Cause> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() || text.contains(char::is_control) => {
                Err(bad(format!(
                    "{name} is a text of printable characters, not {text:?}"
                )))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(bad(format!("{name} must be a text, not {other}"))),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, Cause> {
        self.text(name)?.ok_or_else(|| {
            bad(format!(
                "{name} is needed: give it in the action, or as a parameter that the pipeline wants"
            ))
        })
    }

    /// `true` or `false`; left out, it is `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Cause> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(bad(format!("{name} is true or false, not {other}"))),
        }
    }

    /// A list of texts, or one of them.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Cause> {
        let wrong = || bad(format!("{name} must be a list of texts"));
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_own_field_wins_and_null_is_none() {
        let step = json!({"a": "step", "n": null, "l": ["x", "y"], "o": "z", "f": true});
        let parameters = json!({"a": "parameter", "b": "parameter", "n": null});
        let (Value::Object(step), Value::Object(parameters)) = (step, parameters) else {
            return;
        };
        let fields = Fields::new(&step, &parameters);
        assert_eq!(fields.text("a"), Ok(Some("step")));
        assert_eq!(fields.text("b"), Ok(Some("parameter")));
        assert_eq!(fields.text("n"), Ok(None));
        assert_eq!(fields.texts("l"), Ok(vec!["x", "y"]));
        assert_eq!(fields.texts("o"), Ok(vec!["z"]));
        assert_eq!(fields.flag("f"), Ok(true));
        assert_eq!(fields.flag("n"), Ok(false));
        assert!(fields.flag("a").is_err());
        assert!(fields.required("none").is_err());
        assert!(fields.text("l").is_err());
    }
}
