//! Under `icktool run`: a person's own checkout in place of its remotes.

use super::checkout::{Beside, clone};
use super::command::{Failed, Git, arguments};
use super::mirror::Commit;
use crate::actions::{Checkout, failed};
use crate::beneath;
use crate::engine::cannot;
use ick_core::build::Cause;
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// The checkout's top folder, when `url` stands for it: `.`, or the URL of one of its remotes.
pub(super) fn stands_for(
    git: &Git,
    checkout: &Checkout,
    url: &str,
) -> Result<Option<PathBuf>, Cause> {
    let top = git.line(
        Some(&checkout.folder),
        arguments!["rev-parse", "--show-toplevel"],
    );
    let top = match top {
        Ok(top) => PathBuf::from(top),
        Err(Failed::Said(why)) if url == "." => {
            return Err(failed(format!(
                "git_url is \".\", and {} is in no git checkout: {why}",
                checkout.folder.display()
            )));
        }
        Err(Failed::Said(_)) => return Ok(None),
        Err(other) => return Err(other.cause("look at this checkout")),
    };
    if url == "." || plain(url) == plain(&top.to_string_lossy()) {
        return Ok(Some(top));
    }
    let remotes = git
        .line(
            Some(&top),
            arguments!["config", "--get-regexp", r"^remote\..*\.url$"],
        )
        .unwrap_or_default();
    let same = remotes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .any(|(_, remote)| plain(remote) == plain(url));
    Ok(same.then_some(top))
}

/// A URL without what makes no difference.
fn plain(url: &str) -> &str {
    let url = url.strip_prefix("file://").unwrap_or(url);
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git")
        .unwrap_or(url)
        .trim_end_matches('/')
}

/// The files that were copied, and what each one was.
type Files = Vec<(String, String)>;

/// Makes the checkout from the person's own; the commit that it is based on, if there is one, and the files
/// of the working tree, if it was taken.
pub(super) fn take(
    git: &Git,
    top: &Path,
    committed: bool,
    beside: &Beside,
    origin: &str,
) -> Result<(Option<Commit>, Files), Cause> {
    let into = beside.path();
    let head = head(git, top)?;
    match (&head, committed) {
        (None, true) => return Err(failed("there is no commit yet in this checkout")),
        (None, false) => {
            git.call(
                None,
                arguments!["init", "--quiet", "--template=", "--end-of-options", &into],
                false,
            )
            .map_err(|why| why.cause("make the checkout"))?;
        }
        (Some(head), true) => clone(git, top, &into, Some(&head.id), origin)?,
        (Some(head), false) => {
            clone(git, top, &into, None, origin)?;
            // HEAD and the index are the commit's; the files are as they are here.
            git.call(
                Some(&into),
                arguments!["update-ref", "--no-deref", "HEAD", &head.id],
                false,
            )
            .and_then(|_| git.call(Some(&into), arguments!["read-tree", &head.id], false))
            .map_err(|why| why.cause("make the checkout"))?;
        }
    }
    let mut files = Files::new();
    if !committed {
        let count = copy(git, top, &into, &mut files)?;
        println!("the working tree as it is: {count} files, tracked and untracked, not ignored");
    }
    Ok((head, files))
}

fn head(git: &Git, top: &Path) -> Result<Option<Commit>, Cause> {
    let arguments = arguments![
        "log",
        "-1",
        "--no-show-signature",
        "--format=%H %ct",
        "HEAD",
        "--"
    ];
    match git.line(Some(top), arguments) {
        Ok(line) => Ok(line.split_once(' ').and_then(|(id, time)| {
            Some(Commit {
                id: id.to_owned(),
                time: time.parse().ok()?,
            })
        })),
        Err(Failed::Said(_)) => Ok(None),
        Err(other) => Err(other.cause("look at this checkout")),
    }
}

fn copy(git: &Git, top: &Path, into: &Path, files: &mut Files) -> Result<usize, Cause> {
    let names = git
        .call(
            Some(top),
            arguments![
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard"
            ],
            false,
        )
        .map_err(|why| why.cause("list the files of this checkout"))?;
    let root = beneath::root(into).map_err(|why| cannot("make the checkout", &why))?;
    let mut count = 0;
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = Path::new(OsStr::from_bytes(name));
        // Before the copy: what is written meanwhile is seen the next time.
        let what = what(&top.join(name));
        let copied = copy_one(top, into, &root, name);
        let copied = copied
            .map_err(|why| cannot(&format!("copy {} into the checkout", name.display()), &why))?;
        count += usize::from(copied);
        if let (true, Some(what), Some(name)) = (copied, what, name.to_str()) {
            files.push((name.to_owned(), what));
        }
    }
    Ok(count)
}

/// Names a file's content, as well as that can be told without reading it.
fn what(file: &Path) -> Option<String> {
    let about = fs::symlink_metadata(file).ok()?;
    Some(format!(
        "{:o} {} {}.{:09} {}.{:09}",
        about.mode(),
        about.ino(),
        about.mtime(),
        about.mtime_nsec(),
        about.ctime(),
        about.ctime_nsec()
    ))
}

/// Copies a file or a link; whether there was something to copy.
fn copy_one(top: &Path, into: &Path, root: &rustix::fd::OwnedFd, name: &Path) -> io::Result<bool> {
    let kind = match fs::symlink_metadata(top.join(name)) {
        // Deleted here, and still in the index.
        Err(why)
            if matches!(
                why.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(false);
        }
        other => other?.file_type(),
    };
    if let Some(parent) = name.parent() {
        beneath::make_folders(root, parent)?;
        beneath::open(root, parent, OFlags::PATH)?;
    }
    if kind.is_symlink() {
        symlink(fs::read_link(top.join(name))?, into.join(name))?;
    } else if kind.is_file() {
        fs::copy(top.join(name), into.join(name))?;
    } else {
        println!("left out: {} (no file and no link)", name.display());
        return Ok(false);
    }
    Ok(true)
}
