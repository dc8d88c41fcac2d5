//! Caches: folders of the workspace that are kept from one build of a project to its next.
//!
//! An entry, `caches/PROJECT/REF` in the worker's state, is what one build of a project and a ref has
//! left: `entry.json` and the folders. Both names are digests, as projects and refs are data. An entry
//! belongs to one run at a time: the run takes it by renaming it into its own folder, and its folders
//! into the workspace, so that nothing is copied and nobody else reads what the run's actions change in
//! place. When the build is done, its folders are renamed into a new entry, which is renamed into the
//! old one's place; whatever else becomes of the build, they go with the workspace. A run of another
//! ref than the default one that finds no entry of its own gets a copy of the default ref's, which the
//! next build of that ref shall still find.
//!
//! The supervisor does both: before its run's first action begins, and before the result of the last
//! one is there.

mod copy;
mod entry;
mod key;
mod times;
mod upkeep;

pub use upkeep::Caches;

use crate::beneath;
use crate::engine::{Order, Program};
use crate::workspace;
use entry::Entry;
use ick_api::controller::Cache;
use ick_core::definition::BuiltIn;
use ick_core::name::ProjectName;
use key::Place;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What a run has taken, in its folder.
const TAKEN: &str = "cache";

/// In it, that nothing is to be restored any more.
const RESTORED: &str = "restored";

/// In it, while no action that could change it was started: the place that the entry was taken from.
const UNUSED: &str = "unused";

/// In it, that it was said that nothing will be kept.
const GIVEN_UP: &str = "given-up";

/// In the run's folder, that its ref is the remote's HEAD.
const IS_HEAD: &str = "is-head";

/// The folders of an entry, by their numbers in it.
const FOLDERS: &str = "folders";

/// The folder of a worker's caches.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join("caches")
}

/// Whether the run in this folder has looked for what is kept.
pub(crate) fn is_used(run: &Path) -> bool {
    run.join(TAKEN).exists()
}

/// Puts what is kept into the workspace, unless that was done for this run. `say` is told what was done,
/// and what could not be, which fails nothing.
pub(crate) fn restore(order: &Order, say: &mut dyn FnMut(&str)) {
    let (Some(cache), Some(run)) = (&order.request.cache, order.workspace.parent()) else {
        return;
    };
    if is_built_in(&order.request.program, &[BuiltIn::Debootstrap]) {
        // It begins with an empty workspace. What comes after it is given the cache.
        return;
    }
    let taken = run.join(TAKEN);
    if !taken.join(RESTORED).exists() {
        restore_now(order, cache, run, say);
    }
    // These leave what is kept as it is.
    let harmless = [BuiltIn::Git, BuiltIn::GitMirror, BuiltIn::PopulateSystree];
    if !is_built_in(&order.request.program, &harmless) {
        let _ = fs::remove_file(taken.join(UNUSED));
    }
}

fn is_built_in(program: &Program, which: &[BuiltIn]) -> bool {
    matches!(program, Program::BuiltIn { name, .. } if which.iter().any(|one| one.as_str() == name))
}

fn restore_now(order: &Order, cache: &Cache, run: &Path, say: &mut dyn FnMut(&str)) {
    let taken = run.join(TAKEN);
    let restored = take(order, cache, run, say).and_then(|entry| {
        if let Some(entry) = entry {
            put_all(order, cache, &taken, &entry, say)?;
        }
        Ok(())
    });
    let marked = private_folder(&taken).and_then(|()| fs::write(taken.join(RESTORED), ""));
    if let Err(why) = restored.and(marked) {
        say(&format!("cache: what is kept cannot be used: {why}"));
    }
}

/// Keeps the workspace's folders for the next build, when the build ends with this action. `say` is told
/// what was not kept.
pub(crate) fn keep(order: &Order, say: &mut dyn FnMut(&str)) {
    let (Some(cache), Some(run)) = (&order.request.cache, order.workspace.parent()) else {
        return;
    };
    if cache.keep
        && let Err(why) = try_keep(order, cache, run, say)
    {
        say(&format!("cache: nothing is kept: {why}"));
    }
}

/// Moves the folders that are kept and that a new checkout would replace into that checkout, which is
/// not in its place, the folder `dir` of the workspace, yet.
///
/// # Errors
/// Those of the file system.
pub(crate) fn carry(order: &Order, dir: &Path, checkout: &Path) -> io::Result<()> {
    let Some(cache) = &order.request.cache else {
        return Ok(());
    };
    let (root, checkout) = (beneath::root(&order.workspace)?, beneath::root(checkout)?);
    for path in cache.paths.iter().map(Path::new) {
        let (Ok(inside), Ok((parent, name))) = (path.strip_prefix(dir), split(path)) else {
            continue;
        };
        let Ok(folder) = folder_in(&root, parent, name) else {
            continue;
        };
        if let Err(why) = put(&checkout, &folder, name, inside) {
            let path = path.display();
            println!("cache: {path} is lost: {}", words(&why));
        }
    }
    Ok(())
}

