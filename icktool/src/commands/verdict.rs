//! How a build ended, in words and as an exit code; and how long things took.

use crate::exit::Exit;
use crate::output::{sanitise, style};
use ick_api::controller::Build;
use ick_core::build::{BuildStatus, Cause, CauseKind};
use ick_core::time::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The exit code for a build that has ended.
pub fn exit(build: &Build) -> Exit {
    match (build.status, &build.cause) {
        (BuildStatus::Done, _) => Exit::Ok,
        (BuildStatus::Cancelled, _) => Exit::NoVerdict,
        (_, Some(cause)) if cause.kind.no_verdict() => Exit::NoVerdict,
        _ => Exit::BuildFailed,
    }
}

/// One line for a build that has ended: what became of it and why, and how long it took.
pub fn line(build: &Build) -> String {
    let colour = style::of_build(build.status);
    let mut text = format!("{} {colour}{}{colour:#}", build.build_id, build.status);
    if let (Some(started), Some(ended)) = (build.started, build.ended) {
        text.push_str(&format!(" in {}", rounded(ended.since(started))));
    }
    if let Some(cause) = &build.cause {
        text.push_str(&format!(": {}", why(build, cause)));
    }
    text
}

/// A cause in words: which action it happened to, and what happened.
pub fn why(build: &Build, cause: &Cause) -> String {
    let action = cause
        .action_id
        .as_ref()
        .and_then(|id| build.actions.iter().find(|action| action.action_id == *id));
    let what = what(cause);
    match action {
        Some(action) => {
            let name = action.name.as_deref().unwrap_or(&action.action);
            sanitise::line(&format!("action {} ({name}): {what}", action.action_id))
        }
        None => sanitise::line(&what),
    }
}

/// What happened, without where.
pub fn what(cause: &Cause) -> String {
    let usual = match (cause.kind, cause.code) {
        (CauseKind::Exit, Some(code)) => format!("exit code {code}"),
        (CauseKind::Signal, Some(code)) => format!("signal {code}"),
        (kind, _) => kind.to_string(),
    };
    let detail = cause.detail.trim();
    match cause.kind {
        CauseKind::Exit if cause.code.is_some() => usual,
        _ if detail.is_empty() => usual,
        _ => format!("{usual}: {detail}"),
    }
}

/// The beginning of a text, for a table.
pub fn brief(text: &str) -> String {
    const LONGEST: usize = 80;
    let line = sanitise::line(text);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// A duration for people: two units at most, tenths below ten seconds.
pub fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.subsec_millis() < 1000 && seconds == 0 => {
            format!("{} ms", duration.subsec_millis())
        }
        0..=9 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// How long ago something was, for people.
pub fn ago(time: Option<Timestamp>) -> String {
    let Some(time) = time else {
        return "never".to_owned();
    };
    match now().since(time) {
        since if since < Duration::from_secs(2) => "now".to_owned(),
        since if since < Duration::from_secs(10) => format!("{} s ago", since.as_secs()),
        since => format!("{} ago", rounded(since)),
    }
}

/// The present moment.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_for_people() {
        for (ms, text) in [
            (7, "7 ms"),
            (1_250, "1.2 s"),
            (59_000, "59 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(rounded(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn what_is_too_long_for_a_table_is_cut_between_characters() {
        assert_eq!(brief("short\n"), "short ");
        let long = "ä".repeat(100);
        assert_eq!(brief(&long), format!("{}…", "ä".repeat(80)));
    }

    fn cause(kind: CauseKind, code: Option<i32>, detail: &str) -> Cause {
        Cause {
            kind,
            code,
            action_id: None,
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn causes_in_words() {
        for (cause, text) in [
            (
                cause(CauseKind::Exit, Some(3), "it exited with 3"),
                "exit code 3",
            ),
            (cause(CauseKind::Signal, Some(9), ""), "signal 9"),
            (
                cause(CauseKind::Timeout, None, "after 5m"),
                "timeout: after 5m",
            ),
            (cause(CauseKind::LostWorker, None, ""), "lost_worker"),
        ] {
            assert_eq!(what(&cause), text);
        }
    }
}
