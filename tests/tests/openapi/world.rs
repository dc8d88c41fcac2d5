//! A whole Ick with something in it, and clients of it.

use crate::described::Call;
use crate::raw::{Answer, Request};
use anyhow::{Context, Result, ensure};
use ick_tests::Ick;
use serde_json::{Value, json};

/// What a project of the tests does.
const PROJECT: &str = "\
projects:
- {project: some/thing, parameters: {target: world}, pipelines: [some/pipeline]}
- {project: broken, pipelines: [broken]}
pipelines:
- pipeline: some/pipeline
  parameters: [target]
  actions:
  - {shell: 'echo \"$ICK_PARAM_target\" > file; printf \"a\\377b\\n\"', where: host, name: say it}
  - {action: archive, paths: [file], artifact: some/blob}
- pipeline: broken
  actions:
  - {shell: exit 7, where: host}
";

/// An installation with two builds, one of them failed, and an artifact.
pub(crate) struct World {
    pub(crate) ick: Ick,
    addresses: Vec<(&'static str, String)>,
    /// A token that may do everything.
    pub(crate) token: String,
    client: (String, String),
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let ick = Ick::up()?;
        ick.apply(PROJECT)?;
        let build = ick.trigger("some/thing")?;
        ick.build_with_status(&build, "done")?;
        let build = ick.trigger("broken")?;
        ick.build_with_status(&build, "failed")?;
        let up = ick.up_file()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let addresses = crate::described::SERVICES
            .map(|service| {
                let url = text(&up[service]["url"]);
                (service, url.trim_start_matches("http://").to_owned())
            })
            .to_vec();
        let mut world = Self {
            ick,
            addresses,
            token: String::new(),
            client: (text(&up["client_id"]), text(&up["client_secret"])),
        };
        world.renew()?;
        Ok(world)
    }

    /// Gets a fresh token.
    pub(crate) fn renew(&mut self) -> Result<()> {
        self.token = self.token_with(None)?;
        Ok(())
    }

    /// A token with these scopes, or with all that there are.
    pub(crate) fn token_with(&self, scope: Option<&str>) -> Result<String> {
        let answer = self.send("idp", &self.asks_for_token(scope))?;
        let token = answer.json()?["access_token"].as_str().map(str::to_owned);
        token.with_context(|| format!("no token: {answer:?}"))
    }

    pub(crate) fn asks_for_token(&self, scope: Option<&str>) -> Request {
        let (id, secret) = &self.client;
        let scope = scope.map(|scope| format!("&scope={scope}"));
        let mut request = Request::new("POST", "/token")
            .header("Content-Type", "application/x-www-form-urlencoded");
        let scope = scope.unwrap_or_default();
        let form =
            format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{scope}");
        request.body = form.into_bytes();
        request
    }

    pub(crate) fn address(&self, service: &str) -> &str {
        self.addresses
            .iter()
            .find(|(one, _)| *one == service)
            .map_or("", |(_, address)| address)
    }

    pub(crate) fn send(&self, service: &str, request: &Request) -> Result<Answer> {
        request.send(self.address(service))
    }

    /// The processes of the servers.
    pub(crate) fn pids(&self) -> Result<Vec<rustix::process::Pid>> {
        crate::described::SERVICES
            .iter()
            .map(|service| self.ick.pid(service))
            .collect()
    }

    /// A name that this call's path can have, of something that there is.
    pub(crate) fn name_for(call: &Call) -> &'static str {
        match call.path.split('/').nth(1) {
            Some("projects") => "some/thing",
            Some("pipelines") => "some/pipeline",
            Some("builds" | "logs") => "some/thing/1",
            Some("blobs") => "some/blob",
            Some("workers") => "some/worker",
            _ => "some/client",
        }
    }

    /// What a call is sent that it accepts.
    pub(crate) fn body_for(call: &Call) -> Option<Value> {
        let one_project = json!({"project": "some/thing", "pipelines": ["some/pipeline"]});
        let one_pipeline =
            json!({"pipeline": "some/pipeline", "actions": [{"shell": "true", "where": "host"}]});
        Some(match (&*call.method, &*call.path) {
            ("post", "/projects") => json!({"project": "new/thing", "pipelines": []}),
            ("put", "/projects/{name}") => one_project,
            ("post", "/pipelines") => json!({"pipeline": "new/pipeline", "actions": []}),
            ("put", "/pipelines/{name}") => one_pipeline,
            ("post", "/+make-it-so") => json!({"files": [{"name": "x.yaml", "text": PROJECT}]}),
            ("post", "/projects/{name}/+trigger") => json!({"reason": "because"}),
            ("post", "/workers") | ("put", "/workers/{id}") => {
                json!({"keywords": ["x"], "slots": 1, "site": {"any": 1}})
            }
            ("post", "/clients") => json!({"client_id": "some/client", "scope": "uapi_builds_get"}),
            ("post", "/work") => {
                json!({"build_id": "some/thing/1", "action_id": "1", "lease": "none", "exit_code": 0})
            }
            _ => return None,
        })
    }

    /// That all is as it was: the same processes, which serve, and builds are done.
    pub(crate) fn is_well(&self, pids: &[rustix::process::Pid]) -> Result<()> {
        ensure!(self.pids()? == pids, "a server was started anew");
        for service in crate::described::SERVICES {
            ensure!(
                ick_tests::is_alive(self.ick.pid(service)?),
                "{service} has ended"
            );
            let answer = self.send(service, &Request::new("GET", "/healthz"))?;
            ensure!(answer.status == 200, "{service}: {answer:?}");
        }
        self.ick.apply(PROJECT)?;
        let build = self.ick.trigger("some/thing")?;
        self.ick.build_with_status(&build, "done")?;
        Ok(())
    }
}
