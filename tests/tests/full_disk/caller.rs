//! Calls over HTTP, of which a test wants to see status and headers.

use anyhow::{Context, Result, ensure};
use ick_tests::DEADLINE;
use serde_json::{Value, json};

pub(crate) struct Caller {
    urls: Value,
    token: String,
    agent: ureq::Agent,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    /// A client with a token of its own, of the Ick whose `up.json` this is.
    pub(crate) fn new(up: &Value, id: &str, secret: &str) -> Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build();
        let mut caller = Self {
            urls: up.clone(),
            token: String::new(),
            agent: config.into(),
        };
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = caller.send("idp", "POST", "/token", &kind, form.as_bytes())?;
        let token = answer.is(200)?;
        caller.token = token["access_token"].as_str().context("no token")?.into();
        Ok(caller)
    }

    pub(crate) fn send(
        &self,
        server: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let url = self.urls[server]["url"]
            .as_str()
            .context("no such server")?;
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{url}{path}"));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(body)?)?
        };
        let (parts, mut body) = response.into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.with_config().limit(u64::MAX).read_to_vec()?,
        })
    }

    pub(crate) fn get(&self, server: &str, path: &str) -> Result<Answer> {
        self.send(server, "GET", path, &[], &[])
    }

    /// Sends JSON to the controller.
    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let kind = [("content-type", "application/json")];
        self.send(
            "controller",
            method,
            path,
            &kind,
            body.to_string().as_bytes(),
        )
    }

    /// Appends text to the log of a work item.
    pub(crate) fn print(&self, item: &Value, offset: usize, text: &[u8]) -> Result<Answer> {
        let lease = item["lease"].as_str().context("no lease")?;
        let path = format!("/work/+log?lease={lease}&offset={offset}");
        let kind = [("content-type", ick_api::logframe::MEDIA_TYPE)];
        let frame = ick_api::logframe::Frame {
            stream: ick_api::logframe::Stream::Stdout,
            time: ick_core::time::Timestamp::default(),
            bytes: text,
        };
        let mut body = Vec::new();
        frame.encode_to(&mut body);
        self.send("controller", "POST", &path, &kind, &body)
    }

    /// Reports that an action has ended with exit code 0.
    pub(crate) fn report(&self, item: &Value) -> Result<Answer> {
        let report = json!({
            "build_id": item["build_id"], "action_id": item["action_id"], "lease": item["lease"],
            "exit_code": 0,
        });
        self.json("POST", "/work", &report)
    }
}

impl Answer {
    /// The body as JSON, if the status is this.
    pub(crate) fn is(&self, status: u16) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "{}: {text}", self.status);
        Ok(serde_json::from_slice(&self.body).unwrap_or_default())
    }

    /// Itself, if it is the refusal of a server without room, as a client and a person need it.
    pub(crate) fn has_no_room(&self) -> Result<()> {
        let problem = self.is(507)?;
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        ensure!(header("content-type") == Some("application/problem+json"));
        let again: u64 = header("retry-after").context("no Retry-After")?.parse()?;
        ensure!((1..60).contains(&again), "{again}");
        let detail = problem["detail"].as_str().context("no detail")?;
        ensure!(
            detail.contains("the disk of /") && detail.contains(" free"),
            "{detail}"
        );
        Ok(())
    }
}
