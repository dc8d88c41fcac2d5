use super::*;
use serde_json::{Map, Value, json};

fn trigger(parameters: Value, git_ref: Option<&str>, commit: Option<&str>) -> Trigger {
    Trigger {
        parameters: match parameters {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        git_ref: git_ref.map(str::to_owned),
        commit: commit.map(str::to_owned),
    }
}

/// Plans a build of the one project of a file.
fn plan(text: &str, trigger: &Trigger) -> Result<Plan, Vec<String>> {
    let definitions = accepted(text);
    let project = definitions.projects.values().next().expect("a project");
    resolve(project, &definitions.pipelines, trigger)
        .map_err(|flaws| flaws.into_iter().map(|flaw| flaw.detail).collect())
}

const TWO: &str = "\
projects:
- project: dir/hello
  parameters: {target: world, git_url: 'https://x/y', unused: 1}
  pipelines: [fetch, greet]
  timeout: 10m
pipelines:
- pipeline: fetch
  parameters: [git_url, {name: depth, default: 1}]
  actions:
  - {action: git}
  - {action: git, git_url: 'https://x/z', git_dir: other}
- pipeline: greet
  parameters: [target, {name: colour, default: red}]
  actions:
  - {shell: make, where: host, timeout: 90s, name: 'make ${target}', when: always, env: {WHO: '${target}'}}
  - {python: pass, network: true}
  - {action: archive, artifact: '${target}'}
  - {action: rsync, rsync_src: a, rsync_target: b}
";

#[test]
fn a_plan() {
    let trigger = trigger(
        json!({"target": "moon", "depth": null}),
        Some("main"),
        Some(&"a".repeat(40)),
    );
    let plan = plan(TWO, &trigger).unwrap();
    insta::assert_json_snapshot!(plan);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert_eq!(plan.shapes().len(), 7);
    assert_eq!(plan.action("5").map(|a| a.kind.as_str()), Some("python"));
}

#[test]
fn needs_by_table() {
    for (action, expected) in [
        ("shell: x", (false, false, false)),
        ("shell: x, network: true", (false, false, true)),
        ("python: x, where: host", (true, false, false)),
        ("shell: x, where: chroot", (false, true, false)),
        ("action: archive, artifact: x", (false, false, false)),
    ] {
        let text = format!(
            "projects: [{{project: a, pipelines: [p]}}]\npipelines: [{{pipeline: p, actions: [{{{action}}}]}}]\n"
        );
        let needs = plan(&text, &Trigger::default()).unwrap().needs;
        assert_eq!(
            (needs.host, needs.chroot, needs.network),
            expected,
            "{action}"
        );
    }
}

/// The steps of the `git` actions of a plan: ref and commit.
fn git(pipelines: &str, parameters: &str, trigger: &Trigger) -> Vec<(Value, Value)> {
    let text = format!(
        "projects: [{{project: a, pipelines: [p], parameters: {parameters}}}]\npipelines:\n{pipelines}"
    );
    plan(&text, trigger)
        .unwrap()
        .actions
        .into_iter()
        .filter(|action| action.kind == "git")
        .map(|action| {
            let get = |key: &str| action.step.get(key).cloned().unwrap_or_default();
            (get("git_ref"), get("git_commit"))
        })
        .collect()
}

#[test]
fn the_triggers_ref_goes_to_one_git_action() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let given = trigger(json!({}), Some("topic"), Some(commit));
    let url = "git_url: 'https://x/y'";
    let both = (json!("topic"), json!(commit));
    let none = (Value::Null, Value::Null);
    let own = (json!("v1"), Value::Null);
    let one = format!(
        "- {{pipeline: p, actions: [{{action: git, git_ref: v1, {url}}}, {{action: git, {url}}}, {{action: git, {url}}}]}}\n"
    );
    assert_eq!(git(&one, "{}", &given), [own, both.clone(), none.clone()]);
    assert_eq!(
        git(&one, "{}", &Trigger::default())[1..],
        [none.clone(), none.clone()]
    );
    // A parameter stands in for the field, unless it is null.
    let wanting =
        format!("- {{pipeline: p, parameters: [git_ref], actions: [{{action: git, {url}}}]}}\n");
    assert_eq!(git(&wanting, "{git_ref: main}", &given), [none]);
    assert_eq!(git(&wanting, "{git_ref: null}", &given), [both]);
}

#[test]
fn refused_triggers() {
    let missing = "projects: [{project: a, pipelines: [p, gret, q, p]}]\npipelines: [{pipeline: greet, actions: []}]\n";
    let wanting = "\
projects: [{project: a, pipelines: [p], parameters: {list: [1], from: space, bad: '-x', artifact: null}}]
pipelines:
- pipeline: p
  parameters: [x, list, from, bad, artifact]
  actions:
  - {action: archive, artifact: '${list}'}
  - {action: archive, artifact: 'x${list}', name: second}
  - {action: archive}
  - {action: git, git_url: '${bad}', from: x}
";
    let wanting = wanting.replace(", from: x}", "}");
    let mut all = Vec::new();
    for (text, trigger) in [
        (missing, trigger(json!({"any": 1}), None, None)),
        (
            TWO,
            trigger(json!({"unused": 2, "targt": 1}), Some("--x"), Some("abc")),
        ),
        (TWO, trigger(json!({"target": "a\0b"}), None, None)),
        (
            TWO,
            trigger(json!({"target": "x".repeat(200_000)}), None, None),
        ),
        (TWO, trigger(json!({"target": ["x"]}), None, None)),
        (&wanting, Trigger::default()),
    ] {
        all.push(plan(text, &trigger).map(|_| ()).unwrap_err());
    }
    insta::assert_json_snapshot!(all);
}

