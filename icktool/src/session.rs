//! Which server a command talks to, and with what credentials.
//!
//! `GET /version` is asked before credentials are looked for, so that a server that cannot be reached
//! is called that.

use crate::cli::Global;
use crate::config::{self, Config, Folders};
use crate::error::{Error, Failure, Tried};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::up::state::UpFile;
use ick_api::controller::Version;
use ick_client::{Authorities, Binding, Controller, Credentials, Idp, Retry, Store, TokenSource};
use ick_core::name::ClientId;
use ick_core::secret::Secret;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait before a controller that is away is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A person waits: long enough for a restart, short enough to be told soon that a server is down.
const RETRY: Retry = Retry {
    give_up_after: Duration::from_secs(3),
    ..Retry::BRIEF
};

/// What every command is given.
pub struct Context {
    /// Where results and messages go.
    pub out: Output,
    /// The options that every command takes.
    pub global: Global,
    /// What Ctrl-C does.
    pub interrupt: Interrupt,
}

/// A controller, and where it was named.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its URL.
    pub controller: String,
    /// What `up` wrote, when it is an Ick of this machine.
    pub up: Option<UpFile>,
    /// Those who vouch for its servers.
    pub authorities: Authorities,
}

/// A controller that answered, with the means to call it.
pub struct Session {
    /// The controller, with tokens.
    pub controller: Controller,
    /// What it says of itself.
    pub version: Version,
    /// The tokens.
    pub token: TokenSource,
    /// The client that they are for, where credentials say so.
    pub client_id: Option<ClientId>,
    /// Those who vouch for the servers.
    pub authorities: Authorities,
}

/// A variable of the environment that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Context {
    /// The user's folders.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn folders(&self) -> Result<Folders, Error> {
        Folders::of_user()
    }

    /// The state folder that the command line names, or the default one.
    ///
    /// # Errors
    /// When it cannot be made absolute.
    pub fn state_folder(&self) -> Result<PathBuf, Error> {
        match &self.global.state {
            Some(path) => absolute(path),
            None => Ok(self.folders()?.data),
        }
    }

    /// The controller that this command is for: `--state` or `--controller`, else `ICK_CONTROLLER`, else
    /// the Ick that is up, else that of the last login.
    ///
    /// # Errors
    /// When none is known, or the state folder named has nothing that is up.
    pub fn target(&self) -> Result<Target, Error> {
        if let Some(state) = &self.global.state {
            return self.up(&absolute(state)?);
        }
        if let Some(controller) = self
            .global
            .controller
            .clone()
            .or_else(|| variable("ICK_CONTROLLER"))
        {
            return self.elsewhere(controller);
        }
        let config = Config::load(&self.folders()?)?;
        match (config.up, config.controller) {
            (Some(state), _) => self.up(&state),
            (None, Some(controller)) => self.elsewhere(controller),
            (None, None) => Err(Error::NoServer),
        }
    }

    fn up(&self, state: &Path) -> Result<Target, Error> {
        let up = UpFile::load(state)?.ok_or_else(|| Error::NotUp {
            state: state.to_path_buf(),
        })?;
        Ok(Target {
            controller: up.controller.url.clone(),
            up: Some(up),
            authorities: self
                .given_authorities()?
                .unwrap_or_else(Authorities::platform),
        })
    }

    fn elsewhere(&self, controller: String) -> Result<Target, Error> {
        Ok(Target {
            authorities: self.authorities(&controller)?,
            controller,
            up: None,
        })
    }

    /// Those who vouch for a controller and its servers: `--ca-file`, else `ICK_CA_FILE`, else those given
    /// at the login there, else the platform's.
    ///
    /// # Errors
    /// When a CA file cannot be used.
    pub fn authorities(&self, controller: &str) -> Result<Authorities, Error> {
        if let Some(given) = self.given_authorities()? {
            return Ok(given);
        }
        let kept = match self.folders() {
            Ok(folders) => config::authorities(&folders, Controller::new(controller)?.url())?,
            // Where the environment says everything, a home is not needed.
            Err(_) => None,
        };
        Ok(kept.unwrap_or_else(Authorities::platform))
    }

    fn given_authorities(&self) -> Result<Option<Authorities>, Error> {
        let (argument, file) = match (&self.global.ca_file, variable("ICK_CA_FILE")) {
            (Some(file), _) => ("--ca-file", file.clone()),
            (None, Some(file)) => ("ICK_CA_FILE", file.into()),
            (None, None) => return Ok(None),
        };
        let read = Authorities::read(&absolute(&file)?).map_err(|why| Error::Argument {
            argument: argument.to_owned(),
            why: why.to_string(),
            hint: None,
        });
        read.map(Some)
    }

    /// Warns when secrets and tokens go to one of these servers in the clear.
    pub fn warn_of_clear_text(&self, urls: &[&str]) {
        let mut clear: Vec<_> = urls
            .iter()
            .filter(|url| ick_client::is_in_the_clear(url))
            .map(|url| url.trim_end_matches('/'))
            .collect();
        clear.dedup();
        if !clear.is_empty() {
            self.out.warn(&format!(
                "what goes to {} can be read on the way, secrets and tokens too: https URLs prevent that",
                clear.join(" and ")
            ));
        }
    }

    /// Asks the controller who it is, then looks for credentials.
    ///
    /// # Errors
    /// When it cannot be reached, or there are no credentials for it.
    pub fn connect(&self) -> Result<Session, Failure> {
        self.connect_within(Duration::ZERO)
    }

    /// The same, for a command that lives through restarts of the controller: it may be away so long.
    ///
    /// # Errors
    /// When it cannot be reached, or there are no credentials for it.
    pub fn connect_within(&self, patience: Duration) -> Result<Session, Failure> {
        let target = self.target()?;
        let controller = Controller::new(&target.controller)?.with_authorities(&target.authorities);
        let begun = Instant::now();
        let version = loop {
            match controller.version() {
                Err(error) if error.is_transient(true) && begun.elapsed() < patience => {
                    let left = patience.saturating_sub(begun.elapsed());
                    std::thread::sleep(error.retry_after().unwrap_or(AGAIN).min(left));
                }
                other => {
                    break other
                        .tried(|| format!("talk to the controller {}", target.controller))?;
                }
            }
        };
        let (token, client_id) = self.tokens(&target, &controller, &version)?;
        Ok(Session {
            controller: controller.with_token(token.clone()),
            version,
            token,
            client_id,
            authorities: target.authorities,
        })
    }

    fn tokens(
        &self,
        target: &Target,
        controller: &Controller,
        version: &Version,
    ) -> Result<(TokenSource, Option<ClientId>), Error> {
        let servers = [
            controller.url(),
            version.auth_url.as_str(),
            version.artifact_store.as_str(),
        ];
        let binding = Binding::new(controller, version)?;
        if let Some(token) = variable("ICK_TOKEN") {
            self.warn_of_clear_text(&[servers[0], servers[2]]);
            let recorded = match (&target.up, self.folders()) {
                (Some(up), _) => Some(up.binding()),
                (None, Ok(folders)) => Some(config::first_seen(&folders, &binding)?),
                // Without a home nothing can be remembered.
                (None, Err(_)) => None,
            };
            binding.check(recorded.as_ref())?;
            return Ok((TokenSource::fixed(Secret::new(token)), None));
        }
        let folders = self.folders()?;
        let (credentials, recorded) = match from_environment()? {
            Some(credentials) => {
                // Otherwise it was said at the login.
                self.warn_of_clear_text(&servers);
                (credentials, config::first_seen(&folders, &binding)?)
            }
            None => match &target.up {
                Some(up) => (up.credentials()?, up.binding()),
                None => config::credentials(&folders, controller.url())?.ok_or_else(|| {
                    Error::NoCredentials {
                        controller: target.controller.clone(),
                    }
                })?,
            },
        };
        binding.check(Some(&recorded))?;
        let idp = Idp::new(&version.auth_url)?
            .with_authorities(&target.authorities)
            .with_retry(RETRY);
        let client_id = credentials.client_id.clone();
        let file = folders.token_file(controller.url(), &credentials);
        Ok((
            TokenSource::client_with_cache(idp, credentials, file),
            Some(client_id),
        ))
    }
}

