use super::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn expanded(step: Value, commit: Option<&str>) -> Result<Value, Vec<String>> {
    let parameters = map(json!({
        "text": "world", "n": 3, "f": 1.5, "yes": true, "none": null, "list": ["a", "b"], "map": {"k": 1},
        "a-b": "dash",
    }));
    let build = "dir/hello/7".parse().unwrap();
    let outputs = BTreeMap::from([("version".to_owned(), "1.2".to_owned())]);
    let context = Context {
        parameters: &parameters,
        build: &build,
        commit,
        outputs: &outputs,
    };
    expand(&map(step), &context)
        .map(Value::Object)
        .map_err(|error| error.problems)
}

/// Expands one text in `env`.
fn env(text: &str) -> Result<Value, Vec<String>> {
    expanded(json!({"shell": "x", "env": {"V": text}}), None).map(|step| step["env"]["V"].clone())
}

#[test]
fn texts_by_table() {
    for (text, value) in [
        ("plain", json!("plain")),
        ("", json!("")),
        ("${text}", json!("world")),
        ("${n}", json!(3)),
        ("${f}", json!(1.5)),
        ("${yes}", json!(true)),
        ("${none}", json!(null)),
        ("${list}", json!(["a", "b"])),
        ("${map}", json!({"k": 1})),
        ("${a-b}", json!("dash")),
        ("<${text}>", json!("<world>")),
        (" ${n}", json!(" 3")),
        ("${n}${n}", json!("33")),
        ("${f}/${yes}", json!("1.5/true")),
        ("$${text}", json!("${text}")),
        ("$$${text}", json!("$${text}")),
        ("$${text}${n}", json!("${text}3")),
        ("$text $HOME $", json!("$text $HOME $")),
        ("${ick.build_number}", json!(7)),
        ("b${ick.build_number}", json!("b7")),
        ("${ick.build_id}", json!("dir/hello/7")),
        ("${ick.project}", json!("dir/hello")),
        ("${outputs.version}", json!("1.2")),
    ] {
        assert_eq!(env(text), Ok(value), "{text}");
    }
    for (text, problem) in [
        (
            "${other}",
            "\"V\": ${other}: the pipeline is given no parameter of this name",
        ),
        (
            "x${list}",
            "\"V\": ${list} is a list, and inside other text only a text, a number, true or false can stand",
        ),
        (
            "x${map}",
            "\"V\": ${map} is a mapping, and inside other text only a text, a number, true or false can stand",
        ),
        (
            "x${none}",
            "\"V\": ${none} is null, and inside other text only a text, a number, true or false can stand",
        ),
        (
            "${ick.commit}",
            "\"V\": ${ick.commit}: no commit is known yet: no git action has ended",
        ),
        (
            "${outputs.other}",
            "\"V\": ${outputs.other}: no action before this one has set this output",
        ),
        ("${secrets.x}", "\"V\": ${secrets.x}: this name is reserved"),
        ("${matrix.x}", "\"V\": ${matrix.x}: this name is reserved"),
        ("${ick.x}", "\"V\": ${ick.x}: this stands for nothing"),
        ("${text", "\"V\": a \"${\" has no \"}\""),
    ] {
        assert_eq!(env(text), Err(vec![problem.to_owned()]), "{text}");
    }
}

#[test]
fn only_env_and_the_fields_of_built_ins() {
    let step = json!({
        "shell": "echo ${text}", "name": "${text}", "where": "host",
        "env": {"A": "${text}", "C": 5}, "timeout": "5m",
    });
    let mut after = step.clone();
    after["env"]["A"] = json!("world");
    assert_eq!(expanded(step, None), Ok(after));

    let step = json!({
        "action": "archive", "artifact": "${text}/${ick.commit}", "paths": "${list}", "name": "${text}",
        "where": "host",
    });
    let mut after = step.clone();
    after["artifact"] = json!("world/abc");
    after["paths"] = json!(["a", "b"]);
    assert_eq!(expanded(step, Some("abc")), Ok(after));
}

