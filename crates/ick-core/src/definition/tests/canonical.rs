use super::*;
use crate::name::PipelineName;
use crate::yaml::Flaw;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn what_is_as_by_default_is_left_out() {
    let definitions = accepted(
        "\
projects:
- {project: a/b, pipelines: [p, p], timeout: 90m}
- {project: b, pipelines: [], cache: []}
- {project: c, pipelines: [], cache: [./a//b/, .c]}
pipelines:
- pipeline: p
  description: all of it
  parameters:
  - name: x
  - {name: y, default: null}
  - {name: z, description: letter}
  actions:
  - {shell: make, where: container, network: false, when: on_success, once: false, env: {}, timeout: 60s}
  - {python: pass, where: host, when: always, once: true, network: false, env: {A: 1, B: '${x}'}}
  - {action: rsync, rsync_src: a, rsync_target: b, once: true}
  - {action: rsync, rsync_src: a, rsync_target: b, once: false}
  - {shell: make, network: true, name: build it}
",
    );
    let project: Vec<Value> = definitions
        .projects
        .values()
        .map(Project::to_json)
        .collect();
    assert_eq!(
        project,
        [
            json!({"project": "a/b", "parameters": {}, "pipelines": ["p", "p"], "timeout": "1h30m"}),
            json!({"project": "b", "parameters": {}, "pipelines": [], "timeout": "1h"}),
            json!({
                "project": "c", "parameters": {}, "pipelines": [], "timeout": "1h", "cache": ["a/b", ".c"],
            }),
        ]
    );
    let pipeline: Vec<Value> = definitions
        .pipelines
        .values()
        .map(Pipeline::to_json)
        .collect();
    assert_eq!(
        pipeline,
        [json!({
            "pipeline": "p",
            "description": "all of it",
            "parameters": ["x", {"name": "y", "default": null}, {"name": "z", "description": "letter"}],
            "actions": [
                {"shell": "make", "timeout": "1m"},
                {"python": "pass", "where": "host", "when": "always", "once": true, "env": {"A": 1, "B": "${x}"}},
                {"action": "rsync", "rsync_src": "a", "rsync_target": "b"},
                {"action": "rsync", "rsync_src": "a", "rsync_target": "b", "once": false},
                {"shell": "make", "network": true, "name": "build it"},
            ],
        })]
    );
}

#[test]
fn as_text_for_people() {
    let definitions = accepted(
        "\
pipelines:
- pipeline: p
  parameters: [x, {name: y, default: '3.10'}]
  actions:
  - shell: |
      set -x
        make

      make test
    where: host
    env: {NO: 'no', URL: 'http://x/?a=b#c', EMPTY: ''}
  - {action: archive, artifact: '${x}', paths: [a, 'b*']}
",
    );
    let text: String = definitions
        .pipelines
        .values()
        .map(Pipeline::to_yaml)
        .collect();
    insta::assert_snapshot!(text);
}

#[test]
fn the_api_form() {
    let text = r#"{"project": "hello", "parameters": {"n": 3.10}, "pipelines": ["p"], "timeout": "1h",
        "next_build_id": null, "owner": "me", "revision": 3, "updated_by": "you"}"#;
    let (project, flaws) = Project::from_json("", text).unwrap();
    assert_eq!(flaws, []);
    assert_eq!(
        project.to_json(),
        json!({"project": "hello", "parameters": {"n": 3.1}, "pipelines": ["p"], "timeout": "1h"})
    );
    let flaws = Pipeline::from_json(
        "body",
        r#"{"pipeline": "p", "actions": [{"shell": 1}], "colour": 2}"#,
    )
    .unwrap_err();
    let details: Vec<(u32, u32, &str)> = flaws
        .iter()
        .map(|f| (f.line, f.column, f.detail.as_str()))
        .collect();
    assert_eq!(
        details,
        [
            (1, 41, "\"shell\": this must be a text, not a number"),
            (1, 46, "a pipeline has no field \"colour\""),
        ]
    );
    assert!(Project::from_json("", "{").is_err());
    assert!(Project::from_json("", "[]").is_err());
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9._~+-]{0,5}(/[a-z][a-z0-9]{0,3})?"
}

