//! Names with "/" in a path, and what comes after them.

use crate::Refusal;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use ick_core::name::NameError;
use std::str::FromStr;

/// The rest of a path under a route like `/projects/{*rest}`: a name, and perhaps a last segment that
/// begins with `+`, which is never part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePath {
    /// The name, unchecked.
    pub name: String,
    /// The last segment if it begins with `+`, with it: `+trigger`.
    pub suffix: Option<String>,
}

/// Splits the rest of a path into a name and the suffix that began with `+`.
pub fn split_name(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once('/') {
        Some((name, suffix)) if suffix.starts_with('+') => (name, Some(suffix)),
        _ => (rest, None),
    }
}

/// Checks a name from a path: one that can be nothing's name is a 400.
///
/// # Errors
/// 400 with what is wrong with it.
pub fn parse_name<N: FromStr<Err = NameError>>(text: &str) -> Result<N, Refusal> {
    text.parse()
        .map_err(|error: NameError| Refusal::bad_request(error.to_string()))
}

impl NamePath {
    /// The name as a checked one.
    ///
    /// # Errors
    /// 400 with what is wrong with it.
    pub fn parse<N: FromStr<Err = NameError>>(&self) -> Result<N, Refusal> {
        parse_name(&self.name)
    }
}

/// What can be asked at the addresses of something that has a name, each with its methods.
#[derive(Clone, Copy, Debug)]
pub struct Methods {
    /// At the name alone.
    pub name: &'static str,
    /// Where the name is followed by a suffix.
    pub below: &'static [(&'static str, &'static str)],
}

impl Methods {
    /// Lets a call through that is about the name alone.
    ///
    /// # Errors
    /// 404 or 405 when something follows the name.
    pub fn expect_name(&self, path: &NamePath) -> Result<(), Refusal> {
        match path.suffix {
            None => Ok(()),
            Some(_) => Err(self.refusal(path)),
        }
    }

    /// Why there is no such call at an address: 405 with the methods that there are, 404 if there is
    /// nothing.
    pub fn refusal(&self, path: &NamePath) -> Refusal {
        let Some(suffix) = &path.suffix else {
            return Refusal::method_not_allowed(self.name);
        };
        match self.below.iter().find(|(known, _)| known == suffix) {
            Some((_, methods)) => Refusal::method_not_allowed(methods),
            None => Refusal::not_found(format!(
                "there is nothing at this address: {suffix} is unknown here"
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(rest) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::bad_request("the address is not UTF-8 text"))?;
        let (name, suffix) = split_name(&rest);
        Ok(Self {
            name: name.to_owned(),
            suffix: suffix.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_an_address() {
        const METHODS: Methods = Methods {
            name: "GET, PUT",
            below: &[("+do", "POST")],
        };
        let asked = |suffix: Option<&str>| {
            let path = NamePath {
                name: "a".to_owned(),
                suffix: suffix.map(str::to_owned),
            };
            let status = METHODS.refusal(&path).status().as_u16();
            (METHODS.expect_name(&path).is_ok(), status)
        };
        assert_eq!(asked(None), (true, 405));
        assert_eq!(asked(Some("+do")), (false, 405));
        assert_eq!(asked(Some("+other")), (false, 404));
    }

    #[test]
    fn names_and_suffixes() {
        for (rest, split) in [
            ("a", ("a", None)),
            ("a/b", ("a/b", None)),
            ("a/b/+trigger", ("a/b", Some("+trigger"))),
            ("a+b/c+", ("a+b/c+", None)),
            ("+trigger", ("+trigger", None)),
            ("a/+x/b", ("a/+x/b", None)),
            ("a/", ("a/", None)),
        ] {
            assert_eq!(split_name(rest), split, "{rest}");
        }
    }
}
