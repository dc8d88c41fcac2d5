//! The artifact store's calls.

use crate::address::query;
use crate::call::{Call, Server};
use crate::error::Error;
use crate::idp;
use crate::retry::{Backoff, Retry};
use crate::tls::Authorities;
use crate::token::TokenSource;
use ick_api::store::{Blob, Blobs, Stored};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};
use std::time::Duration;
use ureq::BodyReader;

/// How long the store may take to make a large blob durable before it answers.
const STORING: Duration = Duration::from_secs(600);

/// An artifact store.
#[derive(Clone, Debug)]
pub struct Store {
    server: Server,
}

/// How to upload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upload {
    /// The length, where it is known; sent in chunks otherwise.
    pub length: Option<u64>,
    /// The digest, where it is known: sent before the content, so that the store keeps nothing else.
    pub digest: Option<Digest>,
    /// Refuse (412) when the name exists.
    pub only_new: bool,
}

impl Store {
    /// The store at a URL.
    ///
    /// # Errors
    /// When the text is no server's URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            server: Server::new(url)?,
        })
    }

    /// With these tokens.
    #[must_use]
    pub fn with_token(mut self, token: TokenSource) -> Self {
        self.server.token = Some(token);
        self
    }

    /// With these authorities for its certificate, when its URL is https; the platform's otherwise.
    #[must_use]
    pub fn with_authorities(mut self, authorities: &Authorities) -> Self {
        self.server = self.server.with_authorities(authorities);
        self
    }

    /// With other retries than [`Retry::BRIEF`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.server.retry = retry;
        self
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        self.server.address.as_str()
    }

    /// Whether it serves; tried once.
    ///
    /// # Errors
    /// When it does not.
    pub fn healthz(&self) -> Result<(), Error> {
        idp::healthz(&self.server)
    }

    /// `GET /version`, as JSON.
    ///
    /// # Errors
    /// Those of any call.
    pub fn version(&self) -> Result<serde_json::Value, Error> {
        self.server.json(&Call::get("/version").without_token())
    }

    /// `PUT /blobs/NAME`, streamed, tried once: the caller has the content a second time or not. A
    /// refusal (401, 403, 412, 413, …) comes before the content is sent (`Expect: 100-continue`).
    /// The digest is computed on the way and compared with the store's.
    ///
    /// # Errors
    /// Those of any call; [`Error::Digest`] when the store has something else than was read;
    /// [`Error::Local`] when the content cannot be read.
    pub fn put(
        &self,
        name: &BlobName,
        content: &mut dyn Read,
        upload: Upload,
    ) -> Result<Stored, Error> {
        let mut call = Call::put(format!("/blobs/{name}"))
            .header("content-type", "application/octet-stream")
            .header("expect", "100-continue")
            .wait(STORING);
        if let Some(digest) = upload.digest {
            let bytes = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                digest.as_bytes(),
            );
            call = call.header("repr-digest", format!("sha-256=:{bytes}:"));
        }
        if upload.only_new {
            call = call.header("if-none-match", "*");
        }
        let mut content = Digesting::new(content);
        let answer = self.server.upload(&call, upload.length, &mut content);
        if let Some(source) = content.failed {
            return Err(Error::Local {
                what: format!("reading what is to be {name}"),
                source,
            });
        }
        let stored: Stored = self.server.read_json(answer?)?;
        let sent = finish(content.hash);
        if stored.digest != sent {
            return Err(Error::Digest {
                what: name.to_string(),
                expected: sent.to_string(),
                found: stored.digest.to_string(),
            });
        }
        Ok(stored)
    }

    /// `HEAD /blobs/NAME`: digest and size, as far as the store says them.
    ///
    /// # Errors
    /// Those of any call.
    pub fn head(&self, name: &BlobName) -> Result<(Option<Digest>, Option<u64>), Error> {
        let answer = self.server.send(&Call::head(format!("/blobs/{name}")))?;
        let text = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        Ok((
            text("etag").and_then(digest_of_etag),
            text("content-length").and_then(|v| v.parse().ok()),
        ))
    }

    /// `GET /blobs/NAME`, its present content or an older one.
    ///
    /// # Errors
    /// Those of any call.
    pub fn get(&self, name: &BlobName, version: Option<Digest>) -> Result<Download, Error> {
        let query = query(&[("version", version.map(|d| d.to_string()))]);
        let answer = self
            .server
            .send(&Call::get(format!("/blobs/{name}{query}")))?;
        let text = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let digest = text("etag").and_then(digest_of_etag);
        let size = text("content-length").and_then(|v| v.parse().ok());
        Ok(Download {
            server: self.server.clone(),
            name: name.clone(),
            digest: digest.or(version),
            size,
            received: 0,
            hash: Sha256::new(),
            backoff: Retry::BRIEF.begin(),
            body: answer.into_body().into_reader(),
        })
    }

    /// `DELETE /blobs/NAME`: the name, or with a version that content.
    ///
    /// # Errors
    /// Those of any call.
    pub fn delete(&self, name: &BlobName, version: Option<Digest>) -> Result<(), Error> {
        let query = query(&[("version", version.map(|d| d.to_string()))]);
        self.server
            .done(&Call::delete(format!("/blobs/{name}{query}")))
    }

    /// `GET /blobs`: those whose name begins with `prefix`, all of them or the first `limit`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn list(&self, prefix: Option<&str>, limit: Option<usize>) -> Result<Vec<Blob>, Error> {
        let pairs = [("prefix", prefix.map(str::to_owned))];
        self.server
            .list("/blobs", &pairs, limit, |page: Blobs| page.blobs)
    }
}

