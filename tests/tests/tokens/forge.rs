//! Tokens made by hand, with a daemon's own signing key or another one.

use crate::wire;
use anyhow::{Context, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ick_client::{Credentials, Idp};
use ick_core::secret::Secret;
use ick_tests::Ick;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An installation that is up, and where its servers are.
pub(crate) struct World {
    pub(crate) ick: Ick,
    pub(crate) controller: String,
    pub(crate) store: String,
    pub(crate) idp: String,
}

/// A key and the name that tokens call it by.
pub(crate) struct Signer {
    pub(crate) pair: Ed25519KeyPair,
    pub(crate) kid: String,
}

/// Bytes as base64url text.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

impl World {
    pub(crate) fn up() -> Result<Self> {
        Self::of(Ick::up()?)
    }

    /// An installation whose daemon has these lines of configuration besides its own.
    pub(crate) fn with_setting(daemon: &str, lines: &str) -> Result<Self> {
        let ick = Ick::up()?;
        let file = ick.state().join(daemon).join("config.yaml");
        let settings = std::fs::read_to_string(&file)?;
        std::fs::write(&file, format!("{settings}{lines}"))?;
        ick.down()?;
        ick.start()?;
        Self::of(ick)
    }

    pub(crate) fn of(ick: Ick) -> Result<Self> {
        let up = ick.up_file()?;
        let url = |server: &str| {
            let url = up[server]["url"].as_str().map(str::to_owned);
            url.with_context(|| format!("no URL of {server}"))
        };
        Ok(Self {
            controller: url("controller")?,
            store: url("store")?,
            idp: url("idp")?,
            ick,
        })
    }

    /// Each server with a path that every scope is enough for.
    pub(crate) fn servers(&self) -> [(&str, &'static str); 3] {
        [
            (&self.controller, "/projects"),
            (&self.store, "/blobs"),
            (&self.idp, "/clients"),
        ]
    }

    /// The key that a daemon, `idp` or `controller`, signs with.
    pub(crate) fn signer(&self, daemon: &str) -> Result<Signer> {
        let file = self.ick.state().join(daemon).join("keys.json");
        let keys: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let key = &keys["keys"][0];
        let text = |field: &str| key[field].as_str().context("not a key's form");
        let private = URL_SAFE_NO_PAD.decode(text("private")?)?;
        Ok(Signer {
            pair: Ed25519KeyPair::from_pkcs8(&private)
                .ok()
                .context("no Ed25519 key")?,
            kid: text("kid")?.to_owned(),
        })
    }

    /// Claims with every scope that all three servers accept.
    pub(crate) fn claims(&self) -> Result<Value> {
        let now = now()?;
        Ok(json!({
            "iss": self.idp,
            "sub": "somebody",
            "client_id": "somebody",
            "aud": "ick",
            "iat": now,
            "exp": now + 300,
            "jti": "1",
            "scope": ick_api::scope::ALL.join(" "),
        }))
    }

    /// Makes a client with these scopes, separated by spaces.
    pub(crate) fn client(&self, name: &str, scope: &str) -> Result<Credentials> {
        let made = self
            .ick
            .run(&["create-client", name, "--scope", scope, "--format", "json"])?
            .exits(0)?
            .json()?;
        let secret = made["client_secret"].as_str().context("no secret")?;
        Ok(Credentials {
            client_id: name.parse()?,
            client_secret: Secret::new(secret),
        })
    }

    /// A token for a client: with these of its scopes, or all.
    pub(crate) fn token(&self, of: &Credentials, scope: Option<&str>) -> Result<String> {
        let answer = Idp::new(&self.idp)?.token(of, scope)?;
        Ok(answer.access_token.reveal().to_owned())
    }

    /// A token for a new client with these scopes.
    pub(crate) fn token_with(&self, name: &str, scope: &str) -> Result<String> {
        self.token(&self.client(name, scope)?, None)
    }

    /// A token with every scope.
    pub(crate) fn whole_token(&self) -> Result<String> {
        let token = self.ick.run(&["token"])?.exits(0)?;
        Ok(token.stdout.trim().to_owned())
    }

    /// That a token is taken by all three servers.
    pub(crate) fn accept(&self, what: &str, token: &str) -> Result<()> {
        for (url, path) in self.servers() {
            wire::call(url, token, "GET", path, "")?.is(200, &format!("{what} at {path}"))?;
        }
        Ok(())
    }

    /// That a token is refused by all three servers, and not repeated in their answers.
    pub(crate) fn refuse(&self, what: &str, token: &str) -> Result<()> {
        for (url, path) in self.servers() {
            let what = format!("{what} at {path}");
            let answer = wire::call(url, token, "GET", path, "")?;
            let signature = token.rsplit('.').next().unwrap_or_default();
            anyhow::ensure!(
                signature.len() < 40 || !format!("{answer:?}").contains(signature),
                "{what}: {answer:?}"
            );
            answer.refuses_token(&what)?;
        }
        Ok(())
    }
}

impl Signer {
    /// A key that nobody else has, under this name.
    pub(crate) fn new(kid: &str) -> Result<Self> {
        Ok(Self {
            pair: Ed25519KeyPair::generate().ok().context("no key")?,
            kid: kid.to_owned(),
        })
    }

    /// The header that Ick writes.
    pub(crate) fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid})
    }

    /// The public key.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public key as a JWK (RFC 8037).
    pub(crate) fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": encode(self.public()), "kid": self.kid})
    }

    /// The public key as PEM, which is where the mix-up of HMAC and signature keys comes from.
    pub(crate) fn pem(&self) -> String {
        let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
        der.extend_from_slice(self.public());
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// The signature of a text.
    pub(crate) fn signature(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }

    /// A signed token of two texts, whatever they are.
    pub(crate) fn sign_texts(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = encode(self.signature(&message));
        format!("{message}.{signature}")
    }

    /// A signed token.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// A token with these claims, as Ick signs it.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

/// The same object with one field replaced, or removed for null.
pub(crate) fn with(object: &Value, field: &str, value: Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        match value {
            Value::Null => drop(fields.remove(field)),
            value => drop(fields.insert(field.to_owned(), value)),
        }
    }
    object
}
