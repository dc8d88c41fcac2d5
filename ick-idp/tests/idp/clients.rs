use crate::process::{ADMIN, Answer, Idp, create_client};
use ick_api::idp::NewClient;
use ick_core::name::ClientId;
use ick_core::secret::Secret;

const JSON: &str = "Content-Type: application/json\r\n";

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn new(name: &str, scope: &str) -> NewClient {
    NewClient {
        client_id: id(name),
        scope: scope.to_owned(),
    }
}

#[test]
fn a_client_s_life() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let idp = Idp::start(state.path());
    let admin = idp.acting_as("admin", &secret);

    let made = admin
        .create_client(&new("farm/worker-1", "uapi_work_get  uapi_builds_get"))
        .unwrap();
    assert_eq!(made.client_id, id("farm/worker-1"));
    assert_eq!(made.scope, "uapi_builds_get uapi_work_get");
    // 256 bits in base64url.
    assert_eq!(made.client_secret.reveal().len(), 43);
    let shown = admin.client(&made.client_id).unwrap();
    assert_eq!(shown.scope, made.scope);
    assert_eq!((shown.owner.as_str(), shown.revision), ("admin", 1));

    let names = |clients: Vec<ick_api::idp::Client>| -> Vec<String> {
        let names = clients.into_iter().map(|one| one.client_id.to_string());
        names.collect()
    };
    assert_eq!(
        names(admin.clients(None).unwrap()),
        ["admin", "farm/worker-1"]
    );

    // A new secret: the old one is worth nothing any more.
    idp.token_of("farm/worker-1", &made.client_secret, "");
    let renewed = admin.new_secret(&made.client_id).unwrap();
    let old = format!(
        "grant_type=client_credentials&client_id=farm/worker-1&client_secret={}",
        made.client_secret.reveal()
    );
    assert_eq!(idp.token("", &old).status, 401);
    idp.token_of("farm/worker-1", &renewed.client_secret, "");
    assert_eq!(admin.client(&made.client_id).unwrap().revision, 2);

    admin.delete_client(&made.client_id).unwrap();
    assert_eq!(names(admin.clients(None).unwrap()), ["admin"]);
    let again = admin.delete_client(&made.client_id).unwrap_err();
    assert_eq!(again.kind(), ick_client::ErrorKind::NotFound);
    let gone = format!(
        "grant_type=client_credentials&client_id=farm/worker-1&client_secret={}",
        renewed.client_secret.reveal()
    );
    assert_eq!(idp.token("", &gone).status, 401);
}

struct Asking<'a> {
    idp: &'a Idp,
    bearer: String,
}

impl<'a> Asking<'a> {
    fn new(idp: &'a Idp, name: &str, secret: &Secret, scope: &str) -> Self {
        let bearer = format!(
            "Authorization: Bearer {}\r\n",
            idp.token_of(name, secret, scope)
        );
        Self { idp, bearer }
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.idp
            .ask(method, path, &format!("{}{headers}", self.bearer), body)
    }
}

fn create(by: &Asking<'_>, name: &str, scope: &str) -> Secret {
    let body = format!(r#"{{"client_id": "{name}", "scope": "{scope}"}}"#);
    let made = by.ask("POST", "/clients", JSON, &body);
    assert_eq!(made.status, 201, "{made:?}");
    let made: ick_api::idp::ClientSecret = serde_json::from_str(&made.body).unwrap();
    made.client_secret
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let other = create_client(state.path(), "other", "uapi_projects_post");
    let idp = Idp::start(state.path());
    let admin = Asking::new(&idp, "admin", &secret, "");

    let more = r#"{"client_id": "evil", "scope": "uapi_builds_get uapi_projects_post x"}"#;
    let refused = admin.ask("POST", "/clients", JSON, more);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer error=\"insufficient_scope\", scope=\"uapi_projects_post x\"")
    );
    // A scope for one thing is not had by having it for another, nor by having it for all.
    for scope in ["uapi_builds_get:x", "uapi_blobs_id_get:a"] {
        let body = format!(r#"{{"client_id": "evil", "scope": "{scope}"}}"#);
        assert_eq!(admin.ask("POST", "/clients", JSON, &body).status, 403);
    }
    // Taking over a client that may do more is the same thing.
    assert_eq!(
        admin.ask("POST", "/clients/other/+secret", "", "").status,
        403
    );
    idp.token_of("other", &other, "");
    assert_eq!(admin.ask("GET", "/clients/evil", "", "").status, 404);

    // It counts what the token holds, not what the client could have asked for.
    let less = Asking::new(&idp, "admin", &secret, "uapi_clients_post");
    let body = r#"{"client_id": "evil", "scope": "uapi_builds_get"}"#;
    assert_eq!(less.ask("POST", "/clients", JSON, body).status, 403);

    // Nor does it count for more than the client has by now: a token outlives its client.
    let gone = create(
        &admin,
        "gone",
        "uapi_clients_post uapi_clients_id_secret_post",
    );
    let gone = Asking::new(&idp, "gone", &gone, "");
    create(&admin, "mate", "uapi_clients_post");
    assert_eq!(admin.ask("DELETE", "/clients/gone", "", "").status, 200);
    let body = r#"{"client_id": "evil", "scope": "uapi_clients_post"}"#;
    assert_eq!(gone.ask("POST", "/clients", JSON, body).status, 403);
    let taken = gone.ask("POST", "/clients/mate/+secret", "", "");
    assert_eq!(taken.status, 403);

    // And each call needs its own scope.
    let nothing = Asking::new(&idp, "other", &other, "");
    for (method, path, scope) in [
        ("GET", "/clients", "uapi_clients_get"),
        ("POST", "/clients", "uapi_clients_post"),
        ("GET", "/clients/admin", "uapi_clients_id_get"),
        ("DELETE", "/clients/admin", "uapi_clients_id_delete"),
        (
            "POST",
            "/clients/admin/+secret",
            "uapi_clients_id_secret_post",
        ),
        ("GET", "/metrics", "uapi_metrics_get"),
    ] {
        let refused = nothing.ask(method, path, JSON, "{}");
        assert_eq!(refused.status, 403, "{method} {path}");
        assert_eq!(
            refused.header("www-authenticate"),
            Some(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"").as_str())
        );
        assert_eq!(idp.ask(method, path, JSON, "{}").status, 401);
    }
}

