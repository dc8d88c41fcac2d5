//! Whole files of definitions at once: what they create, change, leave as it is, and prune, decided
//! and done in one transaction.

use crate::app::App;
use crate::definitions::{Definition, refusal};
use crate::state::{Error, Kind, ObjectRecord, Read, Stamp, Write};
use ick_api::controller::{Applied, AppliedObject, MakeItSo};
use ick_core::definition::Definitions;
use ick_core::name::{ClientId, PipelineName, ProjectName};
use ick_core::time::Timestamp;
use ick_core::yaml;
use ick_http::Refusal;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The longest label of a set, in bytes.
const MAX_SET: usize = 200;

/// The longest file name, in bytes.
const MAX_FILE_NAME: usize = 4096;

/// What is to become of the definitions there are.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// What is new.
    pub created: Vec<(Kind, String, Map<String, Value>)>,
    /// What is different, as it is and as it is to be.
    pub changed: Vec<(ObjectRecord, Map<String, Value>)>,
    /// What is so already.
    pub unchanged: Vec<ObjectRecord>,
    /// What an earlier apply of the set made and the files do not have.
    pub deleted: Vec<ObjectRecord>,
}

impl App {
    /// Applies files, or says what that would change.
    ///
    /// # Errors
    /// 422 with every flaw in them; 409 when something that is to be pruned still has builds to do; 507
    /// when there is too little room for new definitions.
    pub fn make_it_so(
        &self,
        wanted: &MakeItSo,
        dry_run: bool,
        by: &ClientId,
    ) -> Result<Applied, Refusal> {
        check_request(wanted)?;
        let existing: BTreeSet<PipelineName> = self
            .state
            .read(|tx| tx.names(Kind::Pipeline))?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let files: Vec<(&str, &str)> = wanted
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.text.as_str()))
            .collect();
        let checked = Definitions::check_against(&files, &existing);
        let Some(definitions) = checked.definitions else {
            return Err(refusal(&checked.flaws));
        };
        let definitions = flat(definitions);
        let now = self.now();
        let changes = if dry_run {
            self.state
                .read(|tx| changes(tx, &definitions, wanted.set.as_deref(), wanted.prune))?
        } else {
            self.expect_room()?;
            self.state.write(|tx| {
                let changes = changes(tx, &definitions, wanted.set.as_deref(), wanted.prune)?;
                perform(tx, &changes, wanted.set.as_deref(), by, now)?;
                Ok::<_, Refusal>(changes)
            })?
        };
        let mut applied = changes.shown();
        applied.warnings = checked.flaws.into_iter().map(Into::into).collect();
        Ok(applied)
    }
}

fn check_request(wanted: &MakeItSo) -> Result<(), Refusal> {
    if let Some(set) = &wanted.set
        && (set.is_empty() || set.len() > MAX_SET || set.chars().any(char::is_control))
    {
        return Err(Refusal::unprocessable(format!(
            "the label of a set has 1 to {MAX_SET} bytes and no control characters"
        )));
    }
    if wanted.prune && wanted.set.is_none() {
        return Err(Refusal::unprocessable(
            "prune deletes what an earlier apply with the same set made, so it needs a set",
        ));
    }
    if wanted.files.is_empty() {
        return Err(Refusal::unprocessable("there is no file to apply"));
    }
    if wanted
        .files
        .iter()
        .any(|file| file.name.len() > MAX_FILE_NAME)
    {
        return Err(Refusal::unprocessable(format!(
            "a file's name has at most {MAX_FILE_NAME} bytes"
        )));
    }
    Ok(())
}

/// Projects and pipelines, each kind in the order of names.
fn flat(definitions: Definitions) -> Vec<Definition> {
    let pipelines = definitions
        .pipelines
        .into_values()
        .map(Definition::Pipeline);
    let projects = definitions.projects.into_values().map(Definition::Project);
    pipelines.chain(projects).collect()
}

