//! What the controller itself says in a build's log: what began and how it ended.

use ick_core::build::{ActionStatus, Cause, Effect, State};

/// A line for each effect that a reader of the log wants to know of, with the attempt and the action
/// that it belongs to. `before` is the state that the effects were made from, `after` the one that they
/// led to; `describe` gives the words for an action, like `shell "compile"`.
pub fn control_lines(
    before: &State,
    after: &State,
    effects: &[Effect],
    describe: impl Fn(&str) -> String,
) -> Vec<(u32, String, String)> {
    let mut lines = Vec::new();
    let mut attempt = before.attempt;
    let mut action = before
        .current()
        .map_or_else(|| "1".to_owned(), |current| current.action_id.clone());
    let why = |cause: Option<&Cause>| cause.map_or_else(String::new, words);
    for effect in effects {
        let line = match effect {
            Effect::LeaseGiven(lease) => {
                format!(
                    "attempt {attempt} on worker {}, slot {}",
                    lease.worker, lease.slot
                )
            }
            Effect::Action { action_id, to, .. } if *to == ActionStatus::Building => {
                action.clone_from(action_id);
                format!("action {action_id} started: {}", describe(action_id))
            }
            Effect::Action { action_id, to, .. }
                if matches!(
                    to,
                    ActionStatus::Done | ActionStatus::Failed | ActionStatus::Cancelled
                ) =>
            {
                let state = after.actions.iter().find(|one| one.action_id == *action_id);
                action.clone_from(action_id);
                let cause = state.and_then(|one| one.cause.as_ref());
                format!("action {action_id} {to}{}", why(cause))
            }
            Effect::LeaseChanged(_) if after.cancel > before.cancel => match after.cancel {
                1 => "cancel requested".to_owned(),
                _ => "cancel requested again".to_owned(),
            },
            Effect::NewAttempt {
                attempt: next,
                avoid,
            } => {
                let line = format!(
                    "attempt {attempt} was lost with worker {avoid}; attempt {next} follows"
                );
                lines.push((attempt, action.clone(), line));
                attempt = *next;
                continue;
            }
            Effect::Build { to, .. } if to.has_ended() => {
                format!("build {to}{}", why(after.cause.as_ref()))
            }
            _ => continue,
        };
        lines.push((attempt, action.clone(), line));
    }
    lines
}

fn words(cause: &Cause) -> String {
    match (&cause.code, cause.detail.as_str()) {
        (_, "") => format!(": {}", cause.kind),
        (_, detail) => format!(": {} ({detail})", cause.kind),
    }
}
