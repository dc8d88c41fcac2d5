use super::super::{ActionHelp, action, pipeline, project, schema};
use super::shown;
use serde_json::Value;
use std::path::Path;

/// `UPDATE=1 cargo test -p ick-core` writes it anew.
#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/ick.schema.json");
    let generated = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("the schema can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // As values: the order of the keys depends on how serde_json is built.
    let committed: Option<Value> = serde_json::from_str(&committed).ok();
    assert_eq!(
        committed,
        Some(schema()),
        "schema/ick.schema.json is not what the code says; run UPDATE=1 cargo test -p ick-core"
    );
}

/// The names of a table, as the hint of an unknown field lists them.
fn listed(table: &[(&str, &str)]) -> String {
    table
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn sorted(list: &str) -> Vec<&str> {
    let mut names: Vec<&str> = list.split(", ").map(str::trim).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_tables_name_what_the_checks_read() {
    for (text, table) in [
        (
            "projects:\n- {project: a, pipelines: [], qqqqqqqq: 1}\n",
            project::FIELDS,
        ),
        (
            "pipelines:\n- {pipeline: a, actions: [], qqqqqqqq: 1}\n",
            pipeline::FIELDS,
        ),
        (
            "pipelines:\n- {pipeline: a, parameters: [{name: x, qqqqqqqq: 1}], actions: []}\n",
            pipeline::WANTED_FIELDS,
        ),
        (
            "pipelines:\n- {pipeline: a, actions: [{shell: x, qqqqqqqq: 1}]}\n",
            action::FIELDS,
        ),
    ] {
        let shown = shown(text);
        let found = shown
            .split_once("the fields here are: ")
            .and_then(|(_, rest)| rest.lines().next())
            .unwrap_or_default();
        assert_eq!(sorted(found), sorted(&listed(table)));
    }
}

#[test]
fn the_help_of_an_action_names_the_fields_that_the_checks_read() {
    for help in ActionHelp::all() {
        // The example has everything that is needed, and then a field too many.
        let text = format!("{}        qqqqqqqq: 1\n", help.example);
        let shown = shown(&text);
        let found = shown
            .split_once("the fields here are: ")
            .and_then(|(_, rest)| rest.lines().next())
            .unwrap_or_else(|| panic!("{}: {shown}", help.name));
        let mut read = sorted(found);
        read.retain(|field| *field == help.name || !["shell", "python", "action"].contains(field));
        let mut told: Vec<&str> = help.fields.iter().map(|field| field.name).collect();
        told.sort_unstable();
        assert_eq!(told, read, "{}", help.name);
        assert!(shown.matches("error").count() == 1, "{shown}");
    }
}
