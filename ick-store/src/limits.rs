//! The limits of the store's own.

use ick_core::yaml::Fields;

/// What clients may make large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `blob`: the largest content, in bytes; only the disk is the limit when left out.
    pub blob: Option<u64>,
}

impl Limits {
    /// Reads them from the mapping `limits` of the configuration; what is left out is none.
    pub fn read(fields: &Fields<'_>) -> Self {
        Self {
            blob: fields.size_within("blob", 1..=1 << 60),
        }
    }
}
