//! The daemons that make up an Ick, in the order in which they are started.

use std::fmt;

/// The one worker's name, and its API client's.
pub const WORKER: &str = "worker-1";

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The identity provider.
    Idp,
    /// The controller.
    Controller,
    /// The artifact store.
    Store,
    /// The worker.
    Worker,
}

impl Role {
    /// The three that listen, in the order in which they are started.
    pub const SERVERS: [Self; 3] = [Self::Idp, Self::Controller, Self::Store];

    /// Its program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Idp => "ick-idp",
            Self::Controller => "ick-controller",
            Self::Store => "ick-store",
            Self::Worker => "ick-worker",
        }
    }

    /// Its folder in the state folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Idp => "idp",
            Self::Controller => "controller",
            Self::Store => "store",
            Self::Worker => WORKER,
        }
    }

    /// What people call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Idp => "identity provider",
            Self::Controller => "controller",
            Self::Store => "artifact store",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
