//! The issuers' public keys: fetched in the background, kept on disk.
//!
//! No request waits for this, except one whose token names a key that is not known: it makes the next
//! fetch come early, and waits a moment for it.

use ick_client::{Authorities, Idp, Retry};
use ick_token::PublicKeys;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How soon a failed fetch is tried again, at first, while no key is known.
const SOON: Duration = Duration::from_millis(100);
/// How soon at the most.
const LATE: Duration = Duration::from_secs(30);
/// How often an unknown key makes a fetch come early.
const EARLY_EVERY: Duration = Duration::from_secs(10);
/// How often the keys are fetched when the issuer does not say, and the bounds of what it may say.
const USUAL: Duration = Duration::from_secs(3600);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// An issuer whose keys are fetched from `<url>/jwks.json`.
#[derive(Clone, Debug)]
pub struct IssuerSource {
    /// The issuer's URL.
    pub url: String,
    /// Those who vouch for the issuer's server, when the URL is https.
    pub authorities: Authorities,
    /// Where the keys go: those that the verifier has for it.
    pub keys: PublicKeys,
    /// The file in the state folder that keeps them.
    pub file: PathBuf,
}

/// Fetches the keys of issuers, one thread for each.
#[derive(Clone)]
pub struct KeyFetcher(Arc<Vec<Fetched>>);

struct Fetched {
    keys: PublicKeys,
    hurry: SyncSender<()>,
    attempts: watch::Sender<u64>,
    early: Mutex<Option<Early>>,
}

/// An early fetch that was asked for.
#[derive(Clone, Copy)]
struct Early {
    asked: Instant,
    /// How many fetches had ended then.
    attempts: u64,
}

impl KeyFetcher {
    /// Takes what is on disk, and begins to fetch. The order must be that of the verifier's issuers.
    ///
    /// # Errors
    /// When a URL is wrong or a thread cannot be had. That an issuer does not answer is no error.
    pub fn start(sources: Vec<IssuerSource>) -> io::Result<Self> {
        let fetched = sources
            .into_iter()
            .map(begin)
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self(Arc::new(fetched)))
    }

    /// Makes the next fetch come early, unless one did a moment ago, and waits for its end.
    pub(crate) async fn fetch_early(&self, issuer: usize, patience: Duration) {
        let Some(fetched) = self.0.get(issuer) else {
            return;
        };
        let mut attempts = fetched.attempts.subscribe();
        if fetched.hurry() {
            let _ = tokio::time::timeout(patience, attempts.changed()).await;
        }
    }
}

impl Fetched {
    /// Asks for an early fetch if it is time for one; whether one is under way now.
    fn hurry(&self) -> bool {
        let every = match self.keys.generation() {
            0 => SOON,
            _ => EARLY_EVERY,
        };
        let attempts = *self.attempts.borrow();
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        match *early {
            Some(last) if last.asked.elapsed() < every => last.attempts == attempts,
            _ => {
                *early = Some(Early {
                    asked: Instant::now(),
                    attempts,
                });
                // When the channel is full the thread has been told already.
                let _ = self.hurry.try_send(());
                true
            }
        }
    }
}

fn begin(source: IssuerSource) -> io::Result<Fetched> {
    let issuer = Idp::new(&source.url)
        .map_err(io::Error::other)?
        .with_authorities(&source.authorities)
        .with_retry(Retry::NEVER);
    let known = match std::fs::read_to_string(&source.file) {
        Ok(text) if source.keys.replace(&text).is_ok() => text,
        // What is missing or damaged is fetched again.
        _ => String::new(),
    };
    let (hurry, hurried) = mpsc::sync_channel(1);
    let fetched = Fetched {
        keys: source.keys.clone(),
        hurry,
        attempts: watch::Sender::new(0),
        early: Mutex::new(None),
    };
    let mut thread = Thread {
        source,
        issuer,
        known,
        attempts: fetched.attempts.clone(),
        failures: 0,
    };
    std::thread::Builder::new()
        .name("issuer keys".to_owned())
        .stack_size(512 * 1024)
        .spawn(move || {
            loop {
                let wait = thread.fetch();
                if let Err(RecvTimeoutError::Disconnected) = hurried.recv_timeout(wait) {
                    return;
                }
            }
        })?;
    Ok(fetched)
}

struct Thread {
    source: IssuerSource,
    issuer: Idp,
    known: String,
    attempts: watch::Sender<u64>,
    failures: u32,
}

impl Thread {
    /// Fetches once; how long to wait before the next time.
    fn fetch(&mut self) -> Duration {
        let url = &self.source.url;
        let wait = match self.issuer.jwks() {
            Ok(jwks) => {
                self.take(jwks.text);
                self.failures = 0;
                jwks.max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST)
            }
            Err(error) => {
                // At first the issuer may just not be up yet.
                if self.failures == 6 {
                    let error = error.for_daemon();
                    tracing::warn!("cannot fetch the keys of {url}: {error}; trying on");
                } else {
                    tracing::debug!("cannot fetch the keys of {url}: {error}");
                }
                let wait = SOON.saturating_mul(1 << self.failures.min(12));
                self.failures = self.failures.saturating_add(1);
                wait.min(LATE)
            }
        };
        self.attempts.send_modify(|count| *count += 1);
        wait
    }

    fn take(&mut self, text: String) {
        if text == self.known {
            return;
        }
        let url = &self.source.url;
        if let Err(error) = self.source.keys.replace(&text) {
            tracing::warn!("the keys of {url} cannot be used: {error}");
            return;
        }
        if let Err(error) = ick_state::atomic::write(&self.source.file, text.as_bytes(), 0o600) {
            tracing::warn!("the keys of {url} cannot be kept: {error}");
        }
        self.known = text;
    }
}
