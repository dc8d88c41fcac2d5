use super::*;
use crate::{Issuer, Scopes, Trust, Verifier, VerifyError};
use std::os::unix::fs::PermissionsExt;

const HOUR: Duration = Duration::from_secs(3600);
const ROTATION: Rotation = Rotation {
    key_lifetime: Duration::from_secs(90 * 24 * 3600),
    refresh: HOUR,
    token_lifetime: Duration::from_secs(300),
};
const URL: &str = "http://idp.example";

fn at(hours: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + hours * 3_600_000)
}

fn token(keyring: &Keyring, change: impl FnOnce(&mut Claims), now: Timestamp) -> Secret {
    let scopes: Scopes = "uapi_builds_get uapi_blobs_id_get:a/b".parse().unwrap();
    let lifetime = ROTATION.token_lifetime;
    let client = "me".parse().unwrap();
    let mut claims = Claims::new(URL, "ick", &client, &scopes, lifetime, now).unwrap();
    change(&mut claims);
    keyring.sign(&claims, now).unwrap()
}

fn verifier(keys: PublicKeys, trust: Trust) -> Verifier {
    let url = URL.to_owned();
    Verifier::new("ick", vec![Issuer { url, trust, keys }])
}

#[test]
fn a_token_round_trip() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let keyring = Keyring::open(&file, ROTATION, at(0)).unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let secret = token(&keyring, |_| {}, at(0));
    let verifier = verifier(keyring.public_keys(), Trust::Everything);
    let verified = verifier.verify(secret.reveal(), at(0)).unwrap();
    assert_eq!(verified.sub.as_str(), "me");
    assert_eq!(
        verified.scopes.to_string(),
        "uapi_blobs_id_get:a/b uapi_builds_get"
    );
    // The second time it is remembered; it ends nevertheless.
    assert!(verifier.verify(secret.reveal(), at(0)).is_ok());
    assert_eq!(
        verifier.verify(secret.reveal(), at(1)),
        Err(VerifyError::Expired)
    );

    // Opened again, the keys are the same.
    let again = Keyring::open(&file, ROTATION, at(0)).unwrap();
    assert_eq!(again.jwks(), keyring.jwks());
}

#[test]
fn what_is_not_accepted() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::open(folder.path().join("a"), ROTATION, at(0)).unwrap();
    let other = Keyring::open(folder.path().join("b"), ROTATION, at(0)).unwrap();
    let verifier = verifier(keyring.public_keys(), Trust::Everything);
    let judge = |token: &Secret| verifier.verify(token.reveal(), at(0)).map(|_| ());
    let claim = |change: fn(&mut Claims)| judge(&token(&keyring, change, at(0)));

    assert_eq!(claim(|_| {}), Ok(()));
    assert_eq!(
        claim(|c| c.iss = "http://evil".to_owned()),
        Err(VerifyError::Issuer)
    );
    assert_eq!(
        claim(|c| c.aud = "other".to_owned()),
        Err(VerifyError::Audience)
    );
    assert_eq!(claim(|c| c.iat += 29), Ok(()));
    assert_eq!(claim(|c| c.iat += 31), Err(VerifyError::NotYet));
    assert_eq!(claim(|c| c.nbf = Some(c.iat + 29)), Ok(()));
    assert_eq!(
        claim(|c| c.nbf = Some(c.iat + 31)),
        Err(VerifyError::NotYet)
    );
    assert_eq!(claim(|c| c.exp = c.iat - 29), Ok(()));
    assert_eq!(claim(|c| c.exp = c.iat - 30), Err(VerifyError::Expired));
    assert_eq!(
        claim(|c| c.scope = "\"".to_owned()),
        Err(VerifyError::Malformed)
    );
    assert_eq!(
        claim(|c| c.scope = "x".repeat(9000)),
        Err(VerifyError::TooLong)
    );
    assert_eq!(
        judge(&token(&other, |_| {}, at(0))),
        Err(VerifyError::UnknownKey(0))
    );

    let good = token(&keyring, |_| {}, at(0));
    let parts: Vec<&str> = good.reveal().split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts")
    };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let kid = &keyring.ring.lock().unwrap().keys[0].stored.kid.clone();
    let none = encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let hmac = encode(&format!(
        r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#
    ));
    let plain = encode(&format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#));
    let mut flipped = signature.to_owned();
    let first = if flipped.starts_with('A') { "B" } else { "A" };
    flipped.replace_range(..1, first);
    for (text, wrong) in [
        (String::new(), VerifyError::Malformed),
        ("a.b.c".to_owned(), VerifyError::Malformed),
        (format!("{header}.{payload}"), VerifyError::Malformed),
        (
            format!("{header}.{payload}.{flipped}"),
            VerifyError::Signature,
        ),
        (format!("{none}.{payload}."), VerifyError::Malformed),
        (
            format!("{hmac}.{payload}.{signature}"),
            VerifyError::Malformed,
        ),
        (
            format!("{plain}.{payload}.{signature}"),
            VerifyError::Malformed,
        ),
    ] {
        assert_eq!(judge(&Secret::new(text.clone())), Err(wrong), "{text}");
    }
    // An access token whose typ is not at+jwt, signed by the right key, is not one either.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.clone());
    let claims = Claims::new(
        URL,
        "ick",
        &"me".parse().unwrap(),
        &Scopes::default(),
        HOUR,
        at(0),
    );
    let ring = keyring.ring.lock().unwrap();
    let id_token = jsonwebtoken::encode(&header, &claims.unwrap(), &ring.keys[0].encoding).unwrap();
    assert_eq!(judge(&Secret::new(id_token)), Err(VerifyError::Malformed));
}

