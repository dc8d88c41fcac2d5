//! Why mmdebstrap failed, from its own words and those of apt.

use super::super::failed;
use crate::engine::cause;
use ick_core::build::{Cause, CauseKind};
use std::collections::VecDeque;

/// The last lines of an output.
#[derive(Debug)]
pub(super) struct Last {
    most: usize,
    lines: VecDeque<String>,
}

impl Last {
    /// As many lines at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            lines: VecDeque::new(),
        }
    }

    /// One more line.
    pub(super) fn add(&mut self, line: &str) {
        if self.lines.len() == self.most {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The first line with one of these words. What apt tries again it begins with `Ign` or `W`.
    fn with(&self, words: &[&str]) -> Option<&str> {
        self.lines
            .iter()
            .filter(|line| !line.starts_with("Ign") && !line.starts_with("W:"))
            .find(|line| words.iter().any(|word| line.contains(word)))
            .map(String::as_str)
    }
}

/// The cause for a tree that could not be made.
pub(super) fn why(last: &Last, codename: &str, mirror: Option<&str>) -> Cause {
    let from = mirror.unwrap_or("the host's own package sources");
    let quoted = |line: &str| line.chars().take(300).collect::<String>();
    if let Some(line) = last.with(&["No space left on device"]) {
        let detail = format!("no room for the system tree: {}", quoted(line));
        return cause(CauseKind::DiskFull, detail);
    }
    let silent = [
        "Could not connect",
        "Could not resolve",
        "Connection failed",
        "Connection refused",
        "Connection timed out",
        "Temporary failure resolving",
        "Unable to connect",
    ];
    if let Some(line) = last.with(&silent) {
        return failed(format!(
            "{from} does not answer: {}; look whether this worker reaches it, or give another `mirror`",
            quoted(line)
        ));
    }
    if let Some(line) = last.with(&["Unable to locate package", "has no installation candidate"]) {
        return failed(format!(
            "`packages`: {}; there is no such package in {codename} at {from}",
            quoted(line)
        ));
    }
    let unsigned = [
        "NO_PUBKEY",
        "is not signed",
        "signatures couldn't be verified",
        "EXPKEYSIG",
    ];
    if let Some(line) = last.with(&unsigned) {
        return failed(format!(
            "{from} is not signed by a key that this host has: {}; install the keys of its release there \
             (for Debian, the package debian-archive-keyring)",
            quoted(line)
        ));
    }
    if last
        .with(&["does not have a Release file", "unknown suite"])
        .is_some()
    {
        return failed(format!(
            "there is no release {codename} at {from}; look at `debian_codename` and `mirror`"
        ));
    }
    let line = last
        .lines
        .iter()
        .rev()
        .find(|line| line.starts_with("E:"))
        .map_or("its own words are in the log", String::as_str);
    failed(format!("mmdebstrap failed: {}", quoted(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_by_table() {
        let cases = [
            (
                "Err:1 http://127.0.0.1:9 x InRelease\n  Could not connect to 127.0.0.1:9 (127.0.0.1). \
                 - connect (111: Connection refused)\nE: apt-get update failed",
                "http://m/ does not answer: ",
            ),
            (
                "E: The repository 'http://m nope Release' does not have a Release file.",
                "there is no release nope at http://m/; look at",
            ),
            (
                "E: Unable to locate package nosuch\nE: apt failed",
                "`packages`: E: Unable to locate package nosuch; there is no such",
            ),
            (
                "W: GPG error: http://m: NO_PUBKEY 1\nE: The repository 'http://m' is not signed.",
                "http://m/ is not signed by a key that this host has",
            ),
            (
                "E: Failed to fetch http://m/x_1_all.deb  404  Not Found [IP: 127.0.0.1 80]",
                "mmdebstrap failed: E: Failed to fetch",
            ),
            (
                "W: Could not connect to a\nE: other",
                "mmdebstrap failed: E: other",
            ),
            (
                "a\nE: some reason\nI: end",
                "mmdebstrap failed: E: some reason",
            ),
            ("a", "mmdebstrap failed: its own words"),
        ];
        for (lines, expected) in cases {
            let mut last = Last::new(10);
            lines.lines().for_each(|line| last.add(line));
            let why = why(&last, "nope", Some("http://m/"));
            assert_eq!(why.kind, CauseKind::ActionFailed);
            assert!(why.detail.starts_with(expected), "{:?}", why.detail);
        }
        let mut last = Last::new(1);
        last.add("gone");
        last.add("dpkg: error: No space left on device");
        assert_eq!(why(&last, "x", None).kind, CauseKind::DiskFull);
    }
}
