//! `git`: checks out one commit into the workspace, from the worker's own mirror of the repository.
//!
//! git is never run on a `.git` that is in the workspace: its configuration could start programs. The
//! fetch goes into a bare repository of the worker's; the checkout is made beside the workspace and
//! moved into it.

mod checkout;
mod command;
pub(super) mod git_mirror;
mod local;
mod mirror;
#[cfg(test)]
mod tests;
mod url;

use super::{Task, sources};
use crate::caches;
use crate::engine::{Built, cannot};
use checkout::{Beside, Dir};
use command::{Git, arguments};
use ick_api::controller::Source;
use ick_core::build::Cause;
use mirror::{Commit, Mirror};
use url::Url;

/// Executes the action.
pub(super) fn execute(task: &Task<'_>, built: &mut Built) -> Result<(), Cause> {
    let whole = task.fields.required("git_url")?;
    let git_ref = task.fields.text("git_ref")?;
    let commit = task.fields.text("git_commit")?;
    let dir = Dir::parse(task.fields.text("git_dir")?.unwrap_or("src"))?;
    check_ref(git_ref)?;
    let beside = Beside::new(task.run_folder()?, &task.order.request.action_id)?;
    let (shown, found) = match own_checkout(task, whole, &beside, &dir)? {
        Some(found) => found,
        None => from_remote(task, whole, git_ref, commit, &beside, &dir)?,
    };
    beside.place(task.order, &dir)?;
    let id = found.as_ref().map(|commit| commit.id.clone());
    println!(
        "checked out {} in {}",
        id.as_deref().unwrap_or("what is not committed yet"),
        dir.shown()
    );
    let source = Source {
        dir: dir.shown(),
        url: shown,
        git_ref: git_ref.map(str::to_owned),
        commit: id.unwrap_or_default(),
    };
    let time = found.map_or(0, |commit| commit.time);
    sources::add(task.run_folder()?, source.clone(), time)?;
    built.sources.push(source);
    Ok(())
}

/// The URL without credentials and the commit.
type Found = (String, Option<Commit>);

/// Under `icktool run`, when the URL stands for the checkout that it was called in.
fn own_checkout(
    task: &Task<'_>,
    whole: &str,
    beside: &Beside,
    dir: &Dir,
) -> Result<Option<Found>, Cause> {
    let Some(checkout) = &task.details.checkout else {
        return Ok(None);
    };
    let git = Git::local(task.folder.join("tmp/git"))?.of_any_owner()?;
    let Some(top) = local::stands_for(&git, checkout, whole)? else {
        return Ok(None);
    };
    println!("taken from the checkout {}", top.display());
    let shown = match whole {
        "." => top.to_string_lossy().into_owned(),
        url => Url::parse(url, true)?.to_string(),
    };
    let (commit, files) = local::take(&git, &top, checkout.committed, beside, &shown)?;
    match checkout.committed {
        true => settle_times(task, &git, beside, dir)?,
        false => settle_times_of(task, beside, dir, files).map(drop)?,
    }
    Ok(Some((shown, commit)))
}

fn from_remote(
    task: &Task<'_>,
    whole: &str,
    git_ref: Option<&str>,
    commit: Option<&str>,
    beside: &Beside,
    dir: &Dir,
) -> Result<Found, Cause> {
    let settings = &task.details.git;
    let url = Url::parse(whole, settings.allow_file)?;
    let home = task.folder.join("tmp/git");
    let git = Git::for_remote(home.clone(), &url, settings)?;
    let mirror = Mirror::open(&git, &url, whole, &task.details.mirrors)?;
    let found = mirror.find(git_ref, commit)?;
    note_head(task, &mirror)?;
    mirror.share()?;
    let local = Git::local(home)?;
    checkout::clone(
        &local,
        mirror.path(),
        &beside.path(),
        Some(&found.id),
        &url.shown,
    )?;
    settle_times(task, &local, beside, dir)?;
    Ok((url.shown.clone(), Some(found)))
}

/// Notes for the cache when the ref that is built is the remote's HEAD.
fn note_head(task: &Task<'_>, mirror: &Mirror<'_>) -> Result<(), Cause> {
    let Some(git_ref) = caches::may_be_head(task.order) else {
        return Ok(());
    };
    // The build's ref is that of its first checkout.
    if sources::first_time(task.run_folder()?)?.is_some() {
        return Ok(());
    }
    if mirror.head_branch().as_deref() == Some(git_ref) {
        caches::note_head(task.run_folder()?).map_err(|why| cannot("note the ref", &why))?;
    }
    Ok(())
}

/// Sees to it that what was compiled before is older only than what has changed.
fn settle_times(task: &Task<'_>, git: &Git, beside: &Beside, dir: &Dir) -> Result<(), Cause> {
    if task.order.request.cache.is_none() {
        return Ok(());
    }
    let files = checkout::files(git, &beside.path())?;
    if settle_times_of(task, beside, dir, files)? {
        // The index has the times, too, and those who look at nothing else took every file for changed.
        let refresh = arguments!["update-index", "-q", "--refresh"];
        let _ = git.call(Some(&beside.path()), refresh, false);
    }
    Ok(())
}

/// The same for these files; whether times were changed.
fn settle_times_of(
    task: &Task<'_>,
    beside: &Beside,
    dir: &Dir,
    files: Vec<(String, String)>,
) -> Result<bool, Cause> {
    if task.order.request.cache.is_none() {
        return Ok(false);
    }
    caches::settle_times(task.order, &dir.shown(), &beside.path(), files)
        .map_err(|why| cannot("set the times of the checkout", &why))
}

/// What could be an option or more than a name. The definition was checked as well; this is the
/// worker's own door.
fn check_ref(git_ref: Option<&str>) -> Result<(), Cause> {
    let Some(text) = git_ref else { return Ok(()) };
    let bad = text.starts_with('-')
        || text.starts_with('+')
        || text.contains("..")
        || text.contains("@{")
        || text.contains(|c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    if bad {
        return Err(super::bad(format!(
            "git_ref is a branch, tag or commit, not {text:?}"
        )));
    }
    Ok(())
}
