//! `icktool list-actions`, `help-action`

use crate::error::{Error, Failure};
use crate::exit::Exit;
use crate::output::Table;
use crate::session::Context;
use ick_core::definition::{ActionHelp, FieldHelp};
use ick_core::yaml;
use serde_json::{Value, json};

/// List the actions that pipelines can have, without a server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-actions
  icktool list-actions --format json | jq -r '.actions[].name'")]
pub struct ListArgs {}

/// Show an action's fields and an example, without a server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool help-action archive
  icktool help-action git --format json | jq -r .example > pipelines.yaml")]
pub struct HelpArgs {
    /// The action: shell, python or a built-in one
    #[arg(value_name = "NAME")]
    name: String,
}

/// Lists them.
///
/// # Errors
/// When stdout cannot be written.
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let all = ActionHelp::all();
    let row = |one: &ActionHelp| json!({"name": one.name, "where": one.places, "does": one.does});
    let actions = json!({"actions": all.iter().map(row).collect::<Vec<Value>>()});
    context.out.result(&actions, |_| {
        let mut table = Table::new(&["ACTION", "WHERE", "DOES"]);
        for one in &all {
            table.row(vec![
                one.name.into(),
                one.places.join(", ").into(),
                one.does.into(),
            ]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

/// Shows one.
///
/// # Errors
/// When there is none of that name.
pub fn help(context: &Context, args: &HelpArgs) -> Result<Exit, Failure> {
    let all = ActionHelp::all();
    let Some(action) = all.iter().find(|one| one.name == args.name) else {
        return Err(unknown(&args.name, &all).into());
    };
    context.out.result(action, text)?;
    Ok(Exit::Ok)
}

fn unknown(name: &str, all: &[ActionHelp]) -> Error {
    let meant = yaml::did_you_mean(name, all.iter().map(|one| one.name));
    Error::Argument {
        argument: "NAME".to_owned(),
        why: format!("there is no action {name:?}"),
        hint: Some(meant.unwrap_or_else(|| "`icktool list-actions` shows all of them".to_owned())),
    }
}

fn text(action: &ActionHelp) -> String {
    let mut table = Table::new(&["FIELD", "TYPE", "DEFAULT", "MEANING"]);
    for field in &action.fields {
        table.row(vec![
            field.name.into(),
            field.kind.as_str().into(),
            default(field).into(),
            field.meaning.into(),
        ]);
    }
    format!(
        "{}: {}\nWhere: {}\n\n{}\n\
         A field of a built-in action can also come from the pipeline's parameter of its name.\n\n\
         Example:\n\n{}",
        action.name,
        action.does,
        action.places.join(", "),
        table.render(),
        action.example
    )
}

fn default(field: &FieldHelp) -> &str {
    match &field.default {
        Some(default) => default,
        None if field.required => "(required)",
        None => "",
    }
}
