//! The host ids that are those of a system tree: the slot's, or those that /etc/subuid and /etc/subgid
//! give to the worker's user (subuid(5), newuidmap(1)).

use super::tools::{call, in_path, missing_here};
use crate::engine::{IDS_PER_SLOT, cause};
use ick_core::build::{Cause, CauseKind};
use rustix::process::Pid;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many ids an ordinary user's worker needs besides its own.
const OTHERS: u32 = IDS_PER_SLOT - 1;

/// Host ids that are 0 to 65535 in a user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// A root worker's slot owns them, from this one on.
    Slot {
        /// The host id of the tree's root.
        first: u32,
    },
    /// The worker's user is the tree's root; the others follow from these on.
    Own {
        /// The host id of the tree's user 1.
        uids: u32,
        /// The host id of the tree's group 1.
        gids: u32,
        /// Where newuidmap is.
        newuidmap: PathBuf,
        /// Where newgidmap is.
        newgidmap: PathBuf,
    },
}

impl Ids {
    /// Those of the slot whose first id this is, else those of this process's user; `path` is the worker's
    /// own PATH.
    ///
    /// # Errors
    /// `not_allowed` when the user has none, with the lines that are lacking; `missing_tool`.
    pub(crate) fn of(first_id: Option<u32>, path: &str) -> Result<Self, Cause> {
        if let Some(first) = first_id {
            return Ok(Self::Slot { first });
        }
        let user = rustix::process::geteuid().as_raw();
        let name = name_of(&fs::read_to_string("/etc/passwd").unwrap_or_default(), user);
        let given = |file: &'static str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            given(&text, user, name.as_deref()).ok_or(file)
        };
        let (uids, gids) = match (given("/etc/subuid"), given("/etc/subgid")) {
            (Ok(uids), Ok(gids)) => (uids, gids),
            (uids, gids) => {
                let lacking: Vec<_> = [uids.err(), gids.err()].into_iter().flatten().collect();
                let name = name.unwrap_or_else(|| user.to_string());
                return Err(lacks(&name, &lacking));
            }
        };
        let tool = |name| in_path(path, name).ok_or_else(|| missing_here(name, "uidmap"));
        Ok(Self::Own {
            uids,
            gids,
            newuidmap: tool("newuidmap")?,
            newgidmap: tool("newgidmap")?,
        })
    }

    /// Makes them the ids of the user namespace that this process has made.
    pub(super) fn map(&self, pid: Pid) -> io::Result<()> {
        let pid = pid.as_raw_pid();
        match self {
            Self::Slot { first } => {
                let map = format!("0 {first} {IDS_PER_SLOT}\n");
                fs::write(format!("/proc/{pid}/uid_map"), &map)?;
                fs::write(format!("/proc/{pid}/gid_map"), &map)
            }
            Self::Own {
                uids,
                gids,
                newuidmap,
                newgidmap,
            } => {
                let uid = rustix::process::geteuid().as_raw();
                let gid = rustix::process::getegid().as_raw();
                map_with(newuidmap, pid, uid, *uids)?;
                map_with(newgidmap, pid, gid, *gids)
            }
        }
    }
}

fn map_with(tool: &Path, pid: i32, own: u32, others: u32) -> io::Result<()> {
    let words = [pid.unsigned_abs(), 0, own, 1, 1, others, OTHERS];
    let mut command = Command::new(tool);
    command.args(words.map(|word| word.to_string())).env_clear();
    call(&mut command).map_err(|why| io::Error::other(format!("{}: {why}", tool.display())))
}

/// The cause for a user without ids of its own.
fn lacks(name: &str, files: &[&str]) -> Cause {
    cause(
        CauseKind::NotAllowed,
        format!(
            "a system tree has users of its own, and the worker's user {name} has no host ids for them: \
             {} lacks a line like `{name}:100000:{IDS_PER_SLOT}`, with ids that nobody else has \
             (usermod --add-subuids, --add-subgids)",
            files.join(" and ")
        ),
    )
}

fn name_of(passwd: &str, user: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        (uid == user).then(|| name.to_owned())
    })
}

/// The first of enough ids that one of the lines gives to the user.
fn given(text: &str, user: u32, name: Option<&str>) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let whose = fields.next()?;
        let first: u32 = fields.next()?.trim().parse().ok()?;
        let count: u32 = fields.next()?.trim().parse().ok()?;
        let is_users = name == Some(whose) || whose.parse() == Ok(user);
        (is_users && count >= OTHERS && first != 0).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_table() {
        let cases = [
            ("", None),
            ("other:100000:65536\n", None),
            ("me:100000:1000\n", None),
            ("me:0:65536\n", None),
            ("me:x:65536\nme\nme:1:\n", None),
            ("me:100000:65535\n", Some(100_000)),
            (
                "other:1:65536\nme:1:10\n1000:200000:65536\nme:3:65536\n",
                Some(200_000),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(given(text, 1000, Some("me")), expected, "{text:?}");
        }
        assert_eq!(given("me:100000:65536\n", 1000, None), None);
    }

    #[test]
    fn names_come_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nme:x:1000:1000::/home/me:/bin/sh\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("me"));
        assert_eq!(name_of(passwd, 1), None);
    }

    #[test]
    fn what_is_lacking_is_named() {
        let why = lacks("me", &["/etc/subuid", "/etc/subgid"]);
        assert_eq!(why.kind, CauseKind::NotAllowed);
        assert!(why.detail.contains("/etc/subuid and /etc/subgid"));
        assert!(why.detail.contains("`me:100000:65536`"));
    }
}