/// A blob on its way here: a reader whose end comes only when all of it arrived with the digest
/// that the store named. A cut connection is taken up again where it broke.
pub struct Download {
    server: Server,
    name: BlobName,
    digest: Option<Digest>,
    size: Option<u64>,
    received: u64,
    hash: Sha256,
    backoff: Backoff,
    body: BodyReader<'static>,
}

impl Download {
    /// The digest that the store names.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The size in bytes, where the store names it.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Writes all of it; gives its digest, which is checked.
    ///
    /// # Errors
    /// Those of any call; [`Error::Digest`] when something else arrived; [`Error::Local`] when it
    /// cannot be written.
    pub fn copy_to(mut self, to: &mut dyn Write) -> Result<Digest, Error> {
        let mut buffer = vec![0; 1 << 17];
        loop {
            let count = self.next(&mut buffer)?;
            if count == 0 {
                return Ok(finish(self.hash));
            }
            to.write_all(&buffer[..count])
                .map_err(|source| Error::Local {
                    what: format!("writing {}", self.name),
                    source,
                })?;
        }
    }

    /// Reads what comes next; 0 at the end, once the digest was found right.
    ///
    /// # Errors
    /// Those of any call; [`Error::Digest`] when something else arrived.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.body.read(buffer) {
                Ok(0) => return self.check().map(|()| 0),
                Ok(count) => {
                    self.hash.update(&buffer[..count]);
                    self.received += count as u64;
                    return Ok(count);
                }
                Err(error) => {
                    let error = self.server.broken(ureq::Error::from(error));
                    self.resume(error)?;
                }
            }
        }
    }

    /// Goes on after a cut, with the very same content.
    fn resume(&mut self, error: Error) -> Result<(), Error> {
        let (Some(digest), true) = (self.digest, error.is_transient(true)) else {
            return Err(error);
        };
        let Some(wait) = self.backoff.next_wait(None) else {
            return Err(error);
        };
        std::thread::sleep(wait);
        let query = query(&[("version", Some(digest.to_string()))]);
        let call = Call::get(format!("/blobs/{}{query}", self.name))
            .header("range", format!("bytes={}-", self.received));
        let answer = self.server.send(&call)?;
        let begins = answer
            .headers()
            .get("content-range")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("bytes "))
            .and_then(|v| v.split('-').next())
            .and_then(|v| v.parse::<u64>().ok());
        if answer.status().as_u16() != 206 || begins != Some(self.received) {
            return Err(error);
        }
        self.body = answer.into_body().into_reader();
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let found = finish(self.hash.clone());
        match self.digest {
            Some(expected) if expected != found => Err(Error::Digest {
                what: self.name.to_string(),
                expected: expected.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// Hashes what goes through, and keeps apart the content's own errors from the connection's.
struct Digesting<'a> {
    content: &'a mut dyn Read,
    hash: Sha256,
    failed: Option<io::Error>,
}

impl<'a> Digesting<'a> {
    fn new(content: &'a mut dyn Read) -> Self {
        Self {
            content,
            hash: Sha256::new(),
            failed: None,
        }
    }
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.content.read(buffer) {
            Ok(count) => {
                self.hash.update(&buffer[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let told = io::Error::other(error.to_string());
                self.failed = Some(error);
                Err(told)
            }
        }
    }
}

fn finish(hash: Sha256) -> Digest {
    Digest::from_bytes(hash.finalize().into())
}

fn digest_of_etag(etag: &str) -> Option<Digest> {
    let text = etag.trim_start_matches("W/").trim_matches('"');
    text.parse().or_else(|_| Digest::from_hex(text)).ok()
}
