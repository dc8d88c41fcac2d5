//! Projects, pipelines, and whole files of them.

use super::Controller;
use crate::address::query;
use crate::call::Call;
use crate::error::Error;
use ick_api::controller::{Applied, MakeItSo, Pipeline, Pipelines, Project, Projects};
use ick_core::name::{PipelineName, ProjectName};
use serde_json::Value;

impl Controller {
    /// `POST /+make-it-so`: applies files in one transaction, or says what would change.
    ///
    /// # Errors
    /// Those of any call; 422 with every flaw, its place in the file with it.
    pub fn make_it_so(&self, files: &MakeItSo, dry_run: bool) -> Result<Applied, Error> {
        let query = query(&[("dry_run", dry_run.then(|| "true".to_owned()))]);
        let mut call = Call::post(format!("/+make-it-so{query}")).json(files)?;
        if dry_run {
            call = call.repeatable();
        }
        self.server.json(&call)
    }

    /// `GET /projects`, all of them or the first `limit`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn projects(&self, limit: Option<usize>) -> Result<Vec<Project>, Error> {
        self.server
            .list("/projects", &[], limit, |page: Projects| page.projects)
    }

    /// `GET /projects/NAME`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn project(&self, name: &ProjectName) -> Result<Project, Error> {
        self.server.json(&Call::get(format!("/projects/{name}")))
    }

    /// `POST /projects`: creates one from its definition in the form of a file.
    ///
    /// # Errors
    /// Those of any call; 409 when the name exists.
    pub fn create_project(&self, definition: &Value) -> Result<Project, Error> {
        self.server.json(&Call::post("/projects").json(definition)?)
    }

    /// `PUT /projects/NAME`: creates or replaces.
    ///
    /// # Errors
    /// Those of any call.
    pub fn put_project(&self, name: &ProjectName, definition: &Value) -> Result<Project, Error> {
        self.server
            .json(&Call::put(format!("/projects/{name}")).json(definition)?)
    }

    /// `DELETE /projects/NAME`.
    ///
    /// # Errors
    /// Those of any call; 409 while builds of it are unfinished.
    pub fn delete_project(&self, name: &ProjectName) -> Result<(), Error> {
        self.server.done(&Call::delete(format!("/projects/{name}")))
    }

    /// `GET /pipelines`, all of them or the first `limit`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn pipelines(&self, limit: Option<usize>) -> Result<Vec<Pipeline>, Error> {
        self.server
            .list("/pipelines", &[], limit, |page: Pipelines| page.pipelines)
    }

    /// `GET /pipelines/NAME`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn pipeline(&self, name: &PipelineName) -> Result<Pipeline, Error> {
        self.server.json(&Call::get(format!("/pipelines/{name}")))
    }

    /// `POST /pipelines`: creates one from its definition in the form of a file.
    ///
    /// # Errors
    /// Those of any call; 409 when the name exists.
    pub fn create_pipeline(&self, definition: &Value) -> Result<Pipeline, Error> {
        self.server
            .json(&Call::post("/pipelines").json(definition)?)
    }

    /// `PUT /pipelines/NAME`: creates or replaces.
    ///
    /// # Errors
    /// Those of any call.
    pub fn put_pipeline(&self, name: &PipelineName, definition: &Value) -> Result<Pipeline, Error> {
        self.server
            .json(&Call::put(format!("/pipelines/{name}")).json(definition)?)
    }

    /// `DELETE /pipelines/NAME`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn delete_pipeline(&self, name: &PipelineName) -> Result<(), Error> {
        self.server
            .done(&Call::delete(format!("/pipelines/{name}")))
    }
}