#[test]
fn a_second_issuer_counts_only_for_named_blobs() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::open(folder.path().join("a"), ROTATION, at(0)).unwrap();
    let verifier = verifier(keyring.public_keys(), Trust::NamedBlobs);
    let all = "uapi_blobs_get uapi_blobs_id_get uapi_blobs_id_get:a/b uapi_blobs_id_put:c \
               uapi_blobs_id_delete uapi_blobs_id_delete:c uapi_blobs_id_put:../x uapi_clients_post:c";
    let secret = token(&keyring, |c| c.scope = all.to_owned(), at(0));
    let verified = verifier.verify(secret.reveal(), at(0)).unwrap();
    assert_eq!(
        verified.scopes.to_string(),
        "uapi_blobs_id_delete:c uapi_blobs_id_get:a/b uapi_blobs_id_put:c"
    );
}

#[test]
fn keys_that_are_not_known_yet() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::open(folder.path().join("a"), ROTATION, at(0)).unwrap();
    let keys = PublicKeys::unknown();
    let verifier = verifier(keys.clone(), Trust::Everything);
    let secret = token(&keyring, |_| {}, at(0));
    assert_eq!(
        verifier.verify(secret.reveal(), at(0)),
        Err(VerifyError::NoKeys(0))
    );
    assert!(keys.replace("{}").is_err());
    assert!(matches!(
        keys.replace(r#"{"keys":[{"kty":"RSA","kid":"x"}]}"#),
        Err(crate::JwksError::Empty)
    ));
    keys.replace(&keyring.jwks()).unwrap();
    assert!(verifier.verify(secret.reveal(), at(0)).is_ok());
    // The issuer withdrew the key: what was good before is not any more.
    let other = Keyring::open(folder.path().join("b"), ROTATION, at(0)).unwrap();
    keys.replace(&other.jwks()).unwrap();
    assert_eq!(
        verifier.verify(secret.reveal(), at(0)),
        Err(VerifyError::UnknownKey(0))
    );
}

/// A verifier that fetches every `refresh`, at the worst moment, accepts every token at every time.
#[test]
fn rotation_never_surprises_a_verifier() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::open(folder.path().join("a"), ROTATION, at(0)).unwrap();
    let fetched = PublicKeys::unknown();
    fetched.replace(&keyring.jwks()).unwrap();
    let verifier = verifier(fetched.clone(), Trust::Everything);
    let mut kids = std::collections::BTreeSet::new();
    for hour in 0..400 * 24 {
        let now = at(hour);
        // Signs first with what it has, and only then fetches: its knowledge is an hour old.
        let secret = token(&keyring, |_| {}, now);
        verifier.verify(secret.reveal(), now).unwrap();
        let header = jsonwebtoken::decode_header(secret.reveal()).unwrap();
        kids.insert(header.kid.unwrap());
        keyring.rotate(now).unwrap();
        fetched.replace(&keyring.jwks()).unwrap();
        let keys = keyring.ring.lock().unwrap().keys.len();
        assert!(keys <= 2, "{keys} keys at hour {hour}");
    }
    assert_eq!(kids.len(), 5, "one key for each 90 days begun");
}

#[test]
fn damaged_files() {
    crate::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    assert!(!Keyring::check(&file).unwrap());
    drop(Keyring::open(&file, ROTATION, at(0)).unwrap());
    assert!(Keyring::check(&file).unwrap());
    let good = std::fs::read_to_string(&file).unwrap();
    for bad in [
        "",
        "{}",
        r#"{"v":1,"keys":[]}"#,
        &good.replace("\"v\":1", "\"v\":2"),
        &good.replace("\"kid\":\"", "\"kid\":\"x"),
        &good[..good.len() / 2],
    ] {
        std::fs::write(&file, bad).unwrap();
        assert!(
            matches!(Keyring::check(&file), Err(KeyringError::Damaged { .. })),
            "{bad}"
        );
        assert!(Keyring::open(&file, ROTATION, at(0)).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), bad, "left alone");
    }
}
