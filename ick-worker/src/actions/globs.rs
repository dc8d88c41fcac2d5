//! Globs: which of the workspace's entries an action is about.

use super::{bad, failed};
use crate::beneath;
use globset::{GlobBuilder, GlobMatcher};
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType, OFlags};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// The globs of a field: what matches is taken, a folder with all that is in it. None means everything.
#[derive(Debug)]
pub(super) struct Globs {
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
pub(super) enum Choice {
    /// Taken, with all beneath it.
    Whole,
    /// Not taken itself, but something beneath it may be.
    Beneath,
    /// Neither.
    No,
}

impl Globs {
    /// Reads the field of this name. `*` stays within a name, `**` does not; names that begin with a dot
    /// are names like others.
    pub(super) fn new(field: &str, texts: &[&str]) -> Result<Self, Cause> {
        let globs = texts
            .iter()
            .map(|text| glob(field, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { globs })
    }

    /// What becomes of an entry that is in no folder that is taken whole.
    pub(super) fn choose(&mut self, path: &Path) -> Choice {
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

    /// Takes note of an entry that is taken because its folder is: a glob for it has matched.
    pub(super) fn note(&mut self, path: &Path) {
        for glob in &mut self.globs {
            glob.matched = glob.matched || glob.matcher.is_match(path);
        }
    }

    /// Whether [`Globs::note`] could still change something.
    pub(super) fn is_waiting(&self) -> bool {
        self.globs.iter().any(|glob| !glob.matched)
    }

    /// The globs that matched nothing.
    pub(super) fn unmatched(&self) -> Vec<&str> {
        let globs = self.globs.iter().filter(|glob| !glob.matched);
        globs.map(|glob| glob.text.as_str()).collect()
    }
}

/// Whether a path is a glob, and no plain name.
pub(super) fn is_glob(text: &str) -> bool {
    has_wildcard(OsStr::new(text))
}

/// What in the workspace matches this glob, in order; a folder stands for all that is in it. No link is
/// followed, and memory is that of the folders on the way down and of what is found.
pub(super) fn find(root: &OwnedFd, field: &str, text: &str) -> Result<Vec<PathBuf>, Cause> {
    let mut globs = Globs::new(field, &[text])?;
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for (name, kind) in entries(root, &folder)? {
            let path = folder.join(name);
            match globs.choose(&path) {
                Choice::Whole => found.push(path),
                Choice::Beneath if is_folder(root, &path, kind)? => folders.push(path),
                Choice::Beneath | Choice::No => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Not every file system says the kind with the name.
fn is_folder(root: &OwnedFd, path: &Path, kind: FileType) -> Result<bool, Cause> {
    if kind != FileType::Unknown {
        return Ok(kind == FileType::Directory);
    }
    Ok(beneath::kind(root, path).map_err(|why| unreadable(path, &why))? == FileType::Directory)
}

fn entries(root: &OwnedFd, folder: &Path) -> Result<Vec<(OsString, FileType)>, Cause> {
    let read = || -> io::Result<Vec<(OsString, FileType)>> {
        let opened = beneath::open(root, folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut entries = Vec::new();
        for entry in Dir::new(opened)? {
            let entry = entry?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name != "." && name != ".." {
                entries.push((name, entry.file_type()));
            }
        }
        Ok(entries)
    };
    read().map_err(|why| unreadable(folder, &why))
}

fn unreadable(path: &Path, why: &io::Error) -> Cause {
    failed(format!("cannot read {}: {why}", path.display()))
}

fn glob(field: &str, text: &str) -> Result<Glob, Cause> {
    let plain: PathBuf = Path::new(text)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    let escapes = plain
        .components()
        .any(|part| !matches!(part, Component::Normal(_)));
    if text.is_empty() || text.contains('\0') || escapes {
        return Err(bad(format!(
            "{field}: {text:?} is not a path or glob beneath the workspace"
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
        .map_err(|why| bad(format!("{field}: {why}")))?
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
            let mut globs = Globs::new("paths", paths)?;
            assert_eq!(globs.choose(Path::new(path)), *choice, "{paths:?} {path}");
        }
        Ok(())
    }

    #[test]
    fn what_leads_out_or_is_no_glob_is_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a[", "a\0"] {
            assert!(Globs::new("paths", &[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn globs_that_match_nothing_are_named() -> Result<(), Cause> {
        let mut globs = Globs::new("paths", &["a", "b*", "a/inner"])?;
        globs.choose(Path::new("a"));
        assert_eq!(globs.unmatched(), ["b*", "a/inner"]);
        globs.note(Path::new("a/inner"));
        assert!(globs.is_waiting());
        globs.choose(Path::new("bb"));
        assert!(!globs.is_waiting());
        Ok(())
    }
}
