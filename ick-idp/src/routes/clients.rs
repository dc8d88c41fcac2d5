//! `/clients…`: creating, listing and removing API clients. A caller gives away only what it holds, and
//! changes no client that holds more.

use super::Idp;
use crate::clients::{Client, Created, MAX_SCOPE};
use ick_api::idp::{self as wire, NewClient};
use ick_api::scope::{ClientsGet, ClientsIdDelete, ClientsIdGet, ClientsIdSecretPost, ClientsPost};
use ick_core::name::ClientId;
use ick_core::secret::Secret;
use ick_http::axum::extract::State;
use ick_http::axum::http::header::{CACHE_CONTROL, ETAG, LOCATION, WWW_AUTHENTICATE};
use ick_http::axum::http::{HeaderMap, StatusCode};
use ick_http::axum::response::IntoResponse;
use ick_http::{
    Authorized, Caller, Json, Methods, NamePath, Page, Refusal, Response, axum, blocking, if_match,
    now, revision_tag,
};
use ick_token::Scopes;
use serde_json::{Value, json};

const SECRET: &str = "+secret";

/// What can be asked of a client.
pub(super) const CLIENT: Methods = Methods {
    name: "GET, DELETE",
    below: &[(SECRET, "POST")],
};

pub(super) async fn list(
    State(idp): State<Idp>,
    _: Authorized<ClientsGet>,
    page: Page,
) -> Result<Response, Refusal> {
    blocking(move || {
        let mut clients = idp.0.clients.list(page.after.as_deref(), page.limit + 1)?;
        let next = page.cut(&mut clients, |client| client.id.to_string());
        let clients = clients.into_iter().map(shown).collect();
        Ok(page.answer(&wire::Clients { clients }, next.as_deref()))
    })
    .await
}

pub(super) async fn create(
    State(idp): State<Idp>,
    caller: Authorized<ClientsPost>,
    Json(new): Json<NewClient>,
) -> Result<Response, Refusal> {
    let scopes: Scopes = new
        .scope
        .parse()
        .map_err(|error: ick_token::ScopeError| Refusal::unprocessable(error.to_string()))?;
    if new.scope.len() > MAX_SCOPE {
        return Err(Refusal::unprocessable(format!(
            "a client's scopes have at most {MAX_SCOPE} characters"
        )));
    }
    blocking(move || {
        check_holds(&held(&idp, &caller)?, &scopes)?;
        idp.0.room.expect(0)?;
        let owner = caller.sub().as_str();
        match idp
            .0
            .clients
            .create(&new.client_id, &scopes, owner, now())?
        {
            Created::New(client, secret) => {
                let mut response = secret_answer(&client, &secret);
                *response.status_mut() = StatusCode::CREATED;
                // A name has no character that a header or a path cannot have.
                if let Ok(place) = format!("/clients/{}", client.id).parse() {
                    response.headers_mut().insert(LOCATION, place);
                }
                Ok(response)
            }
            Created::Exists => Err(Refusal::conflict(format!(
                "there is a client {} already",
                new.client_id
            ))),
        }
    })
    .await
}

pub(super) async fn get(
    State(idp): State<Idp>,
    caller: Caller,
    path: NamePath,
) -> Result<Response, Refusal> {
    CLIENT.expect_name(&path)?;
    let _: Authorized<ClientsIdGet> = caller.authorize()?;
    let id: ClientId = path.parse()?;
    blocking(move || {
        let client = idp.0.clients.get(&id)?.ok_or_else(|| unknown(&id))?;
        let etag = revision_tag(client.revision);
        Ok(([(ETAG, etag)], axum::Json(shown(client))).into_response())
    })
    .await
}

pub(super) async fn delete(
    State(idp): State<Idp>,
    caller: Caller,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    CLIENT.expect_name(&path)?;
    let caller: Authorized<ClientsIdDelete> = caller.authorize()?;
    let id: ClientId = path.parse()?;
    blocking(move || {
        let held = held(&idp, &caller)?;
        // Whoever deletes a client can make another one of its name, and what is its name's is that
        // one's: a worker's leases, say.
        let deleted = idp.0.clients.delete(&id, |client| {
            check_holds(&held, &client.scopes)?;
            if_match(&headers, Some(&client.revision.to_string()))
        })?;
        let client = deleted.ok_or_else(|| unknown(&id))?;
        Ok(axum::Json(shown(client)).into_response())
    })
    .await
}

/// `POST /clients/ID/+secret`.
pub(super) async fn post_below(
    State(idp): State<Idp>,
    caller: Caller,
    path: NamePath,
) -> Result<Response, Refusal> {
    if path.suffix.as_deref() != Some(SECRET) {
        return Err(CLIENT.refusal(&path));
    }
    let caller: Authorized<ClientsIdSecretPost> = caller.authorize()?;
    let id: ClientId = path.parse()?;
    blocking(move || {
        let by = caller.sub().as_str();
        let held = held(&idp, &caller)?;
        // Whoever gets the secret can do what the client can do.
        let renewed = idp
            .0
            .clients
            .renew_secret(&id, by, now(), |client| check_holds(&held, &client.scopes))?;
        let (client, secret) = renewed.ok_or_else(|| unknown(&id))?;
        Ok(secret_answer(&client, &secret))
    })
    .await
}

/// What a caller can give away: what its token allows, as far as the client still has it. A token
/// outlives its client by minutes, which must not be enough to make another one.
fn held(idp: &Idp, caller: &Caller) -> Result<Scopes, Refusal> {
    let present = idp.0.clients.get(caller.sub())?;
    let present = present.map_or_else(Scopes::default, |client| client.scopes);
    let held = caller.scopes().clone();
    Ok(held.filtered(|scope| present.contains(scope)))
}

/// Nobody gives away what they do not have.
fn check_holds(held: &Scopes, scopes: &Scopes) -> Result<(), Refusal> {
    let missing: Vec<&str> = scopes.missing_in(held).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{missing}\"");
    Err(Refusal::forbidden(format!(
        "only a client whose scopes you all hold can be made, changed or deleted by you; you lack: {missing}"
    ))
    .with_text(WWW_AUTHENTICATE, &challenge))
}

fn unknown(id: &ClientId) -> Refusal {
    Refusal::not_found(format!("there is no client {id}"))
}

fn shown(client: Client) -> wire::Client {
    wire::Client {
        client_id: client.id,
        scope: client.scopes.to_string(),
        owner: client.owner,
        revision: client.revision,
        updated_by: client.updated_by,
    }
}

/// A client and its secret: the one time that it is shown.
pub fn with_secret(client: &Client, secret: &Secret) -> Value {
    json!({
        "client_id": client.id,
        "client_secret": secret.reveal(),
        "scope": client.scopes,
    })
}

fn secret_answer(client: &Client, secret: &Secret) -> Response {
    (
        [(CACHE_CONTROL, "no-store")],
        axum::Json(with_secret(client, secret)),
    )
        .into_response()
}
