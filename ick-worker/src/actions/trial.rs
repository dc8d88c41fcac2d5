//! For tests: a run with an empty workspace, and built-in actions executed in it.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use super::{Checkout, Details, DputSettings, GitSettings, StoreAt, Task, fields::Fields};
use crate::engine::{Built, Limits, Order, Program, Request, VERSION};
use ick_api::controller::Cache;
use ick_core::build::{Cause, Place};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A run in a temporary folder.
pub(super) struct Trial {
    place: tempfile::TempDir,
    pub(super) details: Details,
    pub(super) parameters: Map<String, Value>,
    /// The folders of the workspace that are kept between builds.
    pub(super) cached: Vec<String>,
    pub(super) limits: Limits,
    actions: u32,
}

impl Trial {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        fs::create_dir_all(run.join("workspace")).unwrap();
        let details = Details {
            store: StoreAt::Folder(place.path().join("store")),
            ca_file: None,
            mirrors: place.path().join("mirrors"),
            git: GitSettings {
                allow_file: true,
                ..GitSettings::default()
            },
            allow_host: false,
            dput: DputSettings::default(),
            checkout: None,
        };
        Self {
            place,
            details,
            parameters: Map::new(),
            cached: Vec::new(),
            limits: Limits::default(),
            actions: 0,
        }
    }

    /// A path outside the run.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.place.path().join("run/workspace")
    }

    pub(super) fn with_checkout(&mut self, folder: &Path, committed: bool) {
        self.details.checkout = Some(Checkout {
            folder: folder.to_owned(),
            committed,
        });
    }

    /// Executes an action of this name.
    pub(super) fn act(
        &mut self,
        step: &Value,
        act: impl FnOnce(&Task<'_>, &mut Built) -> Result<(), Cause>,
    ) -> Result<Built, Cause> {
        self.actions += 1;
        let action_id = self.actions.to_string();
        let folder = self.place.path().join("run/actions").join(&action_id);
        fs::create_dir_all(folder.join("tmp")).unwrap();
        fs::write(folder.join(crate::engine::TOKEN), "token").unwrap();
        let step = step.as_object().cloned().unwrap();
        let request = Request {
            build_id: "hello/1".parse().unwrap(),
            build_number: 1,
            project: "hello".parse().unwrap(),
            action_id,
            parameters: self.parameters.clone(),
            program: Program::BuiltIn {
                name: "tried".to_owned(),
                step: step.clone(),
                details: Value::Null,
            },
            place: Place::Host,
            network: false,
            env: BTreeMap::new(),
            timeout: None,
            log_left: 1 << 20,
            cache: (!self.cached.is_empty()).then(|| Cache {
                paths: self.cached.clone(),
                git_ref: None,
                default_ref: None,
                keep: false,
            }),
            store_token: None,
        };
        let order = Order {
            v: VERSION,
            request,
            slot: 1,
            workspace: self.workspace(),
            caches: self.place.path().join("caches"),
            home: self.place.path().join("run/home"),
            tree: None,
            trees: crate::trees::Trees {
                state: self.place.path().to_owned(),
                program: "none".into(),
            },
            worker_path: std::env::var("PATH").unwrap_or_default(),
            builtin: Vec::new(),
            env: BTreeMap::new(),
            visible: Vec::new(),
            hidden: Vec::new(),
            first_id: None,
            limits: self.limits,
            cgroup: None,
            tools: crate::places::Tools::default(),
        };
        let mut built = Built::default();
        let task = Task {
            folder: &folder,
            order: &order,
            details: &self.details,
            fields: Fields::new(&step, &self.parameters),
        };
        act(&task, &mut built)?;
        Ok(built)
    }
}
