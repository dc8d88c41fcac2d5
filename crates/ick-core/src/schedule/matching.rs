//! Whether a worker may have a build: a reason, not a bool, so that what decides is what explains.

use crate::name::WorkerId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a build needs beyond containers without network, which every worker allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Needs {
    /// `shell` or `python` on the host.
    #[serde(default)]
    pub host: bool,
    /// `where: chroot`.
    #[serde(default)]
    pub chroot: bool,
    /// `network: true`.
    #[serde(default)]
    pub network: bool,
}

/// What a worker allows; absent means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Allows {
    /// `shell` and `python` on the host.
    #[serde(default = "yes")]
    pub host: bool,
    /// `where: chroot`.
    #[serde(default = "yes")]
    pub chroot: bool,
    /// `network: true`.
    #[serde(default = "yes")]
    pub network: bool,
}

fn yes() -> bool {
    true
}

impl Default for Allows {
    fn default() -> Self {
        Self {
            host: true,
            chroot: true,
            network: true,
        }
    }
}

/// One thing that a build can need and a worker can forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `shell` or `python` on the host.
    Host,
    /// `where: chroot`.
    Chroot,
    /// `network: true`.
    Network,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "actions on the host",
            Self::Chroot => "chroot actions",
            Self::Network => "actions with network",
        })
    }
}

impl Needs {
    /// How many classes of needs there are.
    pub const CLASSES: u8 = 8;

    /// What is needed, one by one.
    pub fn each(self) -> impl Iterator<Item = Need> {
        [
            (self.host, Need::Host),
            (self.chroot, Need::Chroot),
            (self.network, Need::Network),
        ]
        .into_iter()
        .filter_map(|(wanted, need)| wanted.then_some(need))
    }

    /// The class of these needs, below [`Needs::CLASSES`]: what a queue is indexed by.
    pub fn class(self) -> u8 {
        u8::from(self.host) | u8::from(self.chroot) << 1 | u8::from(self.network) << 2
    }

    /// The needs of a class.
    pub fn of_class(class: u8) -> Self {
        Self {
            host: class & 1 != 0,
            chroot: class & 2 != 0,
            network: class & 4 != 0,
        }
    }

    /// Whether `allows` covers these needs.
    ///
    /// # Errors
    /// The first need that it does not cover.
    pub fn allowed_by(self, allows: Allows) -> Result<(), Need> {
        self.each()
            .find(|need| !allows.has(*need))
            .map_or(Ok(()), Err)
    }
}

impl Allows {
    /// Whether it covers one need.
    pub fn has(self, need: Need) -> bool {
        match need {
            Need::Host => self.host,
            Need::Chroot => self.chroot,
            Need::Network => self.network,
        }
    }

    /// The classes of needs that it covers.
    pub fn classes(self) -> impl Iterator<Item = u8> {
        (0..Needs::CLASSES).filter(move |class| Needs::of_class(*class).allowed_by(self).is_ok())
    }
}

/// A worker as the scheduler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identity.
    pub worker: WorkerId,
    /// What it allows.
    pub allows: Allows,
    /// Whether it gets no new work.
    pub drained: bool,
    /// Whether it was heard of lately.
    pub present: bool,
    /// How many builds it executes at a time.
    pub slots: u32,
    /// How many it executes now.
    pub busy: u32,
}

/// Why a worker does not get a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its configuration forbids something that the build needs. Only a change of it helps.
    NotAllowed(Need),
    /// A person took it out of service.
    Drained,
    /// It has not been heard of lately.
    Absent,
    /// The build was lost on it, and another is preferred.
    Avoided,
    /// All its slots are taken.
    Busy,
}

/// Whether a worker fits a build now. Reasons that time does not cure come first.
///
/// # Errors
/// The reason why not.
pub fn fit(needs: Needs, avoid: Option<&WorkerId>, worker: &Candidate) -> Result<(), Unfit> {
    needs.allowed_by(worker.allows).map_err(Unfit::NotAllowed)?;
    if worker.drained {
        Err(Unfit::Drained)
    } else if !worker.present {
        Err(Unfit::Absent)
    } else if avoid == Some(&worker.worker) {
        Err(Unfit::Avoided)
    } else if worker.busy >= worker.slots {
        Err(Unfit::Busy)
    } else {
        Ok(())
    }
}
