//! What an entry gets besides its content.

use super::super::xattrs::{Attributes, PREFIX};
use super::reader::Entry;
use super::words::Words;
use super::{HIGHEST_ID, Rules};
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid};
use std::io;
use std::path::Path;

#[derive(Debug)]
pub(super) struct About {
    owner: Option<(Uid, Gid)>,
    mode: u32,
    pub(super) attributes: Attributes,
    time: u64,
}

impl About {
    /// Reads it. In a workspace only these bits of the mode are good.
    pub(super) fn new(
        entry: &Entry,
        path: &Path,
        good: u32,
        words: Words<'_>,
    ) -> Result<Self, Cause> {
        let damaged = |why| words.damaged(&why);
        let mut attributes = Attributes::default();
        for (key, value) in &entry.records {
            if let Some(name) = key.strip_prefix(PREFIX.as_bytes()) {
                attributes
                    .add(name, || Ok(value.clone()))
                    .map_err(damaged)?;
            }
        }
        let good = match words.rules {
            Rules::Workspace => good,
            Rules::Tree => 0o7777,
        };
        if words.rules == Rules::Workspace {
            attributes.leave_out();
        }
        Ok(Self {
            owner: owner(entry, path, words)?,
            mode: entry.mode().map_err(damaged)? & good,
            attributes,
            time: entry.time().map_err(damaged)?,
        })
    }

    /// Gives it all. A change of the owner takes setuid bits and capabilities away: that comes first.
    pub(super) fn give(&self, file: &OwnedFd) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
        }
        self.attributes.give(file)?;
        rustix::fs::futimens(file, &times(self.time))?;
        Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode))?)
    }

    /// Gives a symbolic link what such a one can have.
    pub(super) fn give_link(&self, folder: &OwnedFd, name: &Path) -> rustix::io::Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if let Some((uid, gid)) = self.owner {
            rustix::fs::chownat(folder, name, Some(uid), Some(gid), flags)?;
        }
        rustix::fs::utimensat(folder, name, &times(self.time), flags)
    }
}

fn times(seconds: u64) -> Timestamps {
    let time = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Whom an entry is to belong to, if not to who makes it.
fn owner(entry: &Entry, path: &Path, words: Words<'_>) -> Result<Option<(Uid, Gid)>, Cause> {
    if words.rules == Rules::Workspace {
        return Ok(None);
    }
    let id = |what, id: io::Result<u64>| {
        let id = id.map_err(|why| words.damaged(&why))?;
        let good = u32::try_from(id).ok().filter(|_| id <= HIGHEST_ID);
        good.ok_or_else(|| {
            let why = format!(
                "belongs to the {what} {id}, and those of a tree go up to {HIGHEST_ID}; give it to another \
                 before it is packed"
            );
            words.refuse(path, &why)
        })
    };
    let (uid, gid) = (id("user", entry.user())?, id("group", entry.group())?);
    Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid))))
}