/// Gives the files of a new checkout, which is not in its place yet, the times that they had in the build
/// whose cache this is, where they are the same; `files` are their paths, each with a text that names its
/// content. Whether times were changed.
///
/// # Errors
/// Those of the file system.
pub(crate) fn settle_times(
    order: &Order,
    dir: &str,
    checkout: &Path,
    files: Vec<(String, String)>,
) -> io::Result<bool> {
    let run = order
        .workspace
        .parent()
        .ok_or(io::ErrorKind::InvalidInput)?;
    let same = times::settle(run, dir, checkout, files)?;
    Ok(same > 0)
}

/// What the remote's HEAD must be for this build to be one of the default ref; none when it is known
/// already whether it is, or when nothing is kept.
pub(crate) fn may_be_head(order: &Order) -> Option<&str> {
    let cache = order.request.cache.as_ref()?;
    match cache.default_ref {
        None => cache.git_ref.as_deref(),
        Some(_) => None,
    }
}

/// Notes that the run's ref is the remote's HEAD: what is kept is the default ref's.
///
/// # Errors
/// Those of the file system.
pub(crate) fn note_head(run: &Path) -> io::Result<()> {
    fs::write(run.join(IS_HEAD), "")
}

/// Says once that nothing is kept of this run, as an action of it has failed or was ended.
pub(crate) fn give_up(order: &Order, say: &mut dyn FnMut(&str)) {
    let (Some(_), Some(run)) = (&order.request.cache, order.workspace.parent()) else {
        return;
    };
    let taken = run.join(TAKEN);
    let said = taken.join(GIVEN_UP);
    if said.exists() || !taken.exists() {
        return;
    }
    match put_back(order, run) {
        Ok(true) => say("cache: what was kept was not used, and stays"),
        Ok(false) => say("cache: nothing is kept of a build that fails or is ended"),
        Err(why) => say(&format!("cache: what was kept is lost: {why}")),
    }
    let _ = fs::write(said, "");
}

/// Puts the entry that the run has taken back into its place, if no action can have changed what is in
/// it. Whether that was so.
fn put_back(order: &Order, run: &Path) -> io::Result<bool> {
    let taken = run.join(TAKEN);
    let (Ok(place), Some(entry)) = (fs::read(taken.join(UNUSED)), Entry::read_any(&taken)) else {
        return Ok(false);
    };
    let root = beneath::root(&order.workspace)?;
    for path in &entry.paths {
        if let Some(folder) = entry.folder(&taken, path)
            && !folder.exists()
        {
            take_out(&root, Path::new(path), &folder)?;
        }
    }
    for mark in [UNUSED, RESTORED] {
        fs::remove_file(taken.join(mark))?;
    }
    let place = Path::new(OsStr::from_bytes(&place));
    make_parent(place)?;
    // Unless another build has left a newer one.
    rustix::fs::renameat_with(CWD, &taken, CWD, place, RenameFlags::NOREPLACE)?;
    private_folder(&taken)?;
    fs::write(taken.join(RESTORED), "")?;
    Ok(true)
}

/// Gives the run an entry of its own, if there is one to be had.
fn take(
    order: &Order,
    cache: &Cache,
    run: &Path,
    say: &mut dyn FnMut(&str),
) -> io::Result<Option<Entry>> {
    let (project, taken) = (&order.request.project, run.join(TAKEN));
    if taken.exists() {
        // What was begun before a crash.
        return Ok(Entry::read(&taken, project));
    }
    let place = Place::of(&order.caches, project, cache);
    if moved(&place.own, &taken)? {
        return sound(&taken, &place.own, project, say);
    }
    let default = Entry::read(&place.default, project);
    // Its build had found that this ref is the default one.
    if default
        .as_ref()
        .is_some_and(|entry| entry.git_ref == cache.git_ref)
        && moved(&place.default, &taken)?
    {
        return sound(&taken, &place.default, project, say);
    }
    let Some(default) = default.filter(|_| place.default != place.own) else {
        say("cache: nothing is kept yet");
        return Ok(None);
    };
    let unfinished = run.join(format!("{TAKEN}.new"));
    workspace::remove(&unfinished)?;
    copy::copy(&place.default, &unfinished)?;
    // Still in its place: no run had it meanwhile, and nobody has changed it.
    if Entry::read(&place.default, project).is_none_or(|entry| entry.id != default.id) {
        workspace::remove(&unfinished)?;
        say("cache: nothing is kept yet, and the default ref's is in use");
        return Ok(None);
    }
    fs::rename(&unfinished, &taken)?;
    upkeep::note_use(&place.default);
    say("cache: nothing is kept yet for this ref; a copy of the default ref's is taken");
    Ok(Some(default))
}

