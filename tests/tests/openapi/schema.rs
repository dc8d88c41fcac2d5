//! Holds values against JSON schemas, as far as the descriptions use them: a keyword that is not known
//! here is an error, so that none is passed over.

use serde_json::Value;

/// What is wrong with a value; `root` is the document that references refer to.
pub(crate) fn problems(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(root, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Object(keywords) => keywords,
        _ => return found.push(format!("{at}: nothing can be here: {schema}")),
    };
    let fits = |schema: &Value| problems(root, schema, value).is_empty();
    for (keyword, wanted) in keywords {
        let mut wrong = |why: &str| found.push(format!("{at}: {why}: {wanted} and {value}"));
        match keyword.as_str() {
            "description" | "title" | "default" | "format" | "required" | "contentMediaType" => {}
            "$ref" => {
                let place = wanted.as_str().and_then(|place| place.strip_prefix('#'));
                match place.and_then(|place| root.pointer(place)) {
                    Some(schema) => check(root, schema, value, at, found),
                    None => wrong("a reference to nothing"),
                }
            }
            "type" => {
                if !is_one_of(wanted, value) {
                    wrong("another type");
                }
            }
            "const" if wanted != value => wrong("another value"),
            "enum" if !list(wanted).contains(value) => wrong("none of the values"),
            "const" | "enum" => {}
            "anyOf" if !list(wanted).iter().any(fits) => wrong("none fits"),
            "oneOf" if list(wanted).iter().filter(|one| fits(one)).count() != 1 => {
                wrong("not exactly one fits");
            }
            "allOf" if !list(wanted).iter().all(fits) => wrong("one does not fit"),
            "not" if fits(wanted) => wrong("this must not fit"),
            "anyOf" | "oneOf" | "allOf" | "not" => {}
            "minimum" if value.as_f64() < wanted.as_f64() && value.is_number() => {
                wrong("too small");
            }
            "maximum" if value.as_f64() > wanted.as_f64() && value.is_number() => {
                wrong("too large");
            }
            "minimum" | "maximum" => {}
            "minLength" | "maxLength" | "maxProperties" | "minProperties" => {
                let size = match value {
                    Value::String(text) if keyword.ends_with("Length") => text.chars().count(),
                    Value::Object(map) if keyword.ends_with("Properties") => map.len(),
                    _ => continue,
                };
                let limit = wanted.as_u64().unwrap_or_default();
                let is_least = keyword.starts_with("min");
                if is_least && (size as u64) < limit || !is_least && size as u64 > limit {
                    wrong("too many or too few");
                }
            }
            // Texts of patterns are read by the types that write them; see their own tests.
            "pattern" => {}
            "items" => {
                for (n, item) in list(value).iter().enumerate() {
                    check(root, wanted, item, &format!("{at}[{n}]"), found);
                }
            }
            "properties" | "additionalProperties" => {}
            other => wrong(&format!("the keyword {other} is not known here")),
        }
    }
    if let Value::Object(fields) = value {
        object(root, keywords, fields, at, found);
    }
}

fn object(
    root: &Value,
    keywords: &serde_json::Map<String, Value>,
    fields: &serde_json::Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    for name in keywords.get("required").map(list).unwrap_or_default() {
        if !fields.contains_key(name.as_str().unwrap_or_default()) {
            found.push(format!("{at}: there is no {name}"));
        }
    }
    let known = keywords.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        let at = format!("{at}.{name}");
        if let Some(schema) = known.and_then(|known| known.get(name)) {
            check(root, schema, value, &at, found);
        } else if let Some(rest) = keywords.get("additionalProperties") {
            check(root, rest, value, &at, found);
        } else if known.is_some() {
            // What the servers say is described, all of it.
            found.push(format!("{at}: this is not described"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_one_of(types: &Value, value: &Value) -> bool {
    let is = |word: &Value| match word.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    is(types) || list(types).iter().any(is)
}

#[test]
fn values_are_told_apart() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "properties": {
            "a": {"type": ["integer", "null"], "minimum": 1},
            "b": {"type": "array", "items": {"enum": ["x", "y"]}},
        },
    });
    let wrong = |text: &str| {
        let value = serde_json::from_str(text).unwrap();
        !problems(&schema, &schema, &value).is_empty()
    };
    assert!(!wrong(r#"{"a": 1, "b": ["x", "y"]}"#));
    assert!(!wrong(r#"{"a": null}"#));
    for text in [
        "[]",
        "{}",
        r#"{"a": 0}"#,
        r#"{"a": 1.5}"#,
        r#"{"a": 1, "b": ["z"]}"#,
        r#"{"a": 1, "c": 2}"#,
    ] {
        assert!(wrong(text), "{text}");
    }
}
