//! A service: its calls, and the description of all of them.

use crate::call::{self, Call};
use crate::schemas::{Answers, Requests};
use ick_api::problem::Problem;
use serde_json::{Map, Value, json};

/// A service while it is described.
pub(crate) struct Api {
    title: &'static str,
    about: &'static str,
    answers: Answers,
    requests: Requests,
    paths: Map<String, Value>,
    /// Schemas that are no type's, by name.
    others: Map<String, Value>,
}

impl Api {
    pub(crate) fn new(title: &'static str, about: &'static str) -> Self {
        Self {
            title,
            about,
            answers: Answers::new(),
            requests: Requests::new(),
            paths: Map::new(),
            others: Map::new(),
        }
    }

    /// Adds schemas that are no type's.
    pub(crate) fn schemas(&mut self, others: Map<String, Value>) {
        self.others.extend(others);
    }

    pub(crate) fn get(
        &mut self,
        path: &'static str,
        summary: &str,
        more: impl FnOnce(Call<'_>) -> Call<'_>,
    ) {
        self.call("get", path, summary, more);
    }

    pub(crate) fn post(
        &mut self,
        path: &'static str,
        summary: &str,
        more: impl FnOnce(Call<'_>) -> Call<'_>,
    ) {
        self.call("post", path, summary, more);
    }

    pub(crate) fn put(
        &mut self,
        path: &'static str,
        summary: &str,
        more: impl FnOnce(Call<'_>) -> Call<'_>,
    ) {
        self.call("put", path, summary, more);
    }

    pub(crate) fn delete(
        &mut self,
        path: &'static str,
        summary: &str,
        more: impl FnOnce(Call<'_>) -> Call<'_>,
    ) {
        self.call("delete", path, summary, more);
    }

    /// Describes one call.
    pub(crate) fn call(
        &mut self,
        method: &'static str,
        path: &'static str,
        summary: &str,
        more: impl FnOnce(Call<'_>) -> Call<'_>,
    ) {
        let call = Call::new(
            (&mut self.answers, &mut self.requests),
            method,
            path,
            summary,
        );
        let operation = more(call).into_operation();
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation;
    }

    /// The description, in the form of OpenAPI 3.1.
    pub(crate) fn described(mut self) -> Value {
        let problem = self.answers.of::<Problem>();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": self.title,
                "description": self.about,
                "version": ick_api::API_VERSION.to_string(),
                "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            },
            "paths": self.paths,
            "components": {
                "schemas": self.answers.all(self.requests, self.others),
                "responses": call::refusals(&problem),
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "An access token (RFC 9068) of the identity provider; the names are the scopes that it must have.",
                    },
                },
            },
        })
    }
}
