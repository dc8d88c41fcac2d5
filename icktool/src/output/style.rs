//! The few styles, and which of them stands for which status.

use anstyle::{AnsiColor, Style};
use ick_core::build::{ActionStatus, BuildStatus};

/// Went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Needs a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Goes on.
pub const ACTIVE: Style = AnsiColor::Cyan.on_default();
/// Of less interest.
pub const FAINT: Style = Style::new().dimmed();

/// The style of a build's status.
pub const fn of_build(status: BuildStatus) -> Style {
    match status {
        BuildStatus::Triggered => Style::new(),
        BuildStatus::Building => ACTIVE,
        BuildStatus::Done => GOOD,
        BuildStatus::Failed => BAD,
        BuildStatus::Cancelled => WARNING,
    }
}

/// The style of an action's status.
pub const fn of_action(status: ActionStatus) -> Style {
    match status {
        ActionStatus::Blocked | ActionStatus::Skipped => FAINT,
        ActionStatus::Ready => Style::new(),
        ActionStatus::Building => ACTIVE,
        ActionStatus::Done => GOOD,
        ActionStatus::Failed => BAD,
        ActionStatus::Cancelled => WARNING,
    }
}
