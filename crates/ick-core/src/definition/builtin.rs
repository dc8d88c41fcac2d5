//! The built-in actions and their fields (DESIGN.md, section 6). The checks, the JSON Schema, the
//! workers' defaults and `icktool help-action` are all made of this table.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A built-in action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// Checks out one commit.
    Git,
    /// Mirrors and checks out several repositories.
    GitMirror,
    /// Makes a Debian system tree.
    Debootstrap,
    /// Packs files into the store.
    Archive,
    /// Unpacks a system tree as the root of container actions.
    PopulateSystree,
    /// Unpacks an artifact into the workspace.
    PopulateWorkspace,
    /// Publishes files.
    Rsync,
    /// Uploads Debian packages.
    Dput,
}

/// What a field of a built-in action holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A git URL.
    Url,
    /// A git ref.
    Ref,
    /// A folder beneath the workspace.
    Dir,
    /// A path or glob beneath the workspace.
    Path,
    /// A list of paths or globs beneath the workspace, or one of them.
    Paths,
    /// A list of texts.
    Texts,
    /// The name of a blob in the artifact store.
    Blob,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of `{name, url, ref}`.
    Sources,
}

/// What a field is when nobody gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// It must be given.
    Required,
    /// The action does without; the field's documentation says how.
    Nothing,
    /// A text.
    Text(&'static str),
    /// `false`.
    No,
}

/// A field of a built-in action. Left out, it is the pipeline's parameter of that name, if there is one
/// whose value is not null, and else its fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// What it is when nobody gives it.
    pub fallback: Fallback,
    /// What it is for.
    pub doc: &'static str,
}

impl FieldSpec {
    /// The value that stands in for a field that nobody gives, where there is one.
    pub fn default(&self) -> Option<Value> {
        match self.fallback {
            Fallback::Required | Fallback::Nothing => None,
            Fallback::Text(text) => Some(Value::from(text)),
            Fallback::No => Some(Value::from(false)),
        }
    }
}

const fn spec(
    name: &'static str,
    kind: FieldKind,
    fallback: Fallback,
    doc: &'static str,
) -> FieldSpec {
    FieldSpec {
        name,
        kind,
        fallback,
        doc,
    }
}

use Fallback::{No, Nothing, Required, Text};

const GIT: &[FieldSpec] = &[
    spec("git_url", FieldKind::Url, Required, "Where to fetch from."),
    spec(
        "git_ref",
        FieldKind::Ref,
        Nothing,
        "The branch, tag or commit; left out: the trigger's, else the remote's HEAD.",
    ),
    spec(
        "git_dir",
        FieldKind::Dir,
        Text("src"),
        "The folder in the workspace for the checkout.",
    ),
];

const GIT_MIRROR: &[FieldSpec] = &[spec(
    "sources",
    FieldKind::Sources,
    Required,
    "What to mirror into .mirror/NAME and check out into NAME.",
)];

const DEBOOTSTRAP: &[FieldSpec] = &[
    spec(
        "debian_codename",
        FieldKind::Text,
        Required,
        "The Debian release, such as bookworm.",
    ),
    spec(
        "mirror",
        FieldKind::Text,
        Nothing,
        "The mirror's URL; left out: the host's own sources.",
    ),
    spec(
        "packages",
        FieldKind::Texts,
        Nothing,
        "Packages to install besides the minimal system.",
    ),
];

const ARCHIVE: &[FieldSpec] = &[
    spec(
        "from",
        FieldKind::Choice(&["workspace", "systree"]),
        Text("workspace"),
        "What is packed: files of the workspace, or the system tree.",
    ),
    spec(
        "paths",
        FieldKind::Paths,
        Nothing,
        "Globs of what is packed; left out: everything.",
    ),
    spec(
        "artifact",
        FieldKind::Blob,
        Required,
        "The blob's name in the artifact store.",
    ),
    spec(
        "mtime",
        FieldKind::Choice(&["keep", "commit"]),
        Text("keep"),
        "The files' times: as they are, or the time of the commit that was checked out first.",
    ),
];

const POPULATE_SYSTREE: &[FieldSpec] = &[spec(
    "artifact",
    FieldKind::Blob,
    Required,
    "The blob's name in the artifact store.",
)];

const POPULATE_WORKSPACE: &[FieldSpec] = &[
    spec(
        "artifact",
        FieldKind::Blob,
        Required,
        "The blob's name in the artifact store.",
    ),
    spec(
        "required",
        FieldKind::Flag,
        No,
        "Whether it is an error when there is no such blob.",
    ),
];

const RSYNC: &[FieldSpec] = &[
    spec(
        "rsync_src",
        FieldKind::Path,
        Required,
        "A file, a folder (what is in it is published), or a glob, beneath the workspace.",
    ),
    spec(
        "rsync_target",
        FieldKind::Text,
        Required,
        "[user@]host:path or ssh://[user@]host[:port]/path, by ssh with the worker's key; an absolute path on the \
         worker, if it allows host actions; or a folder beneath the workspace.",
    ),
    spec(
        "delete",
        FieldKind::Flag,
        No,
        "Whether what is only at the target is deleted there; for a folder.",
    ),
];

const DPUT: &[FieldSpec] = &[
    spec(
        "dput_host",
        FieldKind::Text,
        Required,
        "The archive to upload to, as the worker's dput configuration names it.",
    ),
    spec(
        "changes",
        FieldKind::Path,
        Nothing,
        "The .changes files, a path or glob beneath the workspace; left out: all in its top folder.",
    ),
];

impl BuiltIn {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Git,
        Self::GitMirror,
        Self::Debootstrap,
        Self::Archive,
        Self::PopulateSystree,
        Self::PopulateWorkspace,
        Self::Rsync,
        Self::Dput,
    ];

    /// Its name in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::GitMirror => "git_mirror",
            Self::Debootstrap => "debootstrap",
            Self::Archive => "archive",
            Self::PopulateSystree => "populate_systree",
            Self::PopulateWorkspace => "populate_workspace",
            Self::Rsync => "rsync",
            Self::Dput => "dput",
        }
    }

    /// The one of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }

    /// What it does, in a sentence.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Git => "Checks out the exact commit into the workspace.",
            Self::GitMirror => "Mirrors and checks out several git repositories.",
            Self::Debootstrap => "Makes a Debian system tree in the workspace.",
            Self::Archive => "Packs files into a tar archive in the artifact store.",
            Self::PopulateSystree => "Unpacks an artifact as the root for container actions.",
            Self::PopulateWorkspace => "Unpacks an artifact into the workspace.",
            Self::Rsync => "Publishes files with rsync.",
            Self::Dput => "Uploads Debian packages with dput.",
        }
    }

    /// Its fields.
    pub const fn fields(self) -> &'static [FieldSpec] {
        match self {
            Self::Git => GIT,
            Self::GitMirror => GIT_MIRROR,
            Self::Debootstrap => DEBOOTSTRAP,
            Self::Archive => ARCHIVE,
            Self::PopulateSystree => POPULATE_SYSTREE,
            Self::PopulateWorkspace => POPULATE_WORKSPACE,
            Self::Rsync => RSYNC,
            Self::Dput => DPUT,
        }
    }

    /// Whether it must not be started twice unless the definition says otherwise.
    pub const fn once(self) -> bool {
        matches!(self, Self::Rsync | Self::Dput)
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