#[test]
fn what_came_of_it_must_fit_the_field() {
    for (step, problem) in [
        (
            json!({"action": "archive", "artifact": "${n}"}),
            "\"artifact\": this must be a text, not a number",
        ),
        (
            json!({"action": "archive", "artifact": "../${text}"}),
            "\"artifact\": each part of a name begins with a letter or a digit, not with '.'",
        ),
        (
            json!({"action": "archive", "artifact": "x", "paths": ["/${text}"]}),
            "\"paths\": a path is beneath the workspace: it does not begin with \"/\"",
        ),
        (
            json!({"action": "archive", "artifact": "x", "from": "${text}"}),
            "\"from\": this must be one of workspace, systree, not \"world\"",
        ),
        (
            json!({"action": "git", "git_url": "--x=${text}"}),
            "\"git_url\": a URL cannot begin with \"-\"",
        ),
        (
            json!({"action": "populate_workspace", "artifact": "x", "required": "${n}"}),
            "\"required\": this must be true or false, not a number",
        ),
    ] {
        assert_eq!(
            expanded(step.clone(), None),
            Err(vec![problem.to_owned()]),
            "{step}"
        );
    }
}

#[test]
fn every_problem_at_once() {
    let step = json!({"action": "archive", "artifact": "${a}", "paths": ["${b}", "${c}", "${b}"]});
    assert_eq!(
        expanded(step, None).map_err(|problems| problems.len()),
        Err(3)
    );
}

#[test]
fn an_action_does_not_grow_without_end() {
    let parameters = map(json!({"x": "y".repeat(100_000)}));
    let build = "p/1".parse().unwrap();
    let context = Context {
        parameters: &parameters,
        build: &build,
        commit: None,
        outputs: &BTreeMap::new(),
    };
    let step = map(json!({"shell": "x", "env": {"A": "${x}".repeat(10_000)}}));
    let error = expand(&step, &context).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the action would have more than 1048576 bytes with all ${…} replaced"
    );
}

/// Whoever writes very many `${…}` does not keep the controller busy for long.
#[test]
fn very_many_references_end_soon() {
    let parameters = map(json!({"text": "y".repeat(100_000), "list": vec!["y".repeat(99); 1_000]}));
    let build = "p/1".parse().unwrap();
    let context = Context {
        parameters: &parameters,
        build: &build,
        commit: None,
        outputs: &BTreeMap::new(),
    };
    for name in ["text", "list", "none"] {
        let env = "${".to_owned() + name + "} ";
        let step = map(json!({"shell": "x", "env": {"A": env.repeat(100_000)}}));
        let start = std::time::Instant::now();
        let error = expand(&step, &context).unwrap_err();
        assert!(
            start.elapsed() < std::time::Duration::from_secs(30),
            "{name}"
        );
        assert!(error.problems.len() <= 2, "{:?}", error.problems);
    }
}

#[test]
fn blobs_by_table() {
    for (step, expected) in [
        (
            json!({"action": "archive", "artifact": "a/b"}),
            vec![("a/b", Access::Write)],
        ),
        (
            json!({"action": "archive"}),
            vec![("of-parameter", Access::Write)],
        ),
        (json!({"action": "archive", "artifact": ".."}), vec![]),
        (json!({"action": "archive", "artifact": 5}), vec![]),
        (
            json!({"action": "populate_systree", "artifact": "t"}),
            vec![("t", Access::Read)],
        ),
        (
            json!({"action": "populate_workspace", "artifact": "w"}),
            vec![("w", Access::Read)],
        ),
        (json!({"action": "git", "artifact": "x"}), vec![]),
        (json!({"shell": "x", "artifact": "x"}), vec![]),
    ] {
        let parameters = map(json!({"artifact": "of-parameter"}));
        let found: Vec<(String, Access)> = blob_access(&map(step.clone()), &parameters)
            .into_iter()
            .map(|(name, access)| (name.to_string(), access))
            .collect();
        let expected: Vec<(String, Access)> = expected
            .into_iter()
            .map(|(name, access)| (name.to_owned(), access))
            .collect();
        assert_eq!(found, expected, "{step}");
    }
}
