//! Calling git: with nothing of anybody's configuration, and no way to ask questions.

pub(super) use super::super::tool::Failed;
use super::super::{ssh, tool};
use super::url::{Protocol, Url};
use crate::actions::GitSettings;
use crate::engine::{cannot, private_file};
use base64::Engine;
use ick_core::build::Cause;
use ick_core::secret::Secret;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// git with the guards that it needs.
#[derive(Debug)]
pub(super) struct Git {
    /// An empty folder.
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Git {
    /// Calls that may reach this repository and no other place. `home` is made and is empty.
    pub(super) fn for_remote(
        home: PathBuf,
        url: &Url,
        settings: &GitSettings,
    ) -> Result<Self, Cause> {
        let mut git = Self::local(home)?;
        let protocol = match url.protocol {
            Protocol::Https => "https",
            Protocol::Ssh => "ssh",
            Protocol::File => "file",
        };
        git.environment = vec![("GIT_ALLOW_PROTOCOL", protocol.to_owned())];
        if url.protocol == Protocol::Ssh {
            let words = ssh::command(settings);
            git.environment
                .push(("GIT_SSH_COMMAND", ssh::for_shell(&words)));
        }
        if let Some((user, password)) = &url.login {
            // For this host alone, should it redirect.
            let host = url.shown.split('/').take(3).collect::<Vec<_>>().join("/");
            git.keep_login(&host, user, password)?;
        }
        Ok(git)
    }

    /// Calls that reach no further than this file system.
    pub(super) fn local(home: PathBuf) -> Result<Self, Cause> {
        std::fs::create_dir_all(&home).map_err(|why| cannot("make a folder for git", &why))?;
        Ok(Self {
            home,
            environment: vec![("GIT_ALLOW_PROTOCOL", "file".to_owned())],
        })
    }

    /// Has git log in at a host. The password reaches it by a file that its owner alone may read, and is
    /// on no command line and in no environment.
    fn keep_login(&mut self, host: &str, user: &str, password: &Secret) -> Result<(), Cause> {
        let login = format!("{user}:{}", password.reveal());
        let basic = base64::engine::general_purpose::STANDARD.encode(login);
        let host = host.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("[http \"{host}/\"]\n\textraHeader = Authorization: Basic {basic}\n");
        let file = self.home.join("login");
        let _ = std::fs::remove_file(&file);
        private_file(&file, text.as_bytes())
            .map_err(|why| cannot("write git's configuration", &why))?;
        self.environment
            .push(("GIT_CONFIG_GLOBAL", file.to_string_lossy().into_owned()));
        Ok(())
    }

    /// Accepts repositories that belong to another user of this host: for a person's own checkout.
    pub(super) fn of_any_owner(mut self) -> Result<Self, Cause> {
        // A file, as a server that git starts for itself reads no other protected configuration.
        let file = self.home.join("gitconfig");
        std::fs::write(&file, "[safe]\n\tdirectory = *\n")
            .map_err(|why| cannot("write git's configuration", &why))?;
        self.environment
            .push(("GIT_CONFIG_GLOBAL", file.to_string_lossy().into_owned()));
        Ok(self)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b"GIT_")
                || bytes.starts_with(b"SSH_")
                || bytes.starts_with(b"XDG_")
                || bytes == b"LANGUAGE"
            {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "false")
            .env("GIT_CONFIG_COUNT", FIXED.len().to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (number, (name, value)) in FIXED.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{number}"), name)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command
    }

    /// Calls git and gives what it wrote to its standard output. What it says otherwise is shown,
    /// unless `quiet`.
    pub(super) fn call<'a>(
        &self,
        repository: Option<&Path>,
        arguments: impl IntoIterator<Item = &'a std::ffi::OsStr>,
        quiet: bool,
    ) -> Result<Vec<u8>, Failed> {
        let mut command = self.command();
        if let Some(repository) = repository {
            command.arg("-C").arg(repository);
        }
        command.args(arguments);
        let broken = |why: std::io::Error| Failed::Cause(cannot("call git", &why));
        let mut child = command.spawn().map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => Failed::Cause(tool::missing("git", "git")),
            _ => broken(why),
        })?;
        let errors = child.stderr.take();
        let said =
            std::thread::spawn(move || errors.map(|e| tool::tail(e, quiet)).unwrap_or_default());
        let mut output = Vec::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_end(&mut output).map_err(broken)?;
        }
        let status = child.wait().map_err(broken)?;
        let said = said.join().unwrap_or_default();
        if status.success() {
            return Ok(output);
        }
        if said.contains("cannot run ssh") {
            return Err(Failed::Cause(ssh::missing()));
        }
        // Its own advice is a configuration that is not read here.
        if said.contains("dubious ownership") {
            return Err(Failed::Said(
                "it belongs to another user than the worker's, and git reads no such repository; give it \
                 to the worker's user, or let it be reached by https or ssh"
                    .to_owned(),
            ));
        }
        Err(Failed::Said(if said.is_empty() {
            tool::ended("git", status)
        } else {
            said
        }))
    }

    /// [`Git::call`] for a line of text.
    pub(super) fn line<'a>(
        &self,
        repository: Option<&Path>,
        arguments: impl IntoIterator<Item = &'a std::ffi::OsStr>,
    ) -> Result<String, Failed> {
        let output = self.call(repository, arguments, true)?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }
}

/// Nothing that a repository could have brought along is executed, and nothing is left running.
const FIXED: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("gc.autoDetach", "false"),
    ("maintenance.autoDetach", "false"),
    ("advice.detachedHead", "false"),
    ("submodule.recurse", "false"),
];

/// The words as arguments.
macro_rules! arguments {
    ($($word:expr),* $(,)?) => {
        [$(AsRef::<std::ffi::OsStr>::as_ref($word)),*]
    };
}
pub(super) use arguments;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
    fn a_password_is_in_a_private_file_and_nowhere_else() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let url = Url::parse("https://me:hunter2@host:8443/a.git", false).unwrap();
        let home = folder.path().join("git");
        let git = Git::for_remote(home.clone(), &url, &GitSettings::default()).unwrap();
        let shown = format!("{git:?} {:?}", git.command());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("bWU6aHVudGVyMg"), "{shown}");
        let file = home.join("login");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let header = git
            .line(
                None,
                arguments!["config", "http.https://host:8443/.extraHeader"],
            )
            .unwrap();
        assert_eq!(header, "Authorization: Basic bWU6aHVudGVyMg==");
    }
}
