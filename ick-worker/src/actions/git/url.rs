//! Where a repository is: the URL as git gets it, and what of it may be shown.

use super::super::bad;
use crate::engine::cause;
use ick_core::build::{Cause, CauseKind};
use ick_core::secret::Secret;
use std::fmt;

/// How git reaches a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Https,
    Ssh,
    File,
}

/// A checked URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// What git is given and what is shown: no password in it.
    pub(super) shown: String,
    pub(super) protocol: Protocol,
    /// The user's name and password for https, where the URL had some; they reach git by its environment.
    pub(super) login: Option<(String, Secret)>,
}

impl Url {
    /// Reads a URL: `https://`, `ssh://`, `host:path` (ssh), `file://` or an absolute path.
    pub(super) fn parse(text: &str, allow_file: bool) -> Result<Self, Cause> {
        if text.starts_with('-') {
            return Err(bad("git_url cannot begin with \"-\""));
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(bad("git_url cannot contain a space or a control character"));
        }
        if text.contains("::") && !text.contains("://") {
            return Err(not_allowed(
                "git's remote helpers (name::address) are never used",
            ));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "https" => Self::https(rest),
                "ssh" => Self::ssh(text, rest.split('/').next().unwrap_or_default()),
                // There is nobody to log in to, and it would be shown.
                "file" if !rest.starts_with('/') => {
                    Err(bad("git_url has a host after file://: write file:///path"))
                }
                "file" => Self::file(text, allow_file),
                _ => Err(not_allowed(&format!(
                    "git_url may begin with https:// or ssh://, not with {scheme}://"
                ))),
            };
        }
        if text.starts_with('/') {
            return Self::file(text, allow_file);
        }
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') && !path.is_empty() => {
                // `user:password@host:path`, which ssh would take for a path on the host `user`.
                if !host.contains('@') && path.split('/').next().is_some_and(|p| p.contains('@')) {
                    return Err(with_password());
                }
                Self::ssh(text, host)
            }
            // What could hold a password is not repeated.
            _ if text.contains('@') => Err(bad(FORM)),
            _ => Err(bad(format!("{FORM}, not {text:?}"))),
        }
    }

    fn https(rest: &str) -> Result<Self, Cause> {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        if host.is_empty() {
            return Err(bad("git_url names no host"));
        }
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (decoded(user), Secret::new(decoded(password)))
        });
        Ok(Self {
            shown: format!("https://{host}{path}"),
            protocol: Protocol::Https,
            login,
        })
    }

    /// The whole text is kept: a user's name belongs to it. A password could not be used by ssh.
    fn ssh(text: &str, authority: &str) -> Result<Self, Cause> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (user, host),
            None => ("", authority),
        };
        // Either could be taken for an option of ssh.
        if host.is_empty() || host.starts_with('-') || user.starts_with('-') {
            return Err(bad("git_url names no host that ssh could reach"));
        }
        if user.contains(':') {
            return Err(with_password());
        }
        Ok(Self {
            shown: text.to_owned(),
            protocol: Protocol::Ssh,
            login: None,
        })
    }

    fn file(text: &str, allow_file: bool) -> Result<Self, Cause> {
        if !allow_file {
            return Err(not_allowed(
                "this worker does not allow repositories on its own file system; \
                 set `allow_file_protocol: true` in the worker's configuration",
            ));
        }
        Ok(Self {
            shown: text.to_owned(),
            protocol: Protocol::File,
            login: None,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What a URL of a repository looks like.
const FORM: &str = "git_url is a URL like https://host/path, ssh://host/path or host:path";

fn with_password() -> Cause {
    bad("git_url has a password for ssh in it, which cannot be used: give the worker an ssh_key")
}

fn not_allowed(detail: &str) -> Cause {
    cause(CauseKind::NotAllowed, detail)
}

/// Percent-decoding (RFC 3986, section 2.1); what is not of that form stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |at: usize| {
            let digit = char::from(*after.get(at)?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_by_table() {
        use CauseKind::{BadDefinition, NotAllowed};
        let cases = [
            ("https://host/a.git", Ok(Protocol::Https)),
            ("ssh://git@host:22/a", Ok(Protocol::Ssh)),
            ("git@host:a.git", Ok(Protocol::Ssh)),
            ("file:///srv/a", Ok(Protocol::File)),
            ("/srv/a", Ok(Protocol::File)),
            ("file://host/srv/a", Err(BadDefinition)),
            ("--upload-pack=touch x", Err(BadDefinition)),
            ("-u", Err(BadDefinition)),
            ("ext::sh -c touch% x", Err(BadDefinition)),
            ("ext::sh", Err(NotAllowed)),
            ("http://host/a", Err(NotAllowed)),
            ("git://host/a", Err(NotAllowed)),
            ("ssh://-oProxyCommand=x/a", Err(BadDefinition)),
            ("-oProxyCommand=x:a", Err(BadDefinition)),
            ("me@-oProxyCommand=x:a", Err(BadDefinition)),
            ("ssh://me:secret@host/a", Err(BadDefinition)),
            ("../a", Err(BadDefinition)),
            ("a", Err(BadDefinition)),
            ("https:///a", Err(BadDefinition)),
            ("https://host/a\n", Err(BadDefinition)),
        ];
        for (text, expected) in cases {
            let found = Url::parse(text, true)
                .map(|url| url.protocol)
                .map_err(|why| why.kind);
            assert_eq!(found, expected, "{text}");
        }
        for text in ["file:///srv/a", "/srv/a"] {
            let refused = Url::parse(text, false).map_err(|why| why.kind);
            assert_eq!(refused, Err(NotAllowed), "{text}");
        }
    }

    #[test]
    fn a_password_is_kept_apart() -> Result<(), Cause> {
        let url = Url::parse("https://me:p%40ss@host:8443/a.git", false)?;
        assert_eq!(url.to_string(), "https://host:8443/a.git");
        let login = url
            .login
            .as_ref()
            .map(|(user, password)| (&**user, password.reveal()));
        assert_eq!(login, Some(("me", "p@ss")));
        assert!(!format!("{url:?}").contains("p@ss"));
        for text in [
            "me:p@ss:x@host:a.git",
            "me:hunter2@host:a.git",
            "me:hunter2@host/a.git",
            "//me:hunter2@host/a.git",
            "ssh://me:hunter2@host/a",
            "http://me:hunter2@host/a",
            "git+https://me:hunter2@host/a",
            "file://me:hunter2@host/a",
            "https://me:hunter2@/a",
            "host/me:hunter2@x",
            "me@hunter2",
        ] {
            let refused = Url::parse(text, false)
                .map(drop)
                .err()
                .map(|why| why.detail);
            let refused = refused.unwrap_or_else(|| "taken".to_owned());
            assert!(
                refused != "taken" && !refused.contains("hunter2"),
                "{refused}"
            );
        }
        Ok(())
    }
}
