//! The statuses of builds and actions, and the words of a definition that decide about them.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in files, on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one that a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a build is in its life.
    BuildStatus {
        /// Waits for a worker.
        Triggered = "triggered",
        /// A worker has it.
        Building = "building",
        /// All that was to be done succeeded.
        Done = "done",
        /// It failed; its cause says why.
        Failed = "failed",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

impl BuildStatus {
    /// Whether nothing can change any more.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

words! {
    /// Where an action is in its life.
    ActionStatus {
        /// Waits for the actions it depends on.
        Blocked = "blocked",
        /// Can be handed out.
        Ready = "ready",
        /// Was handed out: it counts as started.
        Building = "building",
        /// It succeeded.
        Done = "done",
        /// It failed; its cause says why.
        Failed = "failed",
        /// It was ended by a cancel.
        Cancelled = "cancelled",
        /// It was never started and never will be.
        Skipped = "skipped",
    }
}

impl ActionStatus {
    /// Whether nothing can change any more in this attempt.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }
}

words! {
    /// Where an action is executed.
    Place {
        /// On the worker itself, as the worker's own user.
        Host = "host",
        /// With the workspace as root directory.
        Chroot = "chroot",
        /// In a container.
        Container = "container",
    }
}

words! {
    /// When an action is executed, given how the build went so far.
    When {
        /// Only when nothing has failed; the default.
        OnSuccess = "on_success",
        /// Only when something has failed.
        OnFailure = "on_failure",
        /// In either case, and for a while also after a cancel or a time-out.
        Always = "always",
    }
}
