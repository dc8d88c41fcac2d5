//! The worker's own mirror of a repository, shared by its slots and outside every workspace.

use super::super::{bad, failed};
use super::command::{Failed, Git, arguments};
use super::url::Url;
use crate::engine::cannot;
use ick_core::build::Cause;
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a server that is not to be reached is asked.
const TRIES: u32 = 3;

/// A mirror that no other process changes while this lives.
#[derive(Debug)]
pub(super) struct Mirror<'a> {
    git: &'a Git,
    url: &'a Url,
    path: PathBuf,
    lock: File,
}

/// A commit that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// All its digits.
    pub(super) id: String,
    /// Its time, in seconds since 1970.
    pub(super) time: u64,
}

impl<'a> Mirror<'a> {
    /// Opens the mirror of a repository; it may be empty. `whole` is the URL as it was given: with other
    /// credentials it is another repository.
    pub(super) fn open(
        git: &'a Git,
        url: &'a Url,
        whole: &str,
        mirrors: &Path,
    ) -> Result<Self, Cause> {
        let cannot_open = |why: std::io::Error| cannot("open the mirror", &why);
        fs::create_dir_all(mirrors).map_err(cannot_open)?;
        let digest = Sha256::digest(whole.as_bytes());
        let name = ick_core::digest::Digest::from_bytes(digest.into()).hex();
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(mirrors.join(format!("{name}.lock")))
            .map_err(cannot_open)?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            println!("waiting for another action that fetches the same repository");
            rustix::fs::flock(&lock, FlockOperation::LockExclusive)
                .map_err(|why| cannot_open(why.into()))?;
        }
        Ok(Self {
            git,
            url,
            path: mirrors.join(format!("{name}.git")),
            lock,
        })
    }

    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Others may read it as well from here on, and nobody fetches into it before all are done.
    pub(super) fn share(&self) -> Result<(), Cause> {
        rustix::fs::flock(&self.lock, FlockOperation::LockShared)
            .map_err(|why| cannot("share the mirror", &why.into()))
    }

    /// Finds what is to be checked out: this commit, else this ref, else the remote's HEAD. It is
    /// fetched, unless it is a commit that is here already.
    pub(super) fn find(
        &self,
        git_ref: Option<&str>,
        commit: Option<&str>,
    ) -> Result<Commit, Cause> {
        self.make()?;
        let wanted = commit.or_else(|| git_ref.filter(|text| is_commit(text)));
        if let Some(id) = wanted {
            if !is_commit(id) {
                return Err(bad(format!(
                    "a git commit has 40 or 64 hexadecimal digits, not {id:?}"
                )));
            }
            return self.find_commit(id);
        }
        match git_ref {
            None => {
                self.fetch(&[ALL_BRANCHES, ALL_TAGS, "+HEAD:refs/ick/wanted"])?;
                self.commit("refs/ick/wanted")?
                    .ok_or_else(|| failed(format!("{} has no HEAD", self.url)))
            }
            Some(full) if full.starts_with("refs/") => {
                let wanted = format!("+{full}:refs/ick/wanted");
                self.fetch(&[ALL_BRANCHES, ALL_TAGS, &wanted])?;
                self.commit("refs/ick/wanted")?
                    .ok_or_else(|| self.missing(full))
            }
            Some(short) => {
                self.fetch(&[ALL_BRANCHES, ALL_TAGS])?;
                self.find_short(short)
            }
        }
    }

    /// The branch that the remote's HEAD is, as far as it says so.
    pub(super) fn head_branch(&self) -> Option<String> {
        let arguments = arguments![
            "ls-remote",
            "--symref",
            "--end-of-options",
            self.url.shown.as_str(),
            "HEAD",
        ];
        let said = self.git.call(Some(&self.path), arguments, false).ok()?;
        let said = String::from_utf8(said).ok()?;
        let branch = said.lines().next()?.strip_prefix("ref: refs/heads/")?;
        branch.strip_suffix("\tHEAD").map(str::to_owned)
    }

    fn find_commit(&self, id: &str) -> Result<Commit, Cause> {
        if let Some(commit) = self.commit(id)? {
            return Ok(commit);
        }
        self.fetch(&[ALL_BRANCHES, ALL_TAGS])?;
        if let Some(commit) = self.commit(id)? {
            return Ok(commit);
        }
        // On no branch and no tag: some servers give it all the same.
        let asked = self.fetch(&[&format!("+{id}:refs/ick/wanted")]);
        match self.commit(id)? {
            Some(commit) => Ok(commit),
            None => Err(asked.err().unwrap_or_else(|| self.missing(id))),
        }
    }

    fn find_short(&self, short: &str) -> Result<Commit, Cause> {
        let branch = self.commit(&format!("refs/heads/{short}"))?;
        let tag = self.commit(&format!("refs/tags/{short}"))?;
        match (branch, tag) {
            (Some(branch), Some(_)) => {
                println!("{short} is both a branch and a tag: the branch is taken");
                Ok(branch)
            }
            (Some(commit), None) | (None, Some(commit)) => Ok(commit),
            (None, None) => {
                let digits = short.len() >= 7 && short.bytes().all(|b| b.is_ascii_hexdigit());
                let found = if digits { self.commit(short)? } else { None };
                found.ok_or_else(|| self.missing(short))
            }
        }
    }

    fn missing(&self, what: &str) -> Cause {
        failed(format!("{} has no branch, tag or commit {what}", self.url))
    }

    /// The commit that a name stands for in the mirror.
    fn commit(&self, name: &str) -> Result<Option<Commit>, Cause> {
        let name = format!("{name}^{{commit}}");
        let arguments = arguments![
            "log",
            "-1",
            "--no-show-signature",
            "--format=%H %ct",
            "--end-of-options",
            &name,
            "--",
        ];
        match self.git.line(Some(&self.path), arguments) {
            Ok(line) => Ok(line.split_once(' ').and_then(|(id, time)| {
                Some(Commit {
                    id: id.to_owned(),
                    time: time.parse().ok()?,
                })
            })),
            Err(Failed::Said(_)) => Ok(None),
            Err(other) => Err(other.cause("read the mirror")),
        }
    }

    fn make(&self) -> Result<(), Cause> {
        if self.path.join("HEAD").exists() {
            return Ok(());
        }
        self.make_anew()
    }

    fn make_anew(&self) -> Result<(), Cause> {
        crate::workspace::remove(&self.path)
            .map_err(|why| cannot("remove the old mirror", &why))?;
        // Beside it first: a mirror that is there is a whole one.
        let unfinished = self.path.with_extension("new");
        crate::workspace::remove(&unfinished)
            .map_err(|why| cannot("remove an unfinished mirror", &why))?;
        self.git
            .call(
                None,
                arguments![
                    "init",
                    "--quiet",
                    "--bare",
                    "--template=",
                    "--end-of-options",
                    &unfinished
                ],
                false,
            )
            .map_err(|why| why.cause("make the mirror"))?;
        fs::rename(&unfinished, &self.path).map_err(|why| cannot("make the mirror", &why))
    }

    /// Fetches, and again where that can help: a server that is busy, or a mirror in which another
    /// fetch was killed.
    fn fetch(&self, refspecs: &[&str]) -> Result<(), Cause> {
        println!("fetching {}", self.url);
        let mut anew = false;
        let mut tries = 1;
        loop {
            let mut arguments = arguments![
                "fetch",
                "--quiet",
                "--prune",
                "--no-tags",
                "--no-recurse-submodules",
                "--no-write-fetch-head",
                "--end-of-options",
                self.url.shown.as_str(),
            ]
            .to_vec();
            arguments.extend(refspecs.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
            let failed = match self.git.call(Some(&self.path), arguments, false) {
                Ok(_) => return Ok(()),
                Err(failed) => failed,
            };
            if !anew && says_any(&failed, DAMAGED) {
                println!("the mirror is damaged or was left locked: it is made anew");
                anew = true;
                self.make_anew()?;
            } else if tries < TRIES && says_any(&failed, PASSING) {
                std::thread::sleep(Duration::from_secs(u64::from(tries)));
                tries += 1;
                println!("trying again");
            } else {
                return Err(failed.cause(&format!("fetch {}", self.url)));
            }
        }
    }
}

const ALL_BRANCHES: &str = "+refs/heads/*:refs/heads/*";
const ALL_TAGS: &str = "+refs/tags/*:refs/tags/*";

/// What git says of a mirror in which something was interrupted.
const DAMAGED: &[&str] = &[
    ".lock': File exists",
    "not a git repository",
    "bad object",
    "object file",
    "is corrupt",
    "did not send all necessary objects",
    "missing necessary objects",
];

/// What git says when the same may succeed a little later.
const PASSING: &[&str] = &[
    "Could not resolve host",
    "Temporary failure in name resolution",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "early EOF",
    "returned error: 502",
    "returned error: 503",
    "returned error: 504",
];

fn says_any(failed: &Failed, words: &[&str]) -> bool {
    words.iter().any(|word| failed.said().contains(word))
}

/// Whether a text is a whole commit id: SHA-1 or SHA-256.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
