//! Reading what an action sets by the file named by `$ICK_OUTPUTS`.

use crate::engine::{OUTPUTS, cause};
use ick_core::build::{Cause, CauseKind};
use ick_core::name::ParameterName;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The most that the file may have, in bytes.
pub(super) const MOST: u64 = 64 << 10;

/// Reads the outputs of the action whose folder this is.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, Cause> {
    let text = text(&folder.join(OUTPUTS)).map_err(|why| bad(&format!("cannot be read: {why}")))?;
    parse(&text)
}

/// Whether the file takes clearly more bytes on disk than it may have. It is on the worker's own disk,
/// also for a container.
pub(super) fn exceed(folder: &Path) -> bool {
    let about = folder.join(OUTPUTS).symlink_metadata();
    about.is_ok_and(|about| about.blocks() * 512 > 2 * MOST)
}

fn text(path: &Path) -> io::Result<Vec<u8>> {
    // A host action may have put anything in its place.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(Vec::new()),
        other => File::from(other?),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file any more"));
    }
    let mut text = Vec::new();
    file.take(MOST + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn parse(text: &[u8]) -> Result<BTreeMap<String, String>, Cause> {
    if text.len() as u64 > MOST {
        return Err(bad(&format!("has more than {MOST} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| bad("is not UTF-8"))?;
    let mut outputs = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| bad(&format!("line {number} is not NAME=value")))?;
        let name: ParameterName = name
            .parse()
            .map_err(|why| bad(&format!("line {number}: {name:?}: {why}")))?;
        outputs.insert(name.as_str().to_owned(), value.to_owned());
    }
    Ok(outputs)
}

fn bad(what: &str) -> Cause {
    cause(
        CauseKind::BadDefinition,
        format!("the file named by $ICK_OUTPUTS {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_by_table() {
        let good: [(&str, &[(&str, &str)]); 5] = [
            ("", &[]),
            ("a=1\nb=x=y\n", &[("a", "1"), ("b", "x=y")]),
            ("a=1\n\na=2", &[("a", "2")]),
            ("empty=\n", &[("empty", "")]),
            ("v= ä \r\n", &[("v", " ä ")]),
        ];
        for (text, expected) in good {
            let expected = expected.iter().map(|(k, v)| (k.to_string(), v.to_string()));
            assert_eq!(parse(text.as_bytes()), Ok(expected.collect()), "{text:?}");
        }
        let long = format!("a={}", "x".repeat(65_535));
        for bad in [&b"no"[..], b"1a=2", b"=x", b"a=\xff", long.as_bytes()] {
            let kind = parse(bad).map_err(|why| why.kind);
            assert_eq!(kind, Err(CauseKind::BadDefinition));
        }
    }
}
