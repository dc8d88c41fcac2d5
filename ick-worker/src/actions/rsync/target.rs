//! Where files are published to.

use super::super::bad;
use crate::engine::cause;
use ick_core::build::{Cause, CauseKind};
use std::path::{Component, Path, PathBuf};

/// A checked target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A folder beneath the workspace.
    Workspace(PathBuf),
    /// An absolute path on the worker itself.
    Host(String),
    /// A place that ssh reaches.
    Remote {
        /// `[user@]host:path`.
        place: String,
        /// ssh's port, where it is not the usual one.
        port: Option<u16>,
    },
}

impl Target {
    /// Reads a target. What is on the worker's own file system needs `allow_host`, as a shell does.
    pub(super) fn parse(text: &str, allow_host: bool) -> Result<Self, Cause> {
        if text.starts_with('/') {
            return match allow_host {
                true => Ok(Self::Host(text.to_owned())),
                false => Err(cause(
                    CauseKind::NotAllowed,
                    "this worker does not allow rsync to its own file system; use user@host:path, \
                     or set `allow_host: true` in the worker's configuration",
                )),
            };
        }
        if let Some(rest) = text.strip_prefix("ssh://") {
            let at = rest.find('/').ok_or_else(|| bad(FORM))?;
            let (authority, path) = rest.split_at(at);
            let (authority, port) = with_port(authority)?;
            return Self::remote(authority, path, port);
        }
        let host = text.find('@').map_or(0, |at| at + 1);
        let colon = match text[host..].starts_with('[') {
            true => text[host..].find("]:").map(|at| host + at + 1),
            false => text[host..].find(':').map(|at| host + at),
        };
        match colon {
            Some(at) if !text[..at].contains('/') => {
                Self::remote(&text[..at], &text[at + 1..], None)
            }
            _ => Self::workspace(text),
        }
    }

    fn workspace(text: &str) -> Result<Self, Cause> {
        let path: PathBuf = Path::new(text)
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        let is_beneath = |part| matches!(part, Component::Normal(_));
        // What could be a place of another kind, or hold a password, is none that was meant.
        if text.contains([':', '@']) || !path.components().all(is_beneath) {
            return Err(bad(FORM));
        }
        Ok(Self::Workspace(path))
    }

    fn remote(authority: &str, path: &str, port: Option<u16>) -> Result<Self, Cause> {
        if path.starts_with(':') || path.starts_with("//") {
            return Err(bad(
                "rsync's own protocol, which is not encrypted, is not used: write user@host:path for ssh",
            ));
        }
        check(authority, path)?;
        Ok(Self::Remote {
            place: format!("{authority}:{path}"),
            port,
        })
    }
}

const FORM: &str = "rsync_target is [user@]host:path or ssh://[user@]host[:port]/path, which are reached by \
                    ssh, an absolute path on the worker, or a folder beneath the workspace";

/// The port at the end, which an IPv6 address has after its bracket.
fn with_port(authority: &str) -> Result<(&str, Option<u16>), Cause> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(bad("rsync_target has no port of 1 to 65535")),
        },
        _ => Ok((authority, None)),
    }
}

/// Refuses what could be an option of rsync or ssh, or more than a name to the shell at the target.
fn check(authority: &str, path: &str) -> Result<(), Cause> {
    let (user, host) = match authority.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let name = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let address = |text: &str| {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    if !(name(host) || address(host)) || !user.is_none_or(name) {
        return Err(bad(FORM));
    }
    let harmless = |c: char| c.is_alphanumeric() || "/._-+%=,~".contains(c);
    if path.is_empty() || path.starts_with('-') || !path.chars().all(harmless) {
        return Err(bad(
            "the path of an rsync_target by ssh has letters, digits and /._-+%=,~ and does not begin \
             with \"-\"",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_by_table() {
        let remote = |place: &str, port| {
            let place = place.to_owned();
            Ok(Target::Remote { place, port })
        };
        let workspace = |path: &str| Ok(Target::Workspace(path.into()));
        for (text, expected) in [
            ("www@host:/srv/www", remote("www@host:/srv/www", None)),
            ("host:site", remote("host:site", None)),
            ("host:~/site", remote("host:~/site", None)),
            ("[::1]:/srv", remote("[::1]:/srv", None)),
            ("me@[fe80::1]:srv", remote("me@[fe80::1]:srv", None)),
            ("ssh://me@host:2222/srv", remote("me@host:/srv", Some(2222))),
            ("ssh://host/srv", remote("host:/srv", None)),
            ("ssh://[::1]/srv", remote("[::1]:/srv", None)),
            ("ssh://[::1]:22/srv", remote("[::1]:/srv", Some(22))),
            ("site", workspace("site")),
            ("./out/site/", workspace("out/site")),
            (".", workspace("")),
            ("ssh://host:0/srv", Err(CauseKind::BadDefinition)),
            ("ssh://host:x/srv", Err(CauseKind::BadDefinition)),
            ("ssh://host", Err(CauseKind::BadDefinition)),
            ("rsync://host/module", Err(CauseKind::BadDefinition)),
            ("host::module", Err(CauseKind::BadDefinition)),
            ("me@host::module", Err(CauseKind::BadDefinition)),
            ("-e sh -c x:/srv", Err(CauseKind::BadDefinition)),
            ("--rsh=x:/srv", Err(CauseKind::BadDefinition)),
            ("-oProxyCommand=x:/srv", Err(CauseKind::BadDefinition)),
            ("me@-oProxyCommand=x:/srv", Err(CauseKind::BadDefinition)),
            ("-l@host:/srv", Err(CauseKind::BadDefinition)),
            ("[-x]:/srv", Err(CauseKind::BadDefinition)),
            ("host:-x", Err(CauseKind::BadDefinition)),
            ("host:/srv;touch /tmp/x", Err(CauseKind::BadDefinition)),
            ("host:$(id)", Err(CauseKind::BadDefinition)),
            ("host:", Err(CauseKind::BadDefinition)),
            ("me:hunter2@host/srv", Err(CauseKind::BadDefinition)),
            ("me:hunter2@host:/srv", Err(CauseKind::BadDefinition)),
            ("../site", Err(CauseKind::BadDefinition)),
            ("a/../../site", Err(CauseKind::BadDefinition)),
            ("/srv/www", Err(CauseKind::NotAllowed)),
        ] {
            let found = Target::parse(text, false);
            let detail = found.as_ref().err().map(|why| why.detail.clone());
            assert!(!detail.unwrap_or_default().contains("hunter2"), "{text}");
            assert_eq!(found.map_err(|why| why.kind), expected, "{text}");
        }
        let host = Ok(Target::Host("/srv/www".to_owned()));
        assert_eq!(Target::parse("/srv/www", true), host);
    }
}
