//! The identity provider's calls.

use crate::api::Api;
use crate::daemon;
use ick_api::idp::{
    Client, ClientSecret, Clients, Discovery, Jwks, NewClient, TokenAnswer, TokenError,
};
use ick_api::scope::{ClientsGet, ClientsIdDelete, ClientsIdGet, ClientsIdSecretPost, ClientsPost};
use ick_core::name::ClientId;
use serde_json::{Value, json};

const CLIENT: &str = "/clients/{id}";
const ID: &str = "The client's name.";

/// The description of `ick-idp`.
pub fn idp() -> Value {
    let mut api = Api::new(
        "Ick's identity provider",
        "API clients, what they may do, and their access tokens.",
    );
    daemon::describe(&mut api);
    api.get("/jwks.json", "The keys of its tokens", |call| {
        call.gives::<Jwks>(200, "A JSON Web Key Set (RFC 7517).")
    });
    api.get(
        "/.well-known/openid-configuration",
        "What it offers",
        |call| call.gives::<Discovery>(200, "As in OpenID Connect Discovery."),
    );
    api.post("/token", "Get an access token", |call| {
        let form = json!({
            "type": "object",
            "required": ["grant_type"],
            "properties": {
                "grant_type": {"const": "client_credentials"},
                "scope": {"type": "string", "description": "Scopes, separated by spaces; all that the client has when left out."},
                "client_id": {"type": "string"},
                "client_secret": {"type": "string"},
            },
        });
        call.note("Name and secret are in HTTP Basic or in the form (RFC 6749, section 2.3.1).")
            .takes_kind("application/x-www-form-urlencoded", &form, true)
            .gives::<TokenAnswer>(200, "A token.")
            .gives::<TokenError>(400, "As in RFC 6749, section 5.2.")
            .gives::<TokenError>(401, "There is no such client with that secret.")
            .says(401, "WWW-Authenticate", "How to authenticate.")
            .refuses(&[503])
    });
    api.get("/clients", "List clients", |call| {
        call.scope::<ClientsGet>()
            .pages()
            .gives::<Clients>(200, "A page of them, in the order of their names.")
            .says(200, "Link", "The next page, where there is one.")
    });
    api.post("/clients", "Create a client", |call| {
        call.scope::<ClientsPost>()
            .note("A caller gives away only scopes that it holds itself.")
            .takes::<NewClient>()
            .gives::<ClientSecret>(201, "The client with its secret, which is shown this once.")
            .says(201, "Location", "Its address.")
            .refuses(&[409, 507])
    });
    api.get(CLIENT, "Read a client", |call| {
        call.name::<ClientId>("id", ID)
            .scope::<ClientsIdGet>()
            .gives::<Client>(200, "The client, without its secret.")
            .says(200, "ETag", "Its revision.")
            .refuses(&[404])
    });
    api.delete(CLIENT, "Delete a client", |call| {
        call.name::<ClientId>("id", ID)
            .scope::<ClientsIdDelete>()
            .if_match()
            .gives::<Client>(200, "The client as it was.")
            .refuses(&[404, 507])
    });
    api.post(
        "/clients/{id}/+secret",
        "Give a client a new secret",
        |call| {
            call.name::<ClientId>("id", ID)
                .scope::<ClientsIdSecretPost>()
                .note("Only for a client whose scopes the caller holds itself.")
                .gives::<ClientSecret>(200, "The new secret, which is shown this once.")
                .refuses(&[404, 507])
        },
    );
    api.described()
}
