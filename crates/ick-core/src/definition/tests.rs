mod broken;
mod canonical;
mod expansion;
mod hostile;
mod planning;
mod schema;

use super::*;
use crate::yaml::{Style, render};

/// Checks one file and shows what was found.
fn shown(text: &str) -> String {
    shown_all(&[("project.yaml", text)])
}

fn shown_all(files: &[(&str, &str)]) -> String {
    let checked = Definitions::check(files);
    let has_errors = checked.flaws.iter().any(crate::yaml::Flaw::is_error);
    assert_eq!(checked.definitions.is_none(), has_errors);
    let source = |name: &str| files.iter().find(|(n, _)| *n == name).map(|(_, t)| *t);
    let mut text = render(&checked.flaws, source, Style::Plain);
    if !has_errors {
        text.push_str("accepted\n");
    }
    text
}

fn accepted(text: &str) -> Definitions {
    let checked = Definitions::check(&[("project.yaml", text)]);
    checked
        .definitions
        .unwrap_or_else(|| panic!("{:#?}", checked.flaws))
}
