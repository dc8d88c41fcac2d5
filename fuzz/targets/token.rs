//! Access tokens: of arbitrary bytes, of good tokens that were changed and of arbitrary claims under a
//! good signature, nothing is accepted but a token exactly as it was issued, for here and for now.

#![no_main]

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ick_core::time::Timestamp;
use ick_token::{
    Claims, Issuer, Keyring, LEEWAY, MAX_TOKEN, PublicKeys, Rotation, Trust, Verified, Verifier,
    VerifyError,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Seconds since 1970.
const NOW: u64 = 1_800_000_000;
const IDP: &str = "http://idp.example";
const CONTROLLER: &str = "http://ci.example";

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// An installation with two issuers, whose keys and tokens are the same in every run.
struct World {
    pair: Ed25519KeyPair,
    kid: String,
    good: Vec<String>,
    verifier: Verifier,
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let world = &*WORLD;
    match kind % 4 {
        0 => {
            if let Ok(token) = std::str::from_utf8(data) {
                world.only_the_good(token);
            }
        }
        1 => world.only_the_good(&world.changed(data)),
        2 => world.only_the_right(data),
        _ => {
            if let Ok(text) = std::str::from_utf8(data) {
                keys(text);
            }
        }
    }
});

impl World {
    fn new() -> Self {
        ick_token::install_crypto_provider();
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let public = BASE64.encode(pair.public_key().as_ref());
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
        let kid = BASE64.encode(digest(&SHA256, members.as_bytes()));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("keys.json");
        let private = pair.to_pkcs8v1().expect("a key");
        let stored = json!({"v": 1, "keys": [
            {"kid": kid, "signs_from": 0, "private": BASE64.encode(private.as_ref())},
        ]});
        std::fs::write(&file, stored.to_string()).expect("a file");
        let now = Timestamp::from_millis(NOW * 1000);
        let rotation = Rotation {
            key_lifetime: Duration::from_secs(100 * 365 * 24 * 3600),
            refresh: Duration::from_secs(3600),
            token_lifetime: Duration::from_secs(300),
        };
        let keyring = Keyring::open(file, rotation, now).expect("a key ring");
        let issuer = |url: &str, trust| Issuer {
            url: url.to_owned(),
            trust,
            keys: keyring.public_keys(),
        };
        let verifier = Verifier::new(
            "ick",
            vec![
                issuer(IDP, Trust::Everything),
                issuer(CONTROLLER, Trust::NamedBlobs),
            ],
        );
        let claims = |iss: &str, sub: &str, scope: &str| Claims {
            iss: iss.to_owned(),
            sub: sub.parse().expect("a name"),
            client_id: sub.parse().expect("a name"),
            aud: "ick".to_owned(),
            iat: NOW,
            exp: NOW + 300,
            nbf: None,
            jti: "1".to_owned(),
            scope: scope.to_owned(),
        };
        let good = [
            claims(IDP, "me", "uapi_projects_get uapi_work_get"),
            claims(IDP, "worker-1", ""),
            claims(
                CONTROLLER,
                "worker-1",
                "uapi_blobs_id_get:a/b uapi_projects_get",
            ),
        ];
        let good = good
            .iter()
            .map(|claims| {
                keyring
                    .sign(claims, now)
                    .expect("a token")
                    .reveal()
                    .to_owned()
            })
            .collect();
        let world = Self {
            pair,
            kid,
            good,
            verifier,
        };
        for token in &world.good {
            world.verify(token).expect("a good token");
        }
        world
    }

    fn verify(&self, token: &str) -> Result<Arc<Verified>, VerifyError> {
        self.verifier
            .verify(token, Timestamp::from_millis(NOW * 1000))
    }

    fn only_the_good(&self, token: &str) {
        let accepted = self.verify(token).is_ok();
        assert_eq!(
            accepted,
            self.good.iter().any(|good| good == token),
            "{token}"
        );
    }

