//! Workers.

use crate::api::Api;
use ick_api::controller::{Registration, Worker, Workers};
use ick_api::scope;
use ick_core::name::WorkerId;

const ONE: &str = "/workers/{id}";
const ID: &str = "The worker: the `sub` of its tokens.";

pub(super) fn describe(api: &mut Api) {
    api.get("/workers", "List workers", |call| {
        call.scope::<scope::WorkersGet>()
            .pages()
            .gives::<Workers>(200, "A page of them, in the order of their names.")
            .says(200, "Link", "The next page, where there is one.")
    });
    api.post("/workers", "Register as a worker", |call| {
        call.scope::<scope::WorkersPost>()
            .note("The worker is whoever the token is for, whatever the body says.")
            .may_take::<Registration>()
            .gives::<Worker>(200, "The worker, which was registered before.")
            .gives::<Worker>(201, "The worker.")
            .refuses(&[507])
    });
    api.get(ONE, "Read a worker", |call| {
        call.name::<WorkerId>("id", ID)
            .scope::<scope::WorkersIdGet>()
            .gives::<Worker>(200, "The worker.")
            .says(200, "ETag", "Its revision.")
            .refuses(&[404])
    });
    api.put(ONE, "Create or replace a worker", |call| {
        call.name::<WorkerId>("id", ID)
            .scope::<scope::WorkersIdPut>()
            .if_match()
            .if_none_match()
            .may_take::<Registration>()
            .gives::<Worker>(200, "The worker.")
            .gives::<Worker>(201, "It is new.")
            .refuses(&[404, 507])
    });
    api.delete(ONE, "Delete a worker", |call| {
        call.name::<WorkerId>("id", ID)
            .scope::<scope::WorkersIdDelete>()
            .if_match()
            .gives_nothing(200, "It is gone.")
            .refuses(&[404, 507])
    });
    for (path, summary) in [
        ("/workers/{id}/+drain", "Give a worker no new work"),
        ("/workers/{id}/+resume", "Give a worker work again"),
    ] {
        api.post(path, summary, |call| {
            call.name::<WorkerId>("id", ID)
                .scope::<scope::WorkersIdDrainPost>()
                .gives::<Worker>(200, "The worker.")
                .refuses(&[404, 507])
        });
    }
}
