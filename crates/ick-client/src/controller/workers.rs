//! Workers as people see them.

use super::Controller;
use crate::call::Call;
use crate::error::Error;
use ick_api::controller::{Registration, Worker, Workers};
use ick_core::name::WorkerId;

impl Controller {
    /// `GET /workers`, all of them or the first `limit`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn workers(&self, limit: Option<usize>) -> Result<Vec<Worker>, Error> {
        self.server
            .list("/workers", &[], limit, |page: Workers| page.workers)
    }

    /// `POST /workers`: registers the token's `sub` as a worker, or tells anew what it is.
    ///
    /// # Errors
    /// Those of any call.
    pub fn register(&self, registration: &Registration) -> Result<Worker, Error> {
        self.server
            .json(&Call::post("/workers").repeatable().json(registration)?)
    }

    /// `GET /workers/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn worker(&self, id: &WorkerId) -> Result<Worker, Error> {
        self.server.json(&Call::get(format!("/workers/{id}")))
    }

    /// `PUT /workers/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn put_worker(&self, id: &WorkerId, worker: &Registration) -> Result<Worker, Error> {
        self.server
            .json(&Call::put(format!("/workers/{id}")).json(worker)?)
    }

    /// `DELETE /workers/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn delete_worker(&self, id: &WorkerId) -> Result<(), Error> {
        self.server.done(&Call::delete(format!("/workers/{id}")))
    }

    /// `POST /workers/ID/+drain`: no new work.
    ///
    /// # Errors
    /// Those of any call.
    pub fn drain_worker(&self, id: &WorkerId) -> Result<(), Error> {
        self.server
            .done(&Call::post(format!("/workers/{id}/+drain")).repeatable())
    }

    /// `POST /workers/ID/+resume`: new work again.
    ///
    /// # Errors
    /// Those of any call.
    pub fn resume_worker(&self, id: &WorkerId) -> Result<(), Error> {
        self.server
            .done(&Call::post(format!("/workers/{id}/+resume")).repeatable())
    }
}