/// Compares what is wanted with what there is.
fn changes(
    tx: &(impl Read + ?Sized),
    wanted: &[Definition],
    set: Option<&str>,
    prune: bool,
) -> Result<Changes, Refusal> {
    let mut changes = Changes::default();
    for definition in wanted {
        let (kind, name, map) = (definition.kind(), definition.name(), definition.to_map());
        match tx.object(kind, name)? {
            None => changes.created.push((kind, name.to_owned(), map)),
            Some(there) if there.definition == map => changes.unchanged.push(there),
            Some(there) => changes.changed.push((there, map)),
        }
    }
    if let Some(set) = set.filter(|_| prune) {
        let named: BTreeSet<(Kind, &str)> =
            wanted.iter().map(|one| (one.kind(), one.name())).collect();
        let mut busy = Vec::new();
        for kind in [Kind::Project, Kind::Pipeline] {
            for name in tx.objects_of_set(kind, set)? {
                if named.contains(&(kind, name.as_str())) {
                    continue;
                }
                if kind == Kind::Project
                    && let Some(build) = unfinished(tx, &name)?
                {
                    busy.push(build);
                }
                changes.deleted.extend(tx.object(kind, &name)?);
            }
        }
        if !busy.is_empty() {
            return Err(Refusal::conflict(format!(
                "projects that are to be pruned have builds that have not ended: {}; cancel them or wait, then apply again (nothing was changed)",
                busy.join(", ")
            )));
        }
    }
    Ok(changes)
}

fn unfinished(tx: &(impl Read + ?Sized), project: &str) -> Result<Option<String>, Error> {
    let project: ProjectName = project
        .parse()
        .map_err(|error| Error::Damaged(format!("project {project}: {error}")))?;
    Ok(tx
        .unfinished_build(&project)?
        .map(|build| build.to_string()))
}

fn perform(
    tx: &dyn Write,
    changes: &Changes,
    set: Option<&str>,
    by: &ClientId,
    now: Timestamp,
) -> Result<(), Error> {
    for (kind, name, definition) in &changes.created {
        tx.put_object(&ObjectRecord {
            kind: *kind,
            name: name.clone(),
            definition: definition.clone(),
            made_by: set.map(str::to_owned),
            stamp: Stamp::new(by, now),
        })?;
    }
    for (there, definition) in &changes.changed {
        tx.put_object(&ObjectRecord {
            definition: definition.clone(),
            made_by: adopted(there, set),
            stamp: there.stamp.changed(by, now),
            ..there.clone()
        })?;
    }
    for there in &changes.unchanged {
        let made_by = adopted(there, set);
        if made_by != there.made_by {
            tx.put_object(&ObjectRecord {
                made_by,
                ..there.clone()
            })?;
        }
    }
    for there in &changes.deleted {
        tx.delete_object(there.kind, &there.name)?;
    }
    Ok(())
}

/// Whose it is after an apply with a set. What another set made goes over to the one that names it
/// now, so that the other does not prune it; what no set made stays nobody's.
fn adopted(there: &ObjectRecord, set: Option<&str>) -> Option<String> {
    match (&there.made_by, set) {
        (Some(_), Some(set)) => Some(set.to_owned()),
        (made_by, _) => made_by.clone(),
    }
}

impl Changes {
    fn shown(&self) -> Applied {
        let plain = |kind: Kind, name: &str| AppliedObject {
            kind: kind.to_string(),
            name: name.to_owned(),
            diff: None,
        };
        let record = |one: &ObjectRecord| plain(one.kind, &one.name);
        Applied {
            created: self
                .created
                .iter()
                .map(|(kind, name, _)| plain(*kind, name))
                .collect(),
            changed: self
                .changed
                .iter()
                .map(|(there, wanted)| AppliedObject {
                    diff: Some(diff(there, wanted)),
                    ..record(there)
                })
                .collect(),
            unchanged: self.unchanged.iter().map(record).collect(),
            deleted: self.deleted.iter().map(record).collect(),
            warnings: Vec::new(),
        }
    }
}

/// A unified diff of a definition as a file would have it.
fn diff(there: &ObjectRecord, wanted: &Map<String, Value>) -> String {
    let before = yaml::to_text(&Value::Object(there.definition.clone()));
    let after = yaml::to_text(&Value::Object(wanted.clone()));
    let header = format!("{} {}", there.kind, there.name);
    similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("{header} (now)"), &format!("{header} (wanted)"))
        .to_string()
}

#[cfg(test)]
mod tests;
