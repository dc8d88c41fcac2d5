//! The files in the state folder that are icktool's own.

use super::process::{Process, boot_id};
use super::role::Role;
use crate::config;
use crate::error::Error;
use ick_client::{Binding, Credentials};
use ick_core::name::ClientId;
use ick_core::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The version of the files.
const VERSION: u32 = 1;

/// A server that is up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Server {
    /// Where it listens.
    pub url: String,
    /// Its process.
    #[serde(flatten)]
    pub process: Option<Process>,
}

/// A worker that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// Its id.
    pub name: String,
    /// Its process.
    #[serde(flatten)]
    pub process: Option<Process>,
}

/// `up.json`: what is up. Readable by its owner only, as the secret is in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UpFile {
    version: u32,
    /// The run of the machine that the processes belong to.
    boot_id: String,
    /// The issuer that the credentials belong to.
    #[serde(default)]
    pub issuer: String,
    /// The store that its tokens may be sent to.
    #[serde(default)]
    pub artifact_store: String,
    /// The controller.
    pub controller: Server,
    /// The artifact store.
    pub store: Server,
    /// The identity provider.
    pub idp: Server,
    /// The workers.
    #[serde(default)]
    pub workers: Vec<Worker>,
    /// The client that holds every scope.
    client_id: Option<ClientId>,
    #[serde(with = "ick_core::secret::revealed")]
    client_secret: Secret,
}

/// `client.json`: icktool's own client, made on first use.
#[derive(Serialize, Deserialize)]
struct ClientFile {
    version: u32,
    client_id: ClientId,
    #[serde(with = "ick_core::secret::revealed")]
    client_secret: Secret,
}

impl UpFile {
    /// Nothing up yet, with these credentials.
    pub fn new(credentials: &Credentials) -> Self {
        Self {
            version: VERSION,
            boot_id: boot_id(),
            client_id: Some(credentials.client_id.clone()),
            client_secret: credentials.client_secret.clone(),
            ..Self::default()
        }
    }

    /// What is up in a state folder; none when nothing is.
    ///
    /// # Errors
    /// When the file cannot be read or is no such file.
    pub fn load(state: &Path) -> Result<Option<Self>, Error> {
        let path = state.join("up.json");
        match std::fs::read(&path) {
            Ok(bytes) => config::parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File {
                doing: "read",
                path,
                source,
            }),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, state: &Path) -> Result<(), Error> {
        config::store(&state.join("up.json"), self)
    }

    /// Removes it: nothing is up any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(state: &Path) -> Result<(), Error> {
        let path = state.join("up.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::File {
                doing: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }

    /// The credentials of the client that holds every scope.
    ///
    /// # Errors
    /// When the file has none.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let client_id = self
            .client_id
            .clone()
            .ok_or_else(|| Error::Other("up.json names no client".to_owned()))?;
        Ok(Credentials {
            client_id,
            client_secret: self.client_secret.clone(),
        })
    }

    /// The servers that the credentials and their tokens may be sent to.
    pub fn binding(&self) -> Binding {
        let or = |named: &str, url: &str| match named {
            "" => url.to_owned(),
            named => named.to_owned(),
        };
        Binding {
            controller: self.controller.url.clone(),
            issuer: or(&self.issuer, &self.idp.url),
            store: Some(or(&self.artifact_store, &self.store.url)),
        }
    }

    /// A daemon's process, if it was started in this run of the machine and still runs.
    pub fn alive(&self, role: Role) -> Option<Process> {
        let process = match role {
            Role::Idp => self.idp.process,
            Role::Controller => self.controller.process,
            Role::Store => self.store.process,
            Role::Worker => self.workers.first().and_then(|worker| worker.process),
        };
        process.filter(|process| self.boot_id == boot_id() && process.is_alive())
    }

    /// Records a server.
    pub fn set_server(&mut self, role: Role, url: &str, process: Option<Process>) {
        let server = Server {
            url: url.to_owned(),
            process,
        };
        match role {
            Role::Idp => self.idp = server,
            Role::Controller => self.controller = server,
            Role::Store => self.store = server,
            Role::Worker => {}
        }
    }

    /// Records the worker.
    pub fn set_worker(&mut self, name: &str, process: Option<Process>) {
        self.workers = vec![Worker {
            name: name.to_owned(),
            process,
        }];
    }

    /// Itself without the secret, for people and programs that want to know what is up.
    pub fn shown(&self) -> serde_json::Value {
        serde_json::json!({
            "controller": self.controller,
            "store": self.store,
            "idp": self.idp,
            "workers": self.workers,
            "client_id": self.client_id,
        })
    }
}

