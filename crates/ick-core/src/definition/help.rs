//! What there is to know about each action, for people: made of the tables that the checks read.

use super::action::{FIELDS, NOT_FOR_BUILT_INS};
use super::builtin::{BuiltIn, Fallback, FieldKind, FieldSpec};
use crate::build::{Place, When};
use serde::Serialize;

/// The fields that say what an action does; an action has one of them.
const KINDS: [&str; 3] = ["shell", "python", "action"];

/// An action that pipelines can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ActionHelp {
    /// `shell`, `python`, or the built-in action's name.
    pub name: &'static str,
    /// Where it can be executed, the default first.
    #[serde(rename = "where")]
    pub places: Vec<&'static str>,
    /// What it does, in a sentence.
    pub does: &'static str,
    /// Its own fields, and then those that every such action has.
    pub fields: Vec<FieldHelp>,
    /// A definition file with a pipeline that has it.
    pub example: &'static str,
}

/// A field of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldHelp {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether there must be a value.
    pub required: bool,
    /// The value that stands in for one that is left out, where there is one.
    pub default: Option<String>,
    /// What it is for.
    pub meaning: &'static str,
}

impl ActionHelp {
    /// All of them: scripts, and then the built-in actions.
    pub fn all() -> Vec<Self> {
        let scripts = ["shell", "python"].into_iter().filter_map(script);
        scripts
            .chain(BuiltIn::ALL.iter().copied().map(built_in))
            .collect()
    }
}

fn script(name: &'static str) -> Option<ActionHelp> {
    let (_, does) = FIELDS.iter().find(|(field, _)| *field == name)?;
    let fields = FIELDS
        .iter()
        .filter(|(field, _)| *field == name || !KINDS.contains(field))
        .map(|(field, meaning)| common(field, meaning, false));
    let mut places = Place::ALL.to_vec();
    places.sort_by_key(|place| *place != Place::Container);
    Some(ActionHelp {
        name,
        places: places.into_iter().map(Place::as_str).collect(),
        does,
        fields: fields.collect(),
        example: if name == "shell" { SHELL } else { PYTHON },
    })
}

fn built_in(one: BuiltIn) -> ActionHelp {
    let own = one.fields().iter().map(own);
    let every = FIELDS
        .iter()
        .filter(|(field, _)| !KINDS.contains(field) && !NOT_FOR_BUILT_INS.contains(field))
        .map(|(field, meaning)| common(field, meaning, one.once()));
    ActionHelp {
        name: one.as_str(),
        places: vec![Place::Host.as_str()],
        does: one.doc(),
        fields: own.chain(every).collect(),
        example: example(one),
    }
}

fn own(spec: &FieldSpec) -> FieldHelp {
    FieldHelp {
        name: spec.name,
        kind: words(spec.kind),
        required: spec.fallback == Fallback::Required,
        default: spec.default().map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        }),
        meaning: spec.doc,
    }
}

fn words(kind: FieldKind) -> String {
    match kind {
        FieldKind::Text => "text".to_owned(),
        FieldKind::Url => "git URL".to_owned(),
        FieldKind::Ref => "git ref".to_owned(),
        FieldKind::Dir => "folder".to_owned(),
        FieldKind::Path => "path".to_owned(),
        FieldKind::Paths => "path or list of paths".to_owned(),
        FieldKind::Texts => "list of texts".to_owned(),
        FieldKind::Blob => "artifact name".to_owned(),
        FieldKind::Flag => "true or false".to_owned(),
        FieldKind::Choice(choices) => choices.join(" or "),
        FieldKind::Sources => "list of {name, url, ref}".to_owned(),
    }
}

fn common(name: &'static str, meaning: &'static str, once: bool) -> FieldHelp {
    let one_of = |all: Vec<&str>| all.join(" or ");
    let (kind, default) = match name {
        "where" => (
            one_of(Place::ALL.iter().map(|place| place.as_str()).collect()),
            Some(Place::Container.as_str().to_owned()),
        ),
        "when" => (
            one_of(When::ALL.iter().map(|when| when.as_str()).collect()),
            Some(When::OnSuccess.as_str().to_owned()),
        ),
        "network" => ("true or false".to_owned(), Some(false.to_string())),
        "once" => ("true or false".to_owned(), Some(once.to_string())),
        "timeout" => ("duration, like 10m".to_owned(), None),
        "env" => ("{NAME: value}".to_owned(), None),
        _ => ("text".to_owned(), None),
    };
    FieldHelp {
        name,
        kind,
        required: KINDS.contains(&name),
        default,
        meaning,
    }
}

const SHELL: &str = "\
pipelines:
  - pipeline: test
    parameters: [target]
    actions:
      - shell: |
          cd src
          make \"$ICK_PARAM_target\"
        timeout: 10m
";

const PYTHON: &str = "\
pipelines:
  - pipeline: greet
    parameters: [target]
    actions:
      - python: |
          print(\"hello,\", params[\"target\"])
";

const fn example(one: BuiltIn) -> &'static str {
    match one {
        BuiltIn::Git => {
            "\
pipelines:
  - pipeline: get-source
    actions:
      - action: git
        git_url: https://git.example.org/program.git
        git_ref: main
        git_dir: src
"
        }
        BuiltIn::GitMirror => {
            "\
pipelines:
  - pipeline: get-sources
    actions:
      - action: git_mirror
        sources:
          - {name: program, url: https://git.example.org/program.git, ref: main}
          - {name: library, url: https://git.example.org/library.git}
"
        }
        BuiltIn::Debootstrap => {
            "\
pipelines:
  - pipeline: make-systree
    actions:
      - action: debootstrap
        debian_codename: bookworm
        packages: [build-essential, git]
"
        }
        BuiltIn::Archive => {
            "\
pipelines:
  - pipeline: keep
    actions:
      - action: archive
        paths: [src/program, src/doc/**]
        artifact: program/program.tar.zst
"
        }
        BuiltIn::PopulateSystree => {
            "\
pipelines:
  - pipeline: use-systree
    actions:
      - action: populate_systree
        artifact: bookworm-build.tar.zst
"
        }
        BuiltIn::PopulateWorkspace => {
            "\
pipelines:
  - pipeline: use-cache
    actions:
      - action: populate_workspace
        artifact: program/cache.tar.zst
        required: false
"
        }
        BuiltIn::Rsync => {
            "\
pipelines:
  - pipeline: publish
    actions:
      - action: rsync
        rsync_src: src/html
        rsync_target: www@www.example.org:/srv/www/program
        delete: true
"
        }
        BuiltIn::Dput => {
            "\
pipelines:
  - pipeline: upload
    actions:
      - action: dput
        dput_host: local
        changes: program_1.0-1_amd64.changes
"
        }
    }
}