impl Session {
    /// The artifact store, with tokens.
    ///
    /// # Errors
    /// When the controller names none.
    pub fn store(&self) -> Result<Store, Error> {
        Ok(Store::new(&self.version.artifact_store)?
            .with_authorities(&self.authorities)
            .with_retry(RETRY)
            .with_token(self.token.clone()))
    }

    /// The identity provider, with tokens.
    ///
    /// # Errors
    /// When the controller names none.
    pub fn idp(&self) -> Result<Idp, Error> {
        Ok(Idp::new(&self.version.auth_url)?
            .with_authorities(&self.authorities)
            .with_retry(RETRY)
            .with_token(self.token.clone()))
    }
}

/// The credentials of `ICK_CLIENT_ID` and `ICK_CLIENT_SECRET`.
fn from_environment() -> Result<Option<Credentials>, Error> {
    match (variable("ICK_CLIENT_ID"), variable("ICK_CLIENT_SECRET")) {
        (Some(id), Some(secret)) => Ok(Some(Credentials {
            client_id: client_id(&id)?,
            client_secret: Secret::new(secret),
        })),
        (Some(_), None) => Err(Error::Argument {
            argument: "ICK_CLIENT_ID".to_owned(),
            why: "it is set, but ICK_CLIENT_SECRET is not".to_owned(),
            hint: Some("set both or none".to_owned()),
        }),
        (None, _) => Ok(None),
    }
}

/// A client's name from the command line.
///
/// # Errors
/// When it is none.
pub fn client_id(text: &str) -> Result<ClientId, Error> {
    name(text, "an API client")
}

/// A name from the command line.
///
/// # Errors
/// When it is none.
pub fn name<T>(text: &str, of: &'static str) -> Result<T, Error>
where
    T: std::str::FromStr<Err = ick_core::name::NameError>,
{
    text.parse().map_err(|why| Error::Name {
        of,
        text: text.to_owned(),
        why,
    })
}

/// The path from the root of the file system.
///
/// # Errors
/// When there is no current folder.
pub fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File {
        doing: "find",
        path: path.to_path_buf(),
        source,
    })
}