/// icktool's own client, if one was made.
///
/// # Errors
/// When the file cannot be read or is no such file.
pub fn load_client(state: &Path) -> Result<Option<Credentials>, Error> {
    let path = state.join("client.json");
    match std::fs::read(&path) {
        Ok(bytes) => config::parse(&path, &bytes).map(|file: ClientFile| {
            Some(Credentials {
                client_id: file.client_id,
                client_secret: file.client_secret,
            })
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            doing: "read",
            path,
            source,
        }),
    }
}

/// Keeps icktool's own client.
///
/// # Errors
/// When it cannot be written.
pub fn keep_client(state: &Path, credentials: &Credentials) -> Result<(), Error> {
    let file = ClientFile {
        version: VERSION,
        client_id: credentials.client_id.clone(),
        client_secret: credentials.client_secret.clone(),
    };
    config::store(&state.join("client.json"), &file)
}

/// The state folder, while this process starts or ends what is in it.
#[derive(Debug)]
pub struct Locked {
    /// Where it is.
    pub path: PathBuf,
    _lock: File,
}

impl Locked {
    /// Takes the folder, making it when it is missing.
    ///
    /// # Errors
    /// When another icktool has it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let failed = |doing: &'static str, source: io::Error| Error::File {
            doing,
            path: path.to_path_buf(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| failed("create", e))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("up.lock"))
            .map_err(|e| failed("write in", e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_path_buf(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::Other(format!(
                "another `icktool up` or `down` is at work in {}; wait for it",
                path.display()
            ))),
            Err(TryLockError::Error(source)) => Err(failed("lock", source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_promised_form() -> Result<(), Box<dyn std::error::Error>> {
        let credentials = Credentials {
            client_id: "icktool".parse()?,
            client_secret: Secret::new("hush"),
        };
        let mut up = UpFile::new(&credentials);
        let process = Some(Process {
            pid: 7,
            started: 70,
        });
        up.set_server(Role::Controller, "http://127.0.0.1:1", process);
        up.set_server(Role::Store, "http://127.0.0.1:2", process);
        up.set_server(Role::Idp, "http://127.0.0.1:3", process);
        up.set_worker("worker-1", process);
        let folder = tempfile::tempdir()?;
        up.save(folder.path()).map_err(|e| format!("{e:?}"))?;
        let text = std::fs::read_to_string(folder.path().join("up.json"))?;
        let value: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(value["controller"]["url"], "http://127.0.0.1:1");
        assert_eq!(value["store"]["pid"], 7);
        assert_eq!(value["idp"]["pid"], 7);
        assert_eq!(value["workers"][0]["name"], "worker-1");
        assert_eq!(value["workers"][0]["pid"], 7);
        assert_eq!(value["client_id"], "icktool");
        assert_eq!(value["client_secret"], "hush");
        assert!(!up.shown().to_string().contains("hush"));
        assert!(!format!("{up:?}").contains("hush"));
        let read = UpFile::load(folder.path()).map_err(|e| format!("{e:?}"))?;
        assert_eq!(
            read.map(|up| up.binding().issuer),
            Some("http://127.0.0.1:3".to_owned())
        );
        Ok(())
    }

    #[test]
    fn one_at_a_time() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let _first = Locked::take(folder.path()).map_err(|e| format!("{e:?}"))?;
        assert!(Locked::take(folder.path()).is_err());
        Ok(())
    }
}
