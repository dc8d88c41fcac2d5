//! `git_mirror`: several repositories, each as a bare mirror in `.mirror/NAME` and checked out in `NAME`.

use super::checkout::{self, Beside, Dir};
use super::command::Git;
use super::mirror::{Commit, Mirror};
use super::url::Url;
use super::{Task, check_ref, settle_times, sources};
use crate::actions::bad;
use crate::engine::Built;
use ick_api::controller::Source;
use ick_core::build::Cause;
use serde::Deserialize;

/// One of `sources`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The folder's name.
    name: String,
    url: String,
    /// A branch, tag or commit; the remote's HEAD when left out.
    #[serde(rename = "ref")]
    git_ref: Option<String>,
}

/// Executes the action.
pub(in crate::actions) fn execute(task: &Task<'_>, built: &mut Built) -> Result<(), Cause> {
    // All are looked at before the first is fetched.
    let wanted = wanted(task)?;
    for one in &wanted {
        let commit = take(task, one)?;
        println!("checked out {} in {}", commit.id, one.name);
        let source = Source {
            dir: one.name.clone(),
            url: Url::parse(&one.url, task.details.git.allow_file)?.shown,
            git_ref: one.git_ref.clone(),
            commit: commit.id,
        };
        sources::add(task.run_folder()?, source.clone(), commit.time)?;
        built.sources.push(source);
    }
    Ok(())
}

fn wanted(task: &Task<'_>) -> Result<Vec<Wanted>, Cause> {
    let value = task.fields.get("sources");
    let value = value.ok_or_else(|| bad("sources is needed: a list of {name, url, ref}"))?;
    let wanted: Vec<Wanted> = serde_json::from_value(value.clone())
        .map_err(|why| bad(format!("sources is a list of {{name, url, ref}}: {why}")))?;
    for (place, one) in wanted.iter().enumerate() {
        check_name(&one.name)?;
        check_ref(one.git_ref.as_deref())?;
        if wanted[..place].iter().any(|before| before.name == one.name) {
            return Err(bad(format!("sources has the name {} twice", one.name)));
        }
    }
    Ok(wanted)
}

/// A name is one folder of the workspace, and not that of the mirrors.
fn check_name(name: &str) -> Result<(), Cause> {
    let one = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    match one && Dir::parse(name).is_ok() {
        true => Ok(()),
        false => Err(bad(format!(
            "the name of a source is that of one folder, like src, not {name:?}"
        ))),
    }
}

fn take(task: &Task<'_>, wanted: &Wanted) -> Result<Commit, Cause> {
    let settings = &task.details.git;
    let url = Url::parse(&wanted.url, settings.allow_file)?;
    let home = task.folder.join("tmp/git");
    let git = Git::for_remote(home.clone(), &url, settings)?;
    let mirror = Mirror::open(&git, &url, &wanted.url, &task.details.mirrors)?;
    let found = mirror.find(wanted.git_ref.as_deref(), None)?;
    mirror.share()?;
    let local = Git::local(home)?;
    let beside = || Beside::new(task.run_folder()?, &task.order.request.action_id);

    let bare = beside()?;
    checkout::mirror(&local, mirror.path(), &bare.path(), &url.shown)?;
    let dir = Dir::parse(&format!(".mirror/{}", wanted.name))?;
    bare.place(task.order, &dir)?;

    let tree = beside()?;
    let (from, into) = (mirror.path(), tree.path());
    checkout::clone(&local, from, &into, Some(&found.id), &url.shown)?;
    let dir = Dir::parse(&wanted.name)?;
    settle_times(task, &local, &tree, &dir)?;
    tree.place(task.order, &dir)?;
    Ok(found)
}
