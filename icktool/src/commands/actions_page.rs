//! The man page ick-actions(7): every action with its fields and an example.

use ick_core::definition::{ActionHelp, FieldHelp};

const HEAD: &str = concat!(
    ".TH ick\\-actions 7  \"icktool ",
    env!("CARGO_PKG_VERSION"),
    "\" Ick\n\
     .SH NAME\n\
     ick\\-actions \\- What the pipelines of Ick can do\n\
     .SH DESCRIPTION\n\
     A pipeline is a list of actions. Each is a script, for a shell or Python, or one of the built\\-in \
     actions below, which are executed on the worker itself. A field of a built\\-in action can also come from the \
     pipeline's parameter of its name.\n"
);

const TAIL: &str = ".SH \"SEE ALSO\"\n\
                    .BR icktool\\-list\\-actions (1),\n\
                    .BR icktool\\-help\\-action (1)\n";

/// The page, in roff.
pub(super) fn render() -> String {
    let all = ActionHelp::all();
    let everywhere = |field: &FieldHelp| {
        let has = |one: &ActionHelp| one.fields.iter().any(|other| other.name == field.name);
        all.iter().all(has)
    };
    let mut page = HEAD.to_owned();
    for action in &all {
        page += &format!(".SH {}\n{}\n", action.name, text(action.does));
        for field in action.fields.iter().filter(|field| !everywhere(field)) {
            page += &entry(field, true);
        }
        page += &format!(".PP\n.nf\n{}.fi\n", lines(action.example));
    }
    page += ".SH \"FIELDS OF EVERY ACTION\"\n";
    for field in all.iter().take(1).flat_map(|action| &action.fields) {
        if everywhere(field) {
            page += &entry(field, false);
        }
    }
    page + TAIL
}

fn entry(field: &FieldHelp, own: bool) -> String {
    let default = match &field.default {
        Some(default) if own => format!(", {default} when left out"),
        None if field.required => ", required".to_owned(),
        _ => String::new(),
    };
    format!(
        ".TP\n\\fB{}\\fR ({}{})\n{}\n",
        text(field.name),
        text(&field.kind),
        text(&default),
        text(field.meaning)
    )
}

/// Text that is shown as it is.
fn text(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
}

fn lines(example: &str) -> String {
    // A line that begins with a dot would be a request.
    example
        .lines()
        .map(|line| format!("\\&{}\n", text(line)))
        .collect()
}