/// The entry that was taken, if all of it reached the disk.
fn sound(
    taken: &Path,
    place: &Path,
    project: &ProjectName,
    say: &mut dyn FnMut(&str),
) -> io::Result<Option<Entry>> {
    let entry = Entry::read(taken, project);
    if entry.is_none() {
        workspace::remove(taken)?;
        say("cache: what was kept is not whole, and is not used");
        return Ok(None);
    }
    fs::write(taken.join(UNUSED), place.as_os_str().as_bytes())?;
    Ok(entry)
}

fn put_all(
    order: &Order,
    cache: &Cache,
    taken: &Path,
    entry: &Entry,
    say: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let root = beneath::root(&order.workspace)?;
    for path in &cache.paths {
        let Some(folder) = entry.folder(taken, path) else {
            continue;
        };
        match put(&root, CWD, &folder, Path::new(path)) {
            Ok(()) => say(&format!("cache: {path} is as {} left it", entry.build)),
            // Before a crash.
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => say(&format!(
                "cache: {path} cannot be restored: {}",
                words(&why)
            )),
        }
    }
    Ok(())
}

/// Moves a folder to its place beneath the root.
fn put(root: &OwnedFd, from: impl AsFd, folder: impl AsRef<Path>, path: &Path) -> io::Result<()> {
    let (parent, name) = split(path)?;
    let parent = beneath::make_folders(root, parent)?;
    let flags = RenameFlags::NOREPLACE;
    let folder = folder.as_ref();
    Ok(rustix::fs::renameat_with(
        from, folder, &parent, name, flags,
    )?)
}

fn try_keep(order: &Order, cache: &Cache, run: &Path, say: &mut dyn FnMut(&str)) -> io::Result<()> {
    let kept = run.join("kept");
    workspace::remove(&kept)?;
    private_folder(&kept)?;
    private_folder(&kept.join(FOLDERS))?;
    let root = beneath::root(&order.workspace)?;
    // Before anything is moved.
    times::keep(run, &root, &kept)?;
    let mut entry = Entry::new(&order.request, cache)?;
    for path in &cache.paths {
        match take_out(&root, Path::new(path), &entry.next(&kept)) {
            Ok(()) => entry.paths.push(path.clone()),
            Err(why) => say(&format!("cache: {path} is not kept: {}", words(&why))),
        }
    }
    if entry.paths.is_empty() {
        return Ok(());
    }
    entry.write(&kept)?;
    let place = Place::of(&order.caches, &order.request.project, cache);
    let place = match run.join(IS_HEAD).exists() {
        true => place.default,
        false => place.own,
    };
    publish(&kept, &place, &run.join("kept.old"))?;
    say(&format!("cache: kept {}", entry.paths.join(", ")));
    Ok(())
}

/// Moves a folder of the workspace away.
fn take_out(root: &OwnedFd, path: &Path, to: &Path) -> io::Result<()> {
    let (parent, name) = split(path)?;
    let parent = folder_in(root, parent, name)?;
    Ok(rustix::fs::renameat(&parent, name, CWD, to)?)
}

/// What a folder is in, if it is one.
fn folder_in(root: &OwnedFd, parent: &Path, name: &OsStr) -> io::Result<OwnedFd> {
    let parent = beneath::open(root, parent, OFlags::PATH | OFlags::DIRECTORY)?;
    let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(parent),
        FileType::Symlink => Err(Errno::LOOP.into()),
        _ => Err(Errno::NOTDIR.into()),
    }
}

/// Moves a whole entry to its place; what was there goes to `old`, in the run's folder.
fn publish(entry: &Path, place: &Path, old: &Path) -> io::Result<()> {
    for _ in 0..100 {
        make_parent(place)?;
        match rustix::fs::renameat_with(CWD, entry, CWD, place, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {
                workspace::remove(old)?;
                moved(place, old)?;
            }
            // The project's folder was empty, and is gone.
            Err(Errno::NOENT) => {}
            other => return Ok(other?),
        }
    }
    Err(Errno::EXIST.into())
}

/// Makes the folder of a project's entries.
fn make_parent(place: &Path) -> io::Result<()> {
    let parent = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(parent)
}

/// Moves a folder; whether it was there.
fn moved(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Err(why) if why.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(false),
        other => other.map(|()| true),
    }
}

fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn words(why: &io::Error) -> String {
    match why.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => "it is not there".to_owned(),
        Some(Errno::EXIST) => "there is something in its place".to_owned(),
        Some(Errno::LOOP) => "it is a link, or behind one".to_owned(),
        Some(Errno::NOTDIR) => "it is no folder, or beneath what is none".to_owned(),
        _ => why.to_string(),
    }
}
