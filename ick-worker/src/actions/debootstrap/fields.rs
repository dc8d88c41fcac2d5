//! The action's fields. What they say goes into apt's configuration, so only what can mean nothing else is
//! taken.

use super::bad;
use ick_core::build::Cause;

/// A release's codename, or a suite such as `stable`.
pub(super) fn codename(text: &str) -> Result<&str, Cause> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain);
    good.then_some(text).ok_or_else(|| {
        bad(format!(
            "debian_codename is a release's name in small letters, such as bookworm, not {text:?}"
        ))
    })
}

/// A mirror's URL. Passwords would be seen by everyone on the host.
pub(super) fn mirror(text: &str) -> Result<&str, Cause> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(bad(format!(
            "mirror must begin with http:// or https://, and {text:?} does not"
        )));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err(bad(
            "mirror must not have a user or a password in it; let the worker's host reach it without",
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%+".contains(c);
    match !host.is_empty() && rest.chars().all(plain) {
        true => Ok(text),
        false => Err(bad(format!("mirror {text:?} is no URL of a mirror"))),
    }
}

/// Packages' names (Debian Policy, 5.6.1), perhaps with an architecture.
pub(super) fn packages<'a>(names: &[&'a str]) -> Result<Vec<&'a str>, Cause> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // apt takes a sign at the end of a name for an order to install or remove it.
    let good =
        |name: &&str| name.starts_with(begins) && name.chars().all(plain) && !name.ends_with('-');
    match names.iter().find(|name| !good(name)) {
        Some(name) => Err(bad(format!("packages: {name:?} is not a package's name"))),
        None => Ok(names.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_mean_nothing_else_is_taken() {
        for good in ["bookworm", "stable", "bookworm-backports", "sid"] {
            assert!(codename(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "Bookworm", "a b", "a/b", "a\n", "../a", "--help"] {
            assert!(codename(bad).is_err(), "{bad:?}");
        }
        for good in [
            "http://deb.debian.org/debian",
            "https://mirror.example:8080/d",
            "http://[::1]:80/",
        ] {
            assert!(mirror(good).is_ok(), "{good}");
        }
        for bad in [
            "deb http://x y z",
            "ftp://x/",
            "file:///srv",
            "http://",
            "http:///x",
            "http://me:secret@x/",
            "http://x/ [trusted=yes]",
            "http://x/\"; x",
            "/etc/apt/sources.list",
            "-",
        ] {
            let why = mirror(bad).err();
            assert!(
                why.is_some_and(|why| !why.detail.contains("secret")),
                "{bad}"
            );
        }
        assert_eq!(
            packages(&["gcc", "libc6-dev", "g++", "libc6:i386"]).ok(),
            Some(vec!["gcc", "libc6-dev", "g++", "libc6:i386"])
        );
        for bad in ["", "-x", "a,b", "?essential", "a=1", "a/b", "gcc-", "A"] {
            assert!(packages(&["gcc", bad]).is_err(), "{bad:?}");
        }
    }
}
