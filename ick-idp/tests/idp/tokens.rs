use crate::process::{ADMIN, Idp, create_client};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ick_core::time::Timestamp;
use ick_token::{Issuer, PublicKeys, Trust, Verifier, VerifyError};
use serde_json::{Value, json};
use std::time::SystemTime;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(u64::try_from(since.unwrap().as_millis()).unwrap())
}

fn basic(name: &str, secret: &str) -> String {
    let text = STANDARD.encode(format!("{name}:{secret}"));
    format!("Authorization: Basic {text}\r\n")
}

/// What any server does with a token: it looks at the keys that are shown, and asks nobody.
#[test]
fn a_token_is_good_by_the_keys_that_are_shown() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "me", ADMIN);
    let idp = Idp::start(state.path());

    let discovery = idp.client().discovery().unwrap();
    assert_eq!(discovery.issuer, idp.url);
    assert_eq!(discovery.token_endpoint, format!("{}/token", idp.url));
    assert_eq!(discovery.jwks_uri, format!("{}/jwks.json", idp.url));
    let jwks = idp.ask("GET", "/jwks.json", "", "");
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=3600"));

    let keys = PublicKeys::unknown();
    keys.replace(&jwks.body).unwrap();
    let issuer = |url: &str| {
        vec![Issuer {
            url: url.to_owned(),
            trust: Trust::Everything,
            keys: keys.clone(),
        }]
    };
    let verifier = Verifier::new("ick", issuer(&discovery.issuer));
    let token = idp.token_of("me", &secret, "");
    let verified = verifier.verify(&token, now()).unwrap();
    assert_eq!(verified.sub.as_str(), "me");
    assert_eq!(verified.scopes.to_string(), ADMIN);

    let elsewhere = Verifier::new("ick", issuer("http://elsewhere"));
    assert_eq!(elsewhere.verify(&token, now()), Err(VerifyError::Issuer));
    let other = Verifier::new("other", issuer(&discovery.issuer));
    assert_eq!(other.verify(&token, now()), Err(VerifyError::Audience));

    // RFC 9068: the header and the claims, exactly.
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| {
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
                .decode(part)
                .unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
        .collect();
    assert_eq!(parts[0]["typ"], "at+jwt");
    assert_eq!(parts[0]["alg"], "EdDSA");
    let shown: Value = serde_json::from_str(&jwks.body).unwrap();
    assert_eq!(parts[0]["kid"], shown["keys"][0]["kid"]);
    let claims = parts[1].as_object().unwrap();
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "aud",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub"
        ]
    );
    assert_eq!(claims["aud"], "ick");
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        300
    );
}

#[test]
fn ways_to_ask_for_a_token() {
    let state = tempfile::tempdir().unwrap();
    let name = "team/a+b~c";
    let secret = create_client(state.path(), name, "uapi_builds_get uapi_work_get");
    let idp = Idp::start(state.path());
    let secret = secret.reveal();
    let grant = "grant_type=client_credentials";
    let whole = "uapi_builds_get uapi_work_get";
    let form = format!("{grant}&client_id=team%2Fa%2Bb~c&client_secret={secret}");
    for (headers, form, scope) in [
        (basic(name, secret), grant.to_owned(), whole),
        (basic("team%2Fa%2Bb%7Ec", secret), grant.to_owned(), whole),
        (
            basic(name, secret),
            format!("{grant}&client_id=team%2Fa%2Bb~c"),
            whole,
        ),
        (String::new(), form.clone(), whole),
        (String::new(), format!("{form}&scope="), whole),
        (String::new(), format!("{form}&other=x&other=y"), whole),
        (
            String::new(),
            format!("{form}&scope=uapi_work_get"),
            "uapi_work_get",
        ),
        (
            String::new(),
            format!("{form}&scope=uapi_work_get+uapi_builds_get+uapi_work_get"),
            whole,
        ),
    ] {
        let answer = idp.token(&headers, &form);
        assert_eq!(answer.status, 200, "{headers}{form}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let mut body = answer.json();
        body["access_token"].take();
        assert_eq!(
            body,
            json!({"access_token": null, "token_type": "Bearer", "expires_in": 300, "scope": scope})
        );
    }
    // The client of the other programs does it too.
    let credentials = ick_client::Credentials {
        client_id: name.parse().unwrap(),
        client_secret: ick_core::secret::Secret::new(secret),
    };
    let answer = idp.client().token(&credentials, None).unwrap();
    assert_eq!(answer.scope, whole);
}

#[test]
fn refusals_by_rfc_6749() {
    let state = tempfile::tempdir().unwrap();
    let secret = create_client(state.path(), "me", "uapi_builds_get");
    let idp = Idp::start(state.path());
    let secret = secret.reveal();
    let grant = "grant_type=client_credentials";
    let form = format!("{grant}&client_id=me&client_secret={secret}");
    let none = String::new();
    for (headers, form, status, error) in [
        (none.clone(), none.clone(), 400, "invalid_request"),
        (
            none.clone(),
            "grant_type=".to_owned(),
            400,
            "invalid_request",
        ),
        (
            none.clone(),
            form.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
        ),
        (
            none.clone(),
            format!("{form}&{grant}"),
            400,
            "invalid_request",
        ),
        (
            none.clone(),
            format!("{form}&client_id=me"),
            400,
            "invalid_request",
        ),
        (basic("me", secret), form.clone(), 400, "invalid_request"),
        (
            basic("me", secret),
            format!("{grant}&client_id=you"),
            400,
            "invalid_request",
        ),
        (
            none.clone(),
            format!("{form}&scope=uapi_work_get"),
            400,
            "invalid_scope",
        ),
        (
            none.clone(),
            format!("{form}&scope=uapi_builds_get+nonsense"),
            400,
            "invalid_scope",
        ),
        (
            none.clone(),
            format!("{form}&scope=%22"),
            400,
            "invalid_scope",
        ),
        (none.clone(), grant.to_owned(), 401, "invalid_client"),
        (
            none.clone(),
            format!("{grant}&client_id=me"),
            401,
            "invalid_client",
        ),
        (none.clone(), format!("{form}x"), 401, "invalid_client"),
        (
            none.clone(),
            form.replace("=me", "=you"),
            401,
            "invalid_client",
        ),
        (
            none.clone(),
            form.replace("=me", "=%00%ff"),
            401,
            "invalid_client",
        ),
        (basic("me", ""), grant.to_owned(), 401, "invalid_client"),
        (basic("", ""), grant.to_owned(), 401, "invalid_client"),
        (
            "Authorization: Basic !\r\n".to_owned(),
            form.clone(),
            401,
            "invalid_client",
        ),
        (
            "Authorization: Bearer x\r\n".to_owned(),
            form.clone(),
            401,
            "invalid_client",
        ),
        (
            basic("me", secret).repeat(2),
            grant.to_owned(),
            401,
            "invalid_client",
        ),
    ] {
        let answer = idp.token(&headers, &form);
        assert_eq!(answer.status, status, "{headers}{form}: {answer:?}");
        assert_eq!(answer.json()["error"], error, "{headers}{form}");
        let challenge = (status == 401).then_some("Basic realm=\"ick\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
        assert!(!answer.body.contains(secret));
    }
    let json = idp.ask("POST", "/token", "Content-Type: application/json\r\n", "{}");
    assert_eq!(
        (json.status, json.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
    assert_eq!(idp.token("", &"x".repeat(20_000)).status, 413);
    let get = idp.ask("GET", "/token", "", "");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(idp.token("", &form).status, 200, "after all that");
}
