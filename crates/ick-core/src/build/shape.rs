//! What the transition function needs to know of a build's plan: the order of its actions and their rules.

use super::When;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// An action as the state machine sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionShape {
    /// "1", "2", …
    pub action_id: String,
    /// The run whose workspace it uses; today "1" for all.
    pub run: String,
    /// The actions that must have ended before it.
    pub depends: Vec<String>,
    /// When it is executed.
    pub when: When,
    /// Whether it must never be started twice.
    pub once: bool,
}

/// A build's actions in order, and the times that bound it. It never changes during a build's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How long an attempt may take from its first hand-out.
    pub timeout: Duration,
    /// How long it may wait for a worker.
    pub queue_timeout: Duration,
    /// How many attempts it gets because a worker was lost, beyond the first.
    pub automatic_attempts: u32,
    pub(super) actions: Vec<ActionShape>,
    /// For each action, the places of those it depends on.
    pub(super) depends: Vec<Vec<usize>>,
}

/// Why actions cannot be a build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// There is no action.
    #[error("a build has at least one action")]
    Empty,
    /// Two actions with one id.
    #[error("there are two actions with the id {0}")]
    Twice(String),
    /// An action depends on one that does not come before it.
    #[error("action {action_id} depends on {on}, which is no action before it")]
    Depends {
        /// The action.
        action_id: String,
        /// What it depends on.
        on: String,
    },
    /// More than one run.
    #[error("action {0} belongs to another run than the first; a build has one run")]
    Runs(String),
}

impl Shape {
    /// The shape of these actions. Each depends only on actions before it, so there is no circle.
    ///
    /// # Errors
    /// When the actions cannot be a build.
    pub fn new(
        actions: Vec<ActionShape>,
        timeout: Duration,
        queue_timeout: Duration,
        automatic_attempts: u32,
    ) -> Result<Self, ShapeError> {
        let run = actions.first().ok_or(ShapeError::Empty)?.run.clone();
        let mut places = HashMap::new();
        let mut depends = Vec::with_capacity(actions.len());
        for (place, action) in actions.iter().enumerate() {
            if action.run != run {
                return Err(ShapeError::Runs(action.action_id.clone()));
            }
            let on = |id: &String| {
                places.get(id).copied().ok_or_else(|| ShapeError::Depends {
                    action_id: action.action_id.clone(),
                    on: id.clone(),
                })
            };
            depends.push(action.depends.iter().map(on).collect::<Result<_, _>>()?);
            if places.insert(action.action_id.clone(), place).is_some() {
                return Err(ShapeError::Twice(action.action_id.clone()));
            }
        }
        Ok(Self {
            timeout,
            queue_timeout,
            automatic_attempts,
            actions,
            depends,
        })
    }

    /// The actions, in order.
    pub fn actions(&self) -> &[ActionShape] {
        &self.actions
    }

    /// The run that all actions belong to.
    pub fn run(&self) -> &str {
        self.actions
            .first()
            .map_or("1", |action| action.run.as_str())
    }
}
