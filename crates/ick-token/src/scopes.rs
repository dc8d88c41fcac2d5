//! Sets of scopes.

use std::fmt;
use std::str::FromStr;

/// What a token allows: a set of scopes, written separated by spaces (RFC 6749, section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Box<str>>);

/// A text that is not a list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a scope: scopes are separated by spaces and have no quotes, backslashes or other characters than ASCII's printable ones"
)]
pub struct ScopeError(String);

/// `scope-token` of RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

impl Scopes {
    /// The set of these scopes.
    ///
    /// # Errors
    /// When one of them is not of the form.
    pub fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut set: Vec<Box<str>> = Vec::new();
        for scope in scopes {
            if !is_scope(scope) {
                return Err(ScopeError(scope.to_owned()));
            }
            set.push(scope.into());
        }
        set.sort_unstable();
        set.dedup();
        Ok(Self(set))
    }

    /// Whether a scope is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|one| (**one).cmp(scope)).is_ok()
    }

    /// Whether every scope is also in `other`.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.missing_in(other).next().is_none()
    }

    /// The scopes that `other` lacks.
    pub fn missing_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.iter().filter(|scope| !other.contains(scope))
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps only the scopes that `keep` says yes to.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|scope| keep(scope));
        self
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::of(text.split(' ').filter(|part| !part.is_empty()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

ick_core::serde_as_text!(Scopes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_by_table() {
        let set: Scopes = "b a  b c:x/y".parse().unwrap();
        assert_eq!(set.to_string(), "a b c:x/y");
        assert!(set.contains("a") && set.contains("c:x/y") && !set.contains("c"));
        let more: Scopes = "a b c:x/y d".parse().unwrap();
        assert!(set.is_subset_of(&more) && !more.is_subset_of(&set));
        assert_eq!(more.missing_in(&set).collect::<Vec<_>>(), ["d"]);
        assert_eq!("".parse::<Scopes>().unwrap(), Scopes::default());
        for wrong in ["a\tb", "\"", "a\\", "ä", "a\nb"] {
            assert!(wrong.parse::<Scopes>().is_err(), "{wrong:?}");
        }
    }
}