#[test]
fn what_is_wrong_with_a_request() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let idp = Idp::start(state.path());
    let admin = Asking::new(&idp, "admin", &secret, "");
    let post = |body: &str| admin.ask("POST", "/clients", JSON, body).status;
    assert_eq!(post(r#"{"client_id": "a", "scope": "uapi_work_get"}"#), 201);
    assert_eq!(post(r#"{"client_id": "a", "scope": "uapi_work_get"}"#), 409);
    assert_eq!(post(r#"{"client_id": "b", "scope": ""}"#), 201);
    assert_eq!(post(r#"{"client_id": "", "scope": ""}"#), 422);
    assert_eq!(post(r#"{"client_id": "../a", "scope": ""}"#), 422);
    assert_eq!(post(r#"{"client_id": "c", "scope": "\""}"#), 422);
    assert_eq!(post(r#"{"client_id": "c", "scope": "", "more": 1}"#), 422);
    assert_eq!(post(r#"{"client_id": "c"}"#), 422);
    assert_eq!(post(r#"{"client_id": "c", "scope"#), 400);
    assert_eq!(
        post(&format!(
            r#"{{"client_id": "c", "scope": "{}"}}"#,
            "uapi_work_get ".repeat(400)
        )),
        422
    );
    assert_eq!(post(&" ".repeat(2 << 20)), 413);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(admin.ask("POST", "/clients", form, "{}").status, 422);

    for (method, path, status) in [
        ("GET", "/clients/nobody", 404),
        ("DELETE", "/clients/nobody", 404),
        ("POST", "/clients/nobody/+secret", 404),
        ("GET", "/clients/..%2f..%2fetc", 400),
        ("GET", "/clients/a%00", 400),
        ("GET", "/clients/%ff", 400),
        ("GET", "/clients/a/+other", 404),
        ("GET", "/clients/a/+secret", 405),
        ("DELETE", "/clients/a/+secret", 405),
        ("POST", "/clients/a", 405),
        ("PUT", "/clients/a", 405),
        ("DELETE", "/clients", 405),
        ("GET", "/clients?limit=0", 400),
        ("GET", "/clients?limit=many", 400),
        ("GET", "/nothing", 404),
    ] {
        let refused = admin.ask(method, path, "", "");
        assert_eq!(refused.status, status, "{method} {path}: {refused:?}");
        assert_eq!(
            refused.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(refused.header("allow").is_some(), status == 405);
    }
}

#[test]
fn pages_and_preconditions() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "admin", ADMIN);
    let idp = Idp::start(state.path());
    let admin = Asking::new(&idp, "admin", &secret, "");
    for n in 0..5 {
        let body = format!(r#"{{"client_id": "w/{n}", "scope": ""}}"#);
        let made = admin.ask("POST", "/clients", JSON, &body);
        assert_eq!(
            made.header("location"),
            Some(format!("/clients/w/{n}").as_str())
        );
    }
    let mut path = "/clients?limit=4".to_owned();
    let mut names = Vec::new();
    loop {
        let page = admin.ask("GET", &path, "", "");
        let clients = page.json()["clients"].as_array().unwrap().clone();
        names.extend(
            clients
                .iter()
                .map(|one| one["client_id"].as_str().unwrap().to_owned()),
        );
        let Some(link) = page.header("link") else {
            break;
        };
        let next = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(next.1, "; rel=\"next\"");
        next.0.clone_into(&mut path);
    }
    assert_eq!(names, ["admin", "w/0", "w/1", "w/2", "w/3", "w/4"]);

    let etag = admin.ask("GET", "/clients/w/0", "", "");
    assert_eq!(etag.header("etag"), Some("\"1\""));
    admin.ask("POST", "/clients/w/0/+secret", "", "");
    let delete = |headers| admin.ask("DELETE", "/clients/w/0", headers, "").status;
    assert_eq!(delete("If-Match: \"1\"\r\n"), 412);
    assert_eq!(delete("If-Match: \"2\"\r\n"), 200);
    assert_eq!(delete("If-Match: \"2\"\r\n"), 404);
}
