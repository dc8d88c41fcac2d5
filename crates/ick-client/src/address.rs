//! A server's URL, checked once.

use crate::error::Error;
use std::fmt;
use std::sync::Arc;

/// The URL under which a server's paths lie, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    text: Arc<str>,
    https: bool,
    loopback: bool,
}

impl Address {
    /// Checks a URL: http or https, a host, no user name or password, no query, no fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Url {
            // What could hold a password is not repeated.
            url: if text.contains('@') {
                "…@…".to_owned()
            } else {
                text.to_owned()
            },
            why,
        };
        let url = url::Url::parse(text).map_err(|_| {
            wrong("it is written like http://127.0.0.1:8750 or https://ick.example")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it begins with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "credentials do not belong into a URL; `icktool login` keeps them",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has no ? and no #"));
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(wrong("it names no host")),
        };
        Ok(Self {
            text: url.as_str().trim_end_matches('/').into(),
            https: url.scheme() == "https",
            loopback,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_in_the_clear(&self) -> bool {
        !self.https && !self.loopback
    }

    /// The path of a link on this same server; none when the link leads elsewhere, where no token
    /// may follow it.
    pub(crate) fn path_of_link(&self, link: &str) -> Option<String> {
        let base = url::Url::parse(&format!("{}/", self.text)).ok()?;
        let target = base.join(link).ok()?;
        let rest = target.as_str().strip_prefix(self.as_str())?;
        rest.starts_with('/').then(|| rest.to_owned())
    }
}

/// Whether what is sent to a server's URL can be read on the way: it is http, and leaves this machine.
/// False for what is no server's URL.
pub fn is_in_the_clear(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| address.is_in_the_clear())
}

/// Whether only this machine can reach a server at this URL. False for what is no server's URL.
pub fn is_loopback(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A query: each name with its value, percent-encoded; empty when there is none.
pub(crate) fn query(pairs: &[(&str, Option<String>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let mut any = false;
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
            any = true;
        }
    }
    if any {
        format!("?{}", query.finish())
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_table() {
        for (text, kept) in [
            ("http://127.0.0.1:8750", "http://127.0.0.1:8750"),
            ("http://127.0.0.1:8750/", "http://127.0.0.1:8750"),
            ("HTTPS://Ick.example/ci/", "https://ick.example/ci"),
        ] {
            assert_eq!(
                Address::parse(text).map(|a| a.to_string()).ok().as_deref(),
                Some(kept)
            );
        }
        for wrong in ["", "ick", "ftp://x", "http://x?y", "http://x#y", "http:///"] {
            assert!(Address::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_leaves_the_machine_without_tls_is_in_the_clear() -> Result<(), Error> {
        for (text, expected) in [
            ("http://127.0.0.1:8750", false),
            ("http://[::1]:8750", false),
            ("http://localhost", false),
            ("https://ick.example", false),
            ("http://ick.example", true),
            ("http://10.0.0.1:8750", true),
            ("http://localhost.example", true),
        ] {
            assert_eq!(Address::parse(text)?.is_in_the_clear(), expected, "{text}");
        }
        Ok(())
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_shown() {
        let error = Address::parse("http://me:hunter2@ick.example")
            .map_err(|e| e.to_string())
            .err()
            .unwrap_or_default();
        assert!(error.contains("credentials"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn links_stay_on_the_server() -> Result<(), Error> {
        let base = Address::parse("http://ick.example/ci")?;
        assert_eq!(
            base.path_of_link("/ci/builds?after=3").as_deref(),
            Some("/builds?after=3")
        );
        for elsewhere in ["http://evil.example/ci/builds", "/other", "//evil/ci/x"] {
            assert_eq!(base.path_of_link(elsewhere), None, "{elsewhere}");
        }
        Ok(())
    }
}
