//! The scopes of access tokens: one for each call.

/// A scope as a type, so that a handler can demand it (`ick_http::Authorized<S>`).
pub trait Scope: Send + Sync + 'static {
    /// The scope's name in a token.
    const NAME: &'static str;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;
            impl Scope for $name {
                const NAME: &'static str = $text;
            }
        )+

        /// Every scope there is.
        pub const ALL: &[&str] = &[$($text),+];
    };
}

scopes! {
    /// List projects.
    ProjectsGet = "uapi_projects_get",
    /// Create a project.
    ProjectsPost = "uapi_projects_post",
    /// Read a project.
    ProjectsIdGet = "uapi_projects_id_get",
    /// Create or replace a project.
    ProjectsIdPut = "uapi_projects_id_put",
    /// Delete a project.
    ProjectsIdDelete = "uapi_projects_id_delete",
    /// Trigger a build.
    ProjectsIdTriggerPost = "uapi_projects_id_trigger_post",
    /// List a project's builds.
    ProjectsIdBuildsGet = "uapi_projects_id_builds_get",
    /// List pipelines.
    PipelinesGet = "uapi_pipelines_get",
    /// Create a pipeline.
    PipelinesPost = "uapi_pipelines_post",
    /// Read a pipeline.
    PipelinesIdGet = "uapi_pipelines_id_get",
    /// Create or replace a pipeline.
    PipelinesIdPut = "uapi_pipelines_id_put",
    /// Delete a pipeline.
    PipelinesIdDelete = "uapi_pipelines_id_delete",
    /// Apply whole files.
    MakeItSoPost = "uapi_make_it_so_post",
    /// List builds.
    BuildsGet = "uapi_builds_get",
    /// Read a build.
    BuildsIdGet = "uapi_builds_id_get",
    /// Delete a build.
    BuildsIdDelete = "uapi_builds_id_delete",
    /// Cancel a build.
    BuildsIdCancelPost = "uapi_builds_id_cancel_post",
    /// Read a log.
    LogsIdGet = "uapi_logs_id_get",
    /// List workers.
    WorkersGet = "uapi_workers_get",
    /// Register as a worker.
    WorkersPost = "uapi_workers_post",
    /// Read a worker.
    WorkersIdGet = "uapi_workers_id_get",
    /// Create or replace a worker.
    WorkersIdPut = "uapi_workers_id_put",
    /// Delete a worker.
    WorkersIdDelete = "uapi_workers_id_delete",
    /// Drain a worker, and resume it.
    WorkersIdDrainPost = "uapi_workers_id_drain_post",
    /// Ask for work and renew leases.
    WorkGet = "uapi_work_get",
    /// Report results and append to logs.
    WorkPost = "uapi_work_post",
    /// List blobs.
    BlobsGet = "uapi_blobs_get",
    /// Read a blob.
    BlobsIdGet = "uapi_blobs_id_get",
    /// Write a blob.
    BlobsIdPut = "uapi_blobs_id_put",
    /// Delete a blob.
    BlobsIdDelete = "uapi_blobs_id_delete",
    /// List API clients.
    ClientsGet = "uapi_clients_get",
    /// Create an API client.
    ClientsPost = "uapi_clients_post",
    /// Read an API client.
    ClientsIdGet = "uapi_clients_id_get",
    /// Delete an API client.
    ClientsIdDelete = "uapi_clients_id_delete",
    /// Give an API client a new secret.
    ClientsIdSecretPost = "uapi_clients_id_secret_post",
    /// Read metrics.
    MetricsGet = "uapi_metrics_get",
}

/// What a worker's client needs, and no more.
pub const WORKER: &[&str] = &[WorkersPost::NAME, WorkGet::NAME, WorkPost::NAME];

/// The scope that allows a blob call for one name only, as in a `store_token`:
/// `uapi_blobs_id_get:NAME`.
pub fn for_blob<S: Scope>(name: &str) -> String {
    format!("{}:{name}", S::NAME)
}
