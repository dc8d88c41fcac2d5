//! The times of checked-out files. A checkout is made anew for each build, and what was compiled before
//! would be older than all of it: a file that is as in the build whose cache this is has the time that it
//! had there, as if the checkout had been kept as well.

use super::TAKEN;
use crate::beneath;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FileType, OFlags, Stat, Timespec, Timestamps};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The file, in an entry and in a run's folder.
const FILE: &str = "times.json";
const VERSION: u32 = 1;

/// What says how files become what is checked out: when it differs, any file may.
const ATTRIBUTES: &str = ".gitattributes";

/// The file, version 1.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Times {
    v: u32,
    /// The files of each checkout, by its folder in the workspace.
    checkouts: BTreeMap<String, Files>,
}

type Files = BTreeMap<String, Seen>;

/// A file as it was checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Names the content.
    what: String,
    size: i64,
    seconds: i64,
    nanoseconds: i64,
}

impl Seen {
    fn new(what: String, stat: &Stat) -> Self {
        Self {
            what,
            size: stat.st_size,
            seconds: stat.st_mtime,
            nanoseconds: i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
        }
    }

    fn is_same_content(&self, other: &Self) -> bool {
        (&self.what, self.size) == (&other.what, other.size)
    }
}

/// Gives the files of a checkout that is not in the workspace yet the times that they had before, and
/// notes what times they have. `files` are their paths, and for each a text that names its content;
/// `dir` is where the checkout belongs. Returns how many had been there before.
pub(super) fn settle(
    run: &Path,
    dir: &str,
    checkout: &Path,
    files: Vec<(String, String)>,
) -> io::Result<usize> {
    let mut now = Files::new();
    for (path, what) in files {
        let stat = rustix::fs::statat(CWD, checkout.join(&path), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            now.insert(path, Seen::new(what, &stat));
        }
    }
    let mut before = read(&run.join(TAKEN)).checkouts;
    let before = before.remove(dir).unwrap_or_default();
    let mut same = 0;
    if attributes(&before).eq(attributes(&now)) {
        for (path, file) in &mut now {
            let Some(seen) = before.get(path).filter(|seen| seen.is_same_content(file)) else {
                continue;
            };
            set(&checkout.join(path), seen)?;
            file.clone_from(seen);
            same += 1;
        }
    }
    let mut times = read(run);
    times.v = VERSION;
    times.checkouts.insert(dir.to_owned(), now);
    write(run, &times)?;
    Ok(same)
}

/// Writes into an entry what times the files of the run's checkouts have, those that no action changed.
pub(super) fn keep(run: &Path, workspace: &OwnedFd, entry: &Path) -> io::Result<()> {
    let mut times = read(run);
    for (dir, files) in &mut times.checkouts {
        files.retain(|path, seen| {
            let path = Path::new(dir).join(path);
            stat(workspace, &path).is_ok_and(|stat| Seen::new(seen.what.clone(), &stat) == *seen)
        });
    }
    match times.checkouts.is_empty() {
        true => Ok(()),
        false => write(entry, &times),
    }
}

fn attributes(files: &Files) -> impl Iterator<Item = (&str, &str)> {
    files
        .iter()
        .filter(|(path, _)| Path::new(path).file_name().is_some_and(|n| n == ATTRIBUTES))
        .map(|(path, seen)| (path.as_str(), seen.what.as_str()))
}

fn set(file: &Path, seen: &Seen) -> io::Result<()> {
    let time = Timespec {
        tv_sec: seen.seconds,
        tv_nsec: seen.nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(CWD, file, &times, flags)?)
}

fn stat(workspace: &OwnedFd, path: &Path) -> io::Result<Stat> {
    let file = beneath::open(workspace, path, OFlags::PATH | OFlags::NOFOLLOW)?;
    Ok(rustix::fs::fstat(&file)?)
}

/// What cannot be read is as if it were not there.
fn read(folder: &Path) -> Times {
    let text = fs::read(folder.join(FILE)).unwrap_or_default();
    let times = serde_json::from_slice::<Times>(&text).ok();
    times.filter(|times| times.v == VERSION).unwrap_or_default()
}

fn write(folder: &Path, times: &Times) -> io::Result<()> {
    let unfinished = folder.join("times.json.new");
    fs::write(&unfinished, serde_json::to_vec(times)?)?;
    fs::rename(unfinished, folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    type Tested = Result<(), Box<dyn std::error::Error>>;

    /// One build: what each file is, and how old it turns out to be, in hours.
    fn build(run: &Path, files: &[(&str, &str)], touched: Option<&str>) -> io::Result<Vec<u64>> {
        let workspace = run.join("workspace");
        let _ = fs::remove_dir_all(&workspace);
        fs::create_dir_all(workspace.join("src"))?;
        fs::create_dir_all(run.join(TAKEN))?;
        let checkout = workspace.join("src");
        for (path, what) in files {
            fs::write(checkout.join(path), what)?;
        }
        let listed = files
            .iter()
            .map(|(path, what)| (path.to_string(), what.to_string()));
        settle(run, "src", &checkout, listed.collect())?;
        let age = |path: &str| -> io::Result<u64> {
            let modified = fs::metadata(checkout.join(path))?.modified()?;
            let age = SystemTime::now().duration_since(modified);
            Ok(age.unwrap_or_default().as_secs() / 3600)
        };
        let ages = files.iter().map(|(path, _)| age(path)).collect();
        if let Some(path) = touched {
            let file = fs::File::options().append(true).open(checkout.join(path))?;
            file.set_modified(SystemTime::now())?;
        }
        keep(run, &beneath::root(&workspace)?, &run.join(TAKEN))?;
        ages
    }

    /// Makes what is kept so much older.
    fn wait(run: &Path, hours: u64) -> io::Result<()> {
        let mut times = read(&run.join(TAKEN));
        for seen in times.checkouts.values_mut().flat_map(BTreeMap::values_mut) {
            seen.seconds -= i64::try_from(Duration::from_secs(hours * 3600).as_secs()).unwrap_or(0);
        }
        write(&run.join(TAKEN), &times)
    }

    #[test]
    fn what_is_the_same_is_as_old_as_it_was() -> Tested {
        let place = tempfile::tempdir()?;
        let run = place.path();
        assert_eq!(build(run, &[("a", "1"), ("b", "1")], None)?, [0, 0]);
        wait(run, 5)?;
        let changed = [("a", "1"), ("b", "2"), ("c", "1")];
        assert_eq!(build(run, &changed, None)?, [5, 0, 0]);
        wait(run, 3)?;
        // Back to what "b" was once: what was made of it since is of another one.
        let back = [("a", "1"), ("b", "1"), ("c", "1")];
        assert_eq!(build(run, &back, Some("c"))?, [8, 0, 3]);
        wait(run, 1)?;
        // An action has written to "c".
        assert_eq!(build(run, &back, None)?, [9, 1, 0]);
        Ok(())
    }

    #[test]
    fn other_attributes_may_mean_other_contents() -> Tested {
        let place = tempfile::tempdir()?;
        let run = place.path();
        build(run, &[("a", "1"), (".gitattributes", "1")], None)?;
        wait(run, 5)?;
        let ages = build(run, &[("a", "1"), (".gitattributes", "2")], None)?;
        assert_eq!(ages, [0, 0]);
        Ok(())
    }
}
