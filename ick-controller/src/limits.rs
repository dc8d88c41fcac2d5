//! The limits of the controller's own: how large the bodies of its calls may be, and the queue how long.

use ick_core::yaml::Fields;
use ick_http::body_size;

/// What clients and workers may make large. The limits of definitions are those of the language
/// (`ick_core::definition`), which no configuration changes: what `icktool validate` accepts, every
/// controller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `definition_body`: one project or pipeline, in bytes.
    pub definition_body: usize,
    /// `trigger_body`: a trigger's parameters, ref, commit and reason, in bytes.
    pub trigger_body: usize,
    /// `make_it_so_body`: all files of one apply, in bytes as JSON.
    pub make_it_so_body: usize,
    /// `report_body`: a report with its text, in bytes.
    pub report_body: usize,
    /// `registration_body`: what a worker says of itself, in bytes.
    pub registration_body: usize,
    /// `queued_builds`: how many builds may wait for a worker; a trigger beyond is refused with 503.
    pub queued_builds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            definition_body: 1 << 20,
            trigger_body: 1 << 20,
            // The files of ten thousand projects fit well.
            make_it_so_body: 32 << 20,
            report_body: 1 << 20,
            registration_body: 64 << 10,
            // Twice what is promised to be held without getting slow.
            queued_builds: 200_000,
        }
    }
}

impl Limits {
    /// Reads them from the mapping `limits` of the configuration; what is left out has its default.
    pub fn read(fields: &Fields<'_>) -> Self {
        let usual = Self::default();
        let body = |name, usual| body_size(fields, name, usual);
        Self {
            definition_body: body("definition_body", usual.definition_body),
            trigger_body: body("trigger_body", usual.trigger_body),
            make_it_so_body: body("make_it_so_body", usual.make_it_so_body),
            report_body: body("report_body", usual.report_body),
            registration_body: body("registration_body", usual.registration_body),
            queued_builds: fields
                .integer("queued_builds", 1..=100_000_000)
                .unwrap_or(usual.queued_builds),
        }
    }
}
