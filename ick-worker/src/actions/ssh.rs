//! ssh with the worker's own key and known hosts, and nothing of the user's configuration.

use super::{GitSettings, tool};
use ick_core::build::Cause;
use std::path::PathBuf;

/// The words of the command, `ssh` first. Whoever joins them quotes them by the rules of who splits them.
pub(super) fn command(settings: &GitSettings) -> Vec<String> {
    let mut words = vec!["ssh".to_owned()];
    words.extend(options(settings));
    words
}

/// The options, which `scp` takes as well.
pub(super) fn options(settings: &GitSettings) -> Vec<String> {
    // ssh splits the value at spaces itself, unless it is in quotes of its own, and has words with "%".
    let file = |path: &Option<PathBuf>, none: &str| match path {
        Some(path) => format!("\"{}\"", path.display().to_string().replace('%', "%%")),
        None => none.to_owned(),
    };
    let mut words = vec!["-F".to_owned(), "/dev/null".to_owned()];
    for option in [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        format!("IdentityFile={}", file(&settings.ssh_key, "none")),
        format!(
            "UserKnownHostsFile={}",
            file(&settings.ssh_known_hosts, "/dev/null")
        ),
    ] {
        words.extend(["-o".to_owned(), option]);
    }
    words
}

/// The words as a shell splits them.
pub(super) fn for_shell(words: &[String]) -> String {
    joined(words, "'\\''")
}

/// The words as rsync splits them: a quote within quotes is doubled.
pub(super) fn for_rsync(words: &[String]) -> String {
    joined(words, "''")
}

fn joined(words: &[String], quote: &str) -> String {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', quote));
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The cause, when a tool could not start ssh.
pub(super) fn missing() -> Cause {
    tool::missing("ssh", "openssh-client")
}

/// What to do about what ssh said, where that is known.
pub(super) fn advice(said: &str) -> Option<&'static str> {
    let has = |text: &str| said.contains(text);
    if has("Host key verification failed") {
        Some("add the host's key to the file `ssh_known_hosts` of the worker's configuration")
    } else if has("Permission denied (") && !has("Permission denied (13)") {
        Some("the public half of the worker's `ssh_key` has to be among the authorized keys there")
    } else if has("Could not resolve hostname") {
        Some("is the host's name right?")
    } else if has("Connection refused") || has("Connection timed out") || has("No route to host") {
        Some("does a server for ssh listen there?")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_who_splits_them() {
        let settings = GitSettings {
            ssh_key: Some("/a b/it's 1%".into()),
            ..GitSettings::default()
        };
        let words = command(&settings);
        assert_eq!(words[0], "ssh");
        let shell = for_shell(&words);
        assert!(
            shell.ends_with(
                " '-o' 'IdentityFile=\"/a b/it'\\''s 1%%\"' '-o' 'UserKnownHostsFile=/dev/null'"
            ),
            "{shell}"
        );
        let rsync = for_rsync(&words);
        assert!(
            rsync.contains(" 'IdentityFile=\"/a b/it''s 1%%\"' "),
            "{rsync}"
        );
    }
}
