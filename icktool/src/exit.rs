//! The exit codes, all of them, in one table. Scripts rely on it: a code never changes its meaning.

use std::process::ExitCode;

/// How a run of `icktool` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// What was asked for is done.
    Ok,
    /// The build failed.
    BuildFailed,
    /// The command line or a file is wrong, here or in the server's eyes.
    Usage,
    /// The build ended without a verdict on the code.
    NoVerdict,
    /// There is no such thing.
    NotFound,
    /// A dry run that would change something.
    WouldChange,
    /// The credentials are missing, wrong, or not enough.
    NotAllowed,
    /// A server cannot be reached or failed.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
}

/// One row of the table.
pub struct Row {
    /// The code.
    pub code: u8,
    /// What it means, as in the help and the man page.
    pub means: &'static str,
}

/// The table, by code.
pub const TABLE: &[Row] = &[
    Row {
        code: 0,
        means: "what was asked for is done",
    },
    Row {
        code: 1,
        means: "the build failed",
    },
    Row {
        code: 2,
        means: "the command line or a file is wrong, here or in the server's eyes",
    },
    Row {
        code: 3,
        means: "the build has no verdict: cancelled, worker lost, or no worker took it in time",
    },
    Row {
        code: 4,
        means: "there is no such thing, or a dry run would change something",
    },
    Row {
        code: 5,
        means: "not allowed",
    },
    Row {
        code: 6,
        means: "a server cannot be reached or failed",
    },
    Row {
        code: 130,
        means: "interrupted",
    },
];

impl Exit {
    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::BuildFailed => 1,
            Self::Usage => 2,
            Self::NoVerdict => 3,
            Self::NotFound | Self::WouldChange => 4,
            Self::NotAllowed => 5,
            Self::Unreachable => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_is_in_the_table() {
        for exit in [
            Exit::Ok,
            Exit::BuildFailed,
            Exit::Usage,
            Exit::NoVerdict,
            Exit::NotFound,
            Exit::WouldChange,
            Exit::NotAllowed,
            Exit::Unreachable,
            Exit::Interrupted,
        ] {
            assert!(TABLE.iter().any(|row| row.code == exit.code()), "{exit:?}");
        }
    }
}
