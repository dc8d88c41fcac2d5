//! What built-in actions know besides their fields: the worker's settings that concern them.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Given to a built-in action as the `details` of [`crate::engine::Request::from_item`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Details {
    /// Where artifacts go.
    pub store: StoreAt,
    /// The CA file for the artifact store; the platform's authorities without one.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The folder for the worker's mirrors of git repositories.
    pub mirrors: PathBuf,
    /// How git may reach repositories.
    pub git: GitSettings,
    /// Whether this worker's own file system may be written to, as shell actions on the host can.
    #[serde(default)]
    pub allow_host: bool,
    /// How dput may reach archives.
    #[serde(default)]
    pub dput: DputSettings,
    /// The checkout that stands for its own remotes, under `icktool run`.
    #[serde(default)]
    pub checkout: Option<Checkout>,
}

/// Where artifacts go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreAt {
    /// An artifact store; the token is in the action's folder.
    Url(String),
    /// A folder in which each artifact is a file of its name, under `icktool run`.
    Folder(PathBuf),
}

/// How dput may reach archives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DputSettings {
    /// Its configuration; without one, /etc/dput.cf and .dput.cf in `home`.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// The keys whose signatures count, as `gpg --export` writes them; without them, the keyring of GnuPG
    /// in `home`.
    #[serde(default)]
    pub keyring: Option<PathBuf>,
    /// The home of the worker's user, which builds do not see in containers.
    #[serde(default)]
    pub home: Option<PathBuf>,
}

/// How git may reach repositories. https and ssh are always on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSettings {
    /// Whether repositories on this host's own file system may be read.
    #[serde(default)]
    pub allow_file: bool,
    /// The private key for ssh, of rsync and dput too; without it, ssh has no key.
    #[serde(default)]
    pub ssh_key: Option<PathBuf>,
    /// The known hosts for ssh, besides those of the whole system.
    #[serde(default)]
    pub ssh_known_hosts: Option<PathBuf>,
}

/// A person's own checkout: a `git` action whose URL is `.` or one of its remotes takes what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// A folder in it.
    pub folder: PathBuf,
    /// HEAD instead of the working tree as it is (tracked and untracked files, not ignored ones).
    #[serde(default)]
    pub committed: bool,
}