/// Each action of a plan has its own copy of the parameters that it is given.
#[test]
fn a_plan_does_not_grow_without_end() {
    let text = format!(
        "projects: [{{project: a, pipelines: [p], parameters: {{x: {}}}}}]\npipelines:\n- pipeline: p\n  parameters: [x]\n  actions: [{}]\n",
        "y".repeat(90_000),
        "{shell: make}, ".repeat(999),
    );
    assert_eq!(
        plan(&text, &Trigger::default()).map(|_| ()),
        Err(vec![
            "the build's actions and their parameters would have more than 16777216 bytes"
                .to_owned()
        ])
    );
    let few = text.replace(&"y".repeat(90_000), "y");
    assert_eq!(plan(&few, &Trigger::default()).unwrap().actions.len(), 1000);
}

#[test]
fn a_slip_among_very_many_names_is_told_soon() {
    let wanted = |n: usize, i: usize| format!("parameter_with_a_long_name_{n}_{i}");
    let mut text = "projects: [{project: a, pipelines: [".to_owned();
    for n in 0..60 {
        text += &format!("p{n}, ");
    }
    text += "]}]\npipelines:\n";
    for n in 0..60 {
        let names: Vec<String> = (0..400).map(|i| wanted(n, i)).collect();
        text += &format!(
            "- {{pipeline: p{n}, actions: [], parameters: [{}]}}\n",
            names.join(", ")
        );
    }
    let parameters = (0..100).map(|n| (format!("parameter_with_a_lnog_name_{n}_x"), json!(1)));
    let given = trigger(Value::Object(parameters.collect()), None, None);
    let definitions = accepted(&text);
    let project = definitions.projects.values().next().unwrap();
    let start = std::time::Instant::now();
    let flaws = resolve(project, &definitions.pipelines, &given).unwrap_err();
    assert!(
        start.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        flaws[0].hint.as_deref(),
        Some("did you mean \"parameter_with_a_long_name_0_0\"?")
    );
}

#[test]
fn expressions_in_a_ref_are_not_replaced() {
    let given = trigger(json!({}), Some("a${b}"), None);
    let text = "projects: [{project: a, pipelines: [p]}]\npipelines: [{pipeline: p, actions: [{action: git, git_url: 'https://x/y'}]}]\n";
    let plan = plan(text, &given).unwrap();
    let build = "a/1".parse().unwrap();
    let context = Context {
        parameters: &Map::new(),
        build: &build,
        commit: None,
        outputs: &std::collections::BTreeMap::new(),
    };
    let step = expand(&plan.actions[1].step, &context).unwrap();
    assert_eq!(step["git_ref"], json!("a${b}"));
}

#[test]
fn what_is_kept_is_kept_by_ref() {
    let cases = [
        // The git action, parameters of the project, and of the trigger with its ref; what comes of it.
        ("{action: git}", "", json!({}), None, (None, None)),
        (
            "{action: git}",
            "",
            json!({}),
            Some("refs/heads/a/b"),
            (Some("a/b"), None),
        ),
        (
            "{action: git}",
            "",
            json!({}),
            Some("refs/tags/v1"),
            (Some("refs/tags/v1"), None),
        ),
        (
            "{action: git, git_ref: v1}",
            "",
            json!({}),
            Some("a"),
            (Some("v1"), Some("v1")),
        ),
        (
            "{action: git}",
            "git_ref: main",
            json!({}),
            Some("a"),
            (Some("main"), Some("main")),
        ),
        (
            "{action: git}",
            "git_ref: main",
            json!({"git_ref": "a"}),
            None,
            (Some("a"), Some("main")),
        ),
        (
            "{action: git, git_ref: 'r/${x}'}",
            "x: 1",
            json!({"x": 2}),
            None,
            (Some("r/2"), Some("r/1")),
        ),
        ("{shell: make}", "", json!({}), Some("a"), (None, None)),
    ];
    for (action, parameters, given, git_ref, (expected, default)) in cases {
        let text = format!(
            "projects: [{{project: a, pipelines: [p], cache: [t], parameters: {{git_url: u, {parameters}}}}}]\n\
             pipelines: [{{pipeline: p, parameters: [git_url, {{name: git_ref, default: null}}, {{name: x, default: 0}}], \
             actions: [{action}, {{shell: x, when: on_failure}}]}}]\n"
        );
        let plan = plan(&text, &trigger(given, git_ref, None)).unwrap();
        let cache = plan.cache.clone().unwrap();
        assert_eq!(
            (cache.git_ref.as_deref(), cache.default_ref.as_deref()),
            (expected, default),
            "{text}"
        );
        let ends: Vec<bool> = ["1", "2", "3", "4"].map(|id| plan.ends_with(id)).into();
        assert_eq!(ends, [false, true, true, false]);
    }
}
