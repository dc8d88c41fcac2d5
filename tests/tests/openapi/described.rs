//! The descriptions in `docs/openapi`, call by call.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// The three services.
pub(crate) const SERVICES: [&str; 3] = ["controller", "store", "idp"];

/// One call of a service.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    /// In lower case, as OpenAPI has it.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) operation: Value,
}

/// The description of a service, as it is committed.
pub(crate) fn document(service: &str) -> Result<Value> {
    let path = ick_tests::project_folder().join(format!("docs/openapi/{service}.json"));
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// All that is described.
pub(crate) fn calls() -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for service in SERVICES {
        let document = document(service)?;
        for (path, item) in document["paths"].as_object().context("no paths")? {
            for (method, operation) in item.as_object().context("no methods")? {
                calls.push(Call {
                    service,
                    method: method.clone(),
                    path: path.clone(),
                    operation: operation.clone(),
                });
            }
        }
    }
    Ok(calls)
}

impl Call {
    /// The scope that it needs.
    pub(crate) fn scope(&self) -> Option<&str> {
        self.operation["security"][0]["token"][0].as_str()
    }

    pub(crate) fn parameters(&self, place: &str) -> Vec<&Value> {
        let all = self.operation["parameters"].as_array();
        let all = all.map_or(&[][..], Vec::as_slice);
        all.iter().filter(|one| one["in"] == place).collect()
    }

    /// The path with `name` in place of the name.
    pub(crate) fn path_of(&self, name: &str) -> String {
        self.path.replace("{name}", name).replace("{id}", name)
    }

    pub(crate) fn responses(&self) -> &Map<String, Value> {
        self.operation["responses"]
            .as_object()
            .expect("a call has answers")
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {} of {}", self.method, self.path, self.service)
    }
}
