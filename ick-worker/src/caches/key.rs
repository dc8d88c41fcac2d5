//! Where an entry is.

use ick_api::controller::Cache;
use ick_core::digest::Digest;
use ick_core::name::ProjectName;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The places of the entries that concern a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// That of its project and ref.
    pub(super) own: PathBuf,
    /// That of its project's default ref.
    pub(super) default: PathBuf,
}

impl Place {
    /// Names are data: a digest of each is the folder's name.
    pub(super) fn of(caches: &Path, project: &ProjectName, cache: &Cache) -> Self {
        let project = caches.join(digest(project.as_str()));
        let at = |git_ref: Option<&str>| match git_ref {
            // No ref begins with ":".
            None => project.join(digest(":HEAD")),
            Some(git_ref) => project.join(digest(git_ref)),
        };
        Self {
            own: at(cache.git_ref.as_deref()),
            default: at(cache.default_ref.as_deref()),
        }
    }
}

fn digest(text: &str) -> String {
    Digest::from_bytes(Sha256::digest(text.as_bytes()).into()).hex()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn no_two_share_a_place_and_none_is_outside() {
        let caches = Path::new("/state/caches");
        let mut seen = std::collections::BTreeSet::new();
        for project in ["a", "a/b", "a.b", "a~b", "A", "b"] {
            for git_ref in [None, Some("HEAD"), Some("a/b"), Some("../../x"), Some("/")] {
                let cache = Cache {
                    paths: Vec::new(),
                    git_ref: git_ref.map(str::to_owned),
                    default_ref: None,
                    keep: true,
                };
                let place = Place::of(caches, &project.parse().unwrap(), &cache);
                assert_eq!(place.own.components().count(), 5, "{place:?}");
                assert_eq!(place.own == place.default, git_ref.is_none());
                assert!(seen.insert(place.own));
            }
        }
    }
}
