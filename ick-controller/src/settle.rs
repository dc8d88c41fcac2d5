//! What is done after a commit: memory learns of it, and those who wait are woken. Losing any of this
//! to a crash loses nothing, as memory is filled from the state and waiting is only looking again.

use crate::app::{App, Hint};
use crate::idle::Slot;
use crate::logs::control_lines;
use crate::transition::Moved;
use ick_core::build::Effect;
use ick_core::name::WorkerId;
use ick_core::schedule::Needs;

impl App {
    /// Takes notice of a build that went on.
    pub fn settle(&self, moved: &Moved) {
        let build = &moved.build;
        self.counts.note(moved);
        self.leases.note(build, moved.ended_leases(), self.now());
        self.say(moved);
        for effect in &moved.effects {
            match effect {
                // Those who follow the log wait for the build's end, too.
                Effect::Build { .. } => self.logs.hints().notify(&build.id),
                Effect::LeaseChanged(lease) | Effect::LeaseEnded(lease) => {
                    self.hints.notify(&Hint::Lease(lease.clone()));
                }
                _ => {}
            }
            if let Effect::NewAttempt { avoid, .. } = effect {
                self.offer(build.needs, Some(avoid));
            }
        }
    }

    /// Writes into the build's log what has happened to it. The state says the same, so a log that
    /// cannot be written is no reason for anything to fail.
    fn say(&self, moved: &Moved) {
        let describe = |action_id: &str| match moved.terms.plan.action(action_id) {
            Some(action) => match &action.name {
                Some(name) => format!("{} {name:?}", action.kind),
                None => action.kind.clone(),
            },
            None => String::new(),
        };
        let build = &moved.build;
        let lines = control_lines(&moved.before, &build.state, &moved.effects, describe);
        for (attempt, action_id, line) in lines {
            let said = self
                .logs
                .say(&build.id, attempt, &action_id, &line, self.now());
            if let Err(error) = said {
                tracing::warn!("build {}: {error}", build.id);
            }
        }
    }

    /// Wakes one idle slot that may have a build with these needs, if there is one.
    pub fn offer(&self, needs: Needs, avoid: Option<&WorkerId>) -> bool {
        let chosen = self.idle.choose(needs, avoid);
        if let Some(slot) = &chosen {
            self.wake(slot);
        }
        chosen.is_some()
    }

    /// Lets a slot that waits for work look again.
    pub fn wake(&self, slot: &Slot) {
        self.hints.notify(&Hint::Slot(slot.clone()));
    }

    /// Lets every slot of a worker look again.
    pub fn wake_worker(&self, worker: &WorkerId, slots: u32) {
        for slot in 1..=slots {
            self.wake(&Slot {
                worker: worker.clone(),
                slot,
            });
        }
    }
}