fn json_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["\\PC{0,10}", "[0-9.e+x]{1,5}", "(a| |\\n|#|:|'){0,9}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| json!(f64::from(n) / 8.0)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z 0-9]{1,6}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

fn action() -> impl Strategy<Value = Value> {
    let script = prop_oneof!["\\PC{0,30}", "(a| |\\n|#|\\$\\(x\\)|'|\"){0,30}"];
    let kind = prop_oneof![
        script
            .clone()
            .prop_map(|s| json!({"shell": s, "where": "host"})),
        script
            .clone()
            .prop_map(|s| json!({"python": s, "where": "chroot"})),
        script.prop_map(
            |s| json!({"shell": s, "network": true, "env": {"A": "${p1}-$${x}", "B": 3.5}})
        ),
        name().prop_map(|n| json!({"action": "archive", "artifact": n, "paths": ["*.c"]})),
        Just(json!({"action": "archive", "artifact": "${p1}", "from": "systree"})),
        Just(json!({"action": "dput", "dput_host": "x", "once": false})),
    ];
    let rest = (
        prop::option::of("[a-z ]{1,9}"),
        prop::option::of(1u64..100_000_000),
        prop::sample::select(vec!["on_success", "on_failure", "always"]),
    );
    (kind, rest).prop_map(|(mut action, (name, ms, when))| {
        if let Some(name) = name {
            action["name"] = json!(name);
        }
        if let Some(ms) = ms {
            let timeout = std::time::Duration::from_millis(ms);
            action["timeout"] = json!(crate::duration::format(timeout));
        }
        action["when"] = json!(when);
        action
    })
}

proptest! {
    #[test]
    fn the_canonical_form_reads_back(
        project in name(),
        pipeline in name(),
        values in prop::collection::btree_map("p[1-3]", json_value(), 0..3),
        default in prop::option::of(json_value()),
        actions in prop::collection::vec(action(), 0..5),
    ) {
        let mut wanted = vec![json!("p1"), json!({"name": "p2", "default": default})];
        if default.is_none() {
            wanted.pop();
        }
        let file = json!({
            "projects": [{"project": format!("x{project}"), "pipelines": [pipeline], "parameters": values}],
            "pipelines": [{"pipeline": pipeline, "parameters": wanted, "actions": actions}],
        });
        // The text as JSON is a YAML text too, but for numbers such as 1e5, which YAML takes as texts.
        let text = crate::yaml::to_text(&file);
        let first = Definitions::check(&[("f", &text)]);
        let errors: Vec<&Flaw> = first.flaws.iter().filter(|f| f.is_error()).collect();
        prop_assert!(errors.is_empty(), "{:#?}\n{}", errors, text);
        let first = first.definitions.expect("no errors");

        for project in first.projects.values() {
            let json = project.to_json();
            prop_assert_eq!(&Project::from_value(&json).unwrap(), project);
            prop_assert_eq!(&Project::from_json("", &json.to_string()).unwrap().0, project);
        }
        for pipeline in first.pipelines.values() {
            let json = pipeline.to_json();
            prop_assert_eq!(&Pipeline::from_value(&json).unwrap(), pipeline);
            prop_assert_eq!(&Pipeline::from_json("", &json.to_string()).unwrap().0, pipeline);
        }
        let again = json!({
            "projects": first.projects.values().map(Project::to_json).collect::<Vec<_>>(),
            "pipelines": first.pipelines.values().map(Pipeline::to_json).collect::<Vec<_>>(),
        });
        let again = Definitions::check(&[("f", crate::yaml::to_text(&again))]);
        prop_assert_eq!(again.definitions, Some(first.clone()));

        // A build can be planned of it or is refused with words; a plan survives the database.
        let pipelines: std::collections::BTreeMap<PipelineName, Pipeline> = first.pipelines;
        for project in first.projects.values() {
            match resolve(project, &pipelines, &Trigger::default()) {
                Ok(plan) => {
                    let text = serde_json::to_string(&plan).unwrap();
                    let read: Plan = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(read, plan);
                }
                Err(flaws) => prop_assert!(!flaws.is_empty()),
            }
        }
    }
}
