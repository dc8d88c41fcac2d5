//! Projects and pipelines, and whole files of them.

use crate::api::Api;
use crate::schemas::{definition, definitions};
use ick_api::controller::{
    Applied, Build, Builds, MakeItSo, Pipeline, Pipelines, Project, Projects, Trigger,
};
use ick_api::scope;
use ick_core::build::BuildStatus;
use ick_core::name::{PipelineName, ProjectName};
use serde_json::json;

const NEXT: &str = "The next page, where there is one.";
const PROJECT: &str = "The project's name.";

/// The five calls that projects and pipelines have alike.
macro_rules! five_calls {
    ($api:expr, $word:literal, $Name:ty, $One:ty, $Many:ty, [$List:ident, $Post:ident, $Get:ident, $Put:ident, $Delete:ident]) => {
        let definition = definition($word);
        $api.get(
            concat!("/", $word, "s"),
            concat!("List ", $word, "s"),
            |call| {
                call.scope::<scope::$List>()
                    .pages()
                    .gives::<$Many>(200, "A page of them, in the order of their names.")
                    .says(200, "Link", NEXT)
            },
        );
        $api.post(
            concat!("/", $word, "s"),
            concat!("Create a ", $word),
            |call| {
                call.scope::<scope::$Post>()
                    .takes_json(&definition, true)
                    .gives::<$One>(201, "It is new.")
                    .refuses(&[409, 507])
            },
        );
        let path = concat!("/", $word, "s/{name}");
        let about = concat!("The ", $word, "'s name.");
        $api.get(path, concat!("Read a ", $word), |call| {
            call.name::<$Name>("name", about)
                .scope::<scope::$Get>()
                .gives::<$One>(
                    200,
                    "The definition, and what the controller knows about it.",
                )
                .says(200, "ETag", "Its revision.")
                .refuses(&[404])
        });
        $api.put(path, concat!("Create or replace a ", $word), |call| {
            call.name::<$Name>("name", about)
                .scope::<scope::$Put>()
                .if_match()
                .if_none_match()
                .takes_json(&definition, true)
                .gives::<$One>(200, "It is as wanted.")
                .gives::<$One>(201, "It is new.")
                .refuses(&[404, 507])
        });
        $api.delete(path, concat!("Delete a ", $word), |call| {
            call.name::<$Name>("name", about)
                .scope::<scope::$Delete>()
                .if_match()
                .gives_nothing(200, "It is gone.")
                .refuses(&[404, 409, 507])
        });
    };
}

pub(super) fn describe(api: &mut Api) {
    api.schemas(definitions());
    five_calls!(
        api,
        "project",
        ProjectName,
        Project,
        Projects,
        [
            ProjectsGet,
            ProjectsPost,
            ProjectsIdGet,
            ProjectsIdPut,
            ProjectsIdDelete
        ]
    );
    five_calls!(
        api,
        "pipeline",
        PipelineName,
        Pipeline,
        Pipelines,
        [
            PipelinesGet,
            PipelinesPost,
            PipelinesIdGet,
            PipelinesIdPut,
            PipelinesIdDelete
        ]
    );
    api.post("/projects/{name}/+trigger", "Trigger a build", |call| {
        call.name::<ProjectName>("name", PROJECT)
            .scope::<scope::ProjectsIdTriggerPost>()
            .header("Idempotency-Key", "The same key gives the same build.")
            .may_take::<Trigger>()
            .gives::<Build>(200, "The build that this key made before.")
            .gives::<Build>(201, "The build.")
            .says(201, "Location", "Its address.")
            .refuses(&[404, 409, 507])
    });
    api.get(
        "/projects/{name}/+builds",
        "List a project's builds",
        |call| {
            call.name::<ProjectName>("name", PROJECT)
                .scope::<scope::ProjectsIdBuildsGet>()
                .query_of::<BuildStatus>("status", "Only those with this status.")
                .pages()
                .gives::<Builds>(200, "A page of them, newest first.")
                .says(200, "Link", NEXT)
                .refuses(&[404])
        },
    );
    api.post("/+make-it-so", "Apply whole files", |call| {
        call.scope::<scope::MakeItSoPost>()
            .query(
                "dry_run",
                "Only say what would change.",
                &json!({"type": "boolean"}),
            )
            .takes::<MakeItSo>()
            .gives::<Applied>(200, "What has changed.")
            .refuses(&[409, 507])
    });
}