    /// A good token with changes: what is done, where, and with which byte.
    fn changed(&self, data: &[u8]) -> String {
        let (which, changes) = data.split_first().unwrap_or((&0, &[]));
        let mut token = self.good[usize::from(*which) % self.good.len()]
            .clone()
            .into_bytes();
        for change in changes.chunks_exact(4) {
            let [what, high, low, byte] = *change else {
                break;
            };
            let at = usize::from(u16::from_be_bytes([high, low])) % (token.len() + 1);
            // Whatever else it says, it stays text.
            let byte = byte & 0x7f;
            match what % 6 {
                0 => token.insert(at, byte),
                1 if at < token.len() => drop(token.remove(at)),
                2 if at < token.len() => token[at] = byte,
                3 => token.truncate(at),
                4 => token.extend_from_within(at..),
                // A part of another good token in place of its own.
                5 => {
                    let other = &self.good[usize::from(byte) % self.good.len()];
                    let part = at % 3;
                    let text = String::from_utf8(token).expect("ASCII");
                    let mut parts: Vec<&str> = text.split('.').collect();
                    if let (Some(mine), Some(theirs)) =
                        (parts.get_mut(part), other.split('.').nth(part))
                    {
                        *mine = theirs;
                    }
                    token = parts.join(".").into_bytes();
                }
                _ => {}
            }
            token.truncate(2 * MAX_TOKEN);
        }
        String::from_utf8(token).expect("ASCII")
    }

    /// A header and claims of any kind, with a good signature.
    fn only_the_right(&self, data: &[u8]) {
        let (header, payload) = data
            .iter()
            .position(|byte| *byte == 0)
            .map_or((&b""[..], data), |at| (&data[..at], &data[at + 1..]));
        let usual = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid}).to_string();
        // An input cannot know the key's name.
        let named = String::from_utf8_lossy(header).replace("KID", &self.kid);
        let header = named.as_bytes();
        let header = if header.is_empty() {
            usual.as_bytes()
        } else {
            header
        };
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let signature = self.pair.sign(signed.as_bytes());
        let token = format!("{signed}.{}", BASE64.encode(signature.as_ref()));
        let Ok(verified) = self.verify(&token) else {
            return;
        };
        assert!(token.len() <= MAX_TOKEN);
        let header: Value = serde_json::from_slice(header).expect("a header is JSON");
        assert_eq!(header["alg"], "EdDSA");
        assert_eq!(header["kid"], self.kid.as_str());
        let kind = header["typ"].as_str().expect("a typ").to_ascii_lowercase();
        assert!(["at+jwt", "application/at+jwt"].contains(&&*kind), "{kind}");
        let claims: Claims = serde_json::from_slice(payload).expect("claims");
        assert_eq!(claims.iss, [IDP, CONTROLLER][verified.issuer]);
        assert_eq!(claims.aud, "ick");
        assert_eq!(claims.sub, verified.sub);
        assert!(claims.exp.saturating_add(LEEWAY.as_secs()) > NOW);
        assert!(claims.iat <= NOW + LEEWAY.as_secs());
        assert!(claims.nbf.is_none_or(|nbf| nbf <= NOW + LEEWAY.as_secs()));
        assert!(header.get("crit").is_none());
        for scope in verified.scopes.iter() {
            assert!(claims.scope.split(' ').any(|said| said == scope));
            assert!(verified.issuer == 0 || scope.starts_with("uapi_blobs_id_"));
        }
    }
}

fn keys(text: &str) {
    let keys = PublicKeys::unknown();
    if keys.replace(text).is_ok() {
        let issuer = Issuer {
            url: IDP.to_owned(),
            trust: Trust::Everything,
            keys,
        };
        let verifier = Verifier::new("ick", vec![issuer]);
        let now = Timestamp::from_millis(NOW * 1000);
        for good in &WORLD.good[..2] {
            let _ = verifier.verify(good, now);
        }
    }
}
