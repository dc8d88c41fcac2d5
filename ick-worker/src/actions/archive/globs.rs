//! Which of the workspace's entries are packed.

use super::super::bad;
use globset::{GlobBuilder, GlobMatcher};
use ick_core::build::Cause;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// `paths`: what matches is packed, a folder with all that is in it. None means everything.
#[derive(Debug)]
pub(in crate::actions) struct Globs {
    globs: Vec<Glob>,
}

#[derive(Debug)]
struct Glob {
    text: String,
    matcher: GlobMatcher,
    /// The folders before the first part with a wildcard.
    literal: PathBuf,
    matched: bool,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::actions) enum Choice {
    /// Packed, with all beneath it.
    Whole,
    /// Not packed itself, but something beneath it may be.
    Beneath,
    /// Neither.
    No,
}

impl Globs {
    /// Reads `paths`. `*` stays within a name, `**` does not; names that begin with a dot are names
    /// like others.
    pub(in crate::actions) fn new(paths: &[&str]) -> Result<Self, Cause> {
        let globs = paths
            .iter()
            .map(|text| glob(text))
            .collect::<Result<_, _>>()?;
        Ok(Self { globs })
    }

    /// What becomes of an entry that is in no folder that is packed whole.
    pub(in crate::actions) fn choose(&mut self, path: &Path) -> Choice {
        if self.globs.is_empty() {
            return Choice::Whole;
        }
        let mut choice = Choice::No;
        for glob in &mut self.globs {
            if glob.matcher.is_match(path) {
                glob.matched = true;
                choice = Choice::Whole;
            } else if choice == Choice::No
                && (glob.literal.starts_with(path) || path.starts_with(&glob.literal))
            {
                choice = Choice::Beneath;
            }
        }
        choice
    }

    /// Takes note of an entry that is packed because its folder is: a glob for it has matched.
    pub(in crate::actions) fn note(&mut self, path: &Path) {
        for glob in &mut self.globs {
            glob.matched = glob.matched || glob.matcher.is_match(path);
        }
    }

    /// Whether [`Globs::note`] could still change something.
    pub(in crate::actions) fn is_waiting(&self) -> bool {
        self.globs.iter().any(|glob| !glob.matched)
    }

    /// The globs that matched nothing.
    pub(in crate::actions) fn unmatched(&self) -> Vec<&str> {
        let globs = self.globs.iter().filter(|glob| !glob.matched);
        globs.map(|glob| glob.text.as_str()).collect()
    }
}

fn glob(text: &str) -> Result<Glob, Cause> {
    let plain: PathBuf = Path::new(text)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    let escapes = plain
        .components()
        .any(|part| !matches!(part, Component::Normal(_)));
    if text.is_empty() || text.contains('\0') || escapes {
        return Err(bad(format!(
            "paths: {text:?} is not a path or glob beneath the workspace"
        )));
    }
    // "." is the whole workspace.
    let pattern = if plain.as_os_str().is_empty() {
        "**".to_owned()
    } else {
        plain.to_string_lossy().into_owned()
    };
    let matcher = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|why| bad(format!("paths: {why}")))?
        .compile_matcher();
    let literal = Path::new(&pattern)
        .components()
        .map(Component::as_os_str)
        .take_while(|part| !has_wildcard(part))
        .collect();
    Ok(Glob {
        text: text.to_owned(),
        matcher,
        literal,
        matched: false,
    })
}

fn has_wildcard(part: &OsStr) -> bool {
    part.as_encoded_bytes()
        .iter()
        .any(|byte| b"*?[]{}\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_by_table() -> Result<(), Cause> {
        use Choice::{Beneath, No, Whole};
        let cases: &[(&[&str], &str, Choice)] = &[
            (&[], "anything", Whole),
            (&["."], "anything", Whole),
            (&["build"], "build", Whole),
            (&["./build/"], "build", Whole),
            (&["build"], "builder", No),
            (&["a/b/c"], "a", Beneath),
            (&["a/b/c"], "a/x", No),
            (&["*.deb"], "x.deb", Whole),
            (&["*.deb"], "a", Beneath),
            (&["*.deb"], "a/x.deb", Beneath),
            (&["**/*.deb"], "a/x.deb", Whole),
            (&["out/*.deb"], "src", No),
            (&["*"], ".hidden", Whole),
            (&["no", "a/*"], "a/x", Whole),
            (&["{a,b}/x"], "b/x", Whole),
        ];
        for (paths, path, choice) in cases {
            let mut globs = Globs::new(paths)?;
            assert_eq!(globs.choose(Path::new(path)), *choice, "{paths:?} {path}");
        }
        Ok(())
    }

    #[test]
    fn what_leads_out_or_is_no_glob_is_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a[", "a\0"] {
            assert!(Globs::new(&[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn globs_that_match_nothing_are_named() -> Result<(), Cause> {
        let mut globs = Globs::new(&["a", "b*", "a/inner"])?;
        globs.choose(Path::new("a"));
        assert_eq!(globs.unmatched(), ["b*", "a/inner"]);
        globs.note(Path::new("a/inner"));
        assert!(globs.is_waiting());
        globs.choose(Path::new("bb"));
        assert!(!globs.is_waiting());
        Ok(())
    }
}
