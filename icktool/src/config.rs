//! What icktool remembers between calls: which server is the default one (`config.json`), and the
//! credentials for each (`credentials.json`, 0600), in the platform's configuration folder; tokens in
//! its cache folder.

use crate::error::Error;
use ick_client::{Authorities, Binding, Credentials};
use ick_core::name::ClientId;
use ick_core::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The version of both files.
const VERSION: u32 = 1;

/// The folders.
#[derive(Clone, Debug)]
pub struct Folders {
    /// `$XDG_CONFIG_HOME/ick`.
    pub config: PathBuf,
    /// `$XDG_DATA_HOME/ick`.
    pub data: PathBuf,
    /// `$XDG_CACHE_HOME/ick`.
    pub cache: PathBuf,
}

impl Folders {
    /// The platform's usual ones.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn of_user() -> Result<Self, Error> {
        let found = directories::ProjectDirs::from("", "", "ick").ok_or_else(|| {
            Error::Other(
                "there is no home folder to keep the configuration in: set HOME".to_owned(),
            )
        })?;
        Ok(Self {
            config: found.config_dir().to_path_buf(),
            data: found.data_dir().to_path_buf(),
            cache: found.cache_dir().to_path_buf(),
        })
    }

    fn config_file(&self) -> PathBuf {
        self.config.join("config.json")
    }

    fn credentials_file(&self) -> PathBuf {
        self.config.join("credentials.json")
    }

    /// Where the token of a client is kept. Its secret is part of what the name is made from, so that
    /// nobody gets with a wrong one what the right one got.
    pub fn token_file(&self, controller: &str, credentials: &Credentials) -> PathBuf {
        use sha2::{Digest, Sha256};
        let whose = format!(
            "{controller}\n{}\n{}",
            credentials.client_id,
            credentials.client_secret.reveal()
        );
        let hash = Sha256::digest(whose);
        let short: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.cache.join("tokens").join(format!("{short}.json"))
    }
}

/// Which server is the default one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    version: u32,
    /// The state folder of the Ick that is up on this machine; comes before `controller`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<PathBuf>,
    /// The controller of the last login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
}

impl Config {
    /// What is remembered; nothing when there is no file yet.
    ///
    /// # Errors
    /// When the file cannot be read or is no such file.
    pub fn load(folders: &Folders) -> Result<Self, Error> {
        load(&folders.config_file())
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, folders: &Folders) -> Result<(), Error> {
        let versioned = Self {
            version: VERSION,
            ..self.clone()
        };
        store(&folders.config_file(), &versioned)
    }
}

/// The credentials for one controller.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    binding: Binding,
    client_id: ClientId,
    #[serde(with = "ick_core::secret::revealed")]
    client_secret: Secret,
    /// The CA file of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<KeptCa>,
}

/// A CA file as it was at the login: who moves or loses the file keeps what was trusted.
#[derive(Clone, Serialize, Deserialize)]
struct KeptCa {
    file: PathBuf,
    text: String,
}

impl Entry {
    fn credentials(&self) -> Credentials {
        Credentials {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
        }
    }
}

/// The credentials for each controller.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Keychain {
    version: u32,
    #[serde(default)]
    entries: Vec<Entry>,
}

/// The credentials for a controller, and the issuer they belong to.
///
/// # Errors
/// When the file cannot be read or is no such file.
pub fn credentials(
    folders: &Folders,
    controller: &str,
) -> Result<Option<(Credentials, Binding)>, Error> {
    let keychain: Keychain = load(&folders.credentials_file())?;
    let entry = keychain
        .entries
        .into_iter()
        .find(|entry| same(&entry.binding.controller, controller));
    Ok(entry.map(|entry| (entry.credentials(), entry.binding)))
}

/// The authorities that were given at the login to a controller, if some were.
///
/// # Errors
/// When the file cannot be read or is no such file.
pub fn authorities(folders: &Folders, controller: &str) -> Result<Option<Authorities>, Error> {
    let path = folders.credentials_file();
    let keychain: Keychain = load(&path)?;
    let kept = keychain
        .entries
        .into_iter()
        .find(|entry| same(&entry.binding.controller, controller))
        .and_then(|entry| entry.ca);
    kept.map(|ca| Authorities::from_text(&ca.file, ca.text))
        .transpose()
        .map_err(|why| Error::Damaged {
            path,
            why: why.to_string(),
        })
}

/// Keeps the credentials for a controller, with the CA file that was given, instead of those it had.
///
/// # Errors
/// When the file cannot be written.
pub fn keep_credentials(
    folders: &Folders,
    credentials: &Credentials,
    binding: &Binding,
    authorities: &Authorities,
) -> Result<(), Error> {
    let path = folders.credentials_file();
    let mut keychain: Keychain = load(&path)?;
    keychain.version = VERSION;
    keychain
        .entries
        .retain(|entry| !same(&entry.binding.controller, &binding.controller));
    keychain.entries.push(Entry {
        binding: binding.clone(),
        client_id: credentials.client_id.clone(),
        client_secret: credentials.client_secret.clone(),
        ca: authorities
            .file()
            .zip(authorities.text())
            .map(|(file, text)| KeptCa {
                file: file.to_owned(),
                text: text.to_owned(),
            }),
    });
    store(&path, &keychain)
}

/// Forgets the credentials for a controller and its token; whether there were any.
///
/// # Errors
/// When the file cannot be written.
pub fn forget_credentials(folders: &Folders, controller: &str) -> Result<bool, Error> {
    let path = folders.credentials_file();
    let mut keychain: Keychain = load(&path)?;
    let (gone, kept): (Vec<_>, Vec<_>) = keychain
        .entries
        .into_iter()
        .partition(|entry| same(&entry.binding.controller, controller));
    if gone.is_empty() {
        return Ok(false);
    }
    for entry in &gone {
        let _ = std::fs::remove_file(folders.token_file(controller, &entry.credentials()));
    }
    keychain.entries = kept;
    store(&path, &keychain)?;
    Ok(true)
}

/// The servers that controllers named when credentials or a token of the environment were first used
/// with them.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    version: u32,
    #[serde(default)]
    bindings: Vec<Binding>,
}

/// The servers that were seen first with this controller: these, if none were.
///
/// # Errors
/// When the file that records them cannot be read or is no such file.
pub fn first_seen(folders: &Folders, now: &Binding) -> Result<Binding, Error> {
    let path = folders.config.join("issuers.json");
    let mut seen: Seen = load(&path)?;
    if let Some(first) = seen
        .bindings
        .iter()
        .find(|first| same(&first.controller, &now.controller))
    {
        return Ok(first.clone());
    }
    seen.version = VERSION;
    seen.bindings.push(now.clone());
    // A home that cannot be written is usual where the environment gives the credentials.
    let _ = store(&path, &seen);
    Ok(now.clone())
}

/// Forgets which issuer a controller named: a login is how a person accepts another one.
///
/// # Errors
/// When the file that records them cannot be read or written.
pub fn forget_issuer(folders: &Folders, controller: &str) -> Result<(), Error> {
    let path = folders.config.join("issuers.json");
    let mut seen: Seen = load(&path)?;
    let before = seen.bindings.len();
    seen.bindings
        .retain(|binding| !same(&binding.controller, controller));
    if seen.bindings.len() == before {
        return Ok(());
    }
    store(&path, &seen)
}

fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(source) => Err(Error::File {
            doing: "read",
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// Reads a JSON file that must be there.
///
/// # Errors
/// When it cannot be read or is no such file.
pub fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Damaged {
        path: path.to_path_buf(),
        why: format!("line {}: not as icktool writes it", error.line()),
    })
}

/// Writes a JSON file, whole or not at all, readable by its owner only.
///
/// # Errors
/// When it cannot be written.
pub fn store<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| Error::Other(e.to_string()))?;
    text.push(b'\n');
    write(path, &text, 0o600).map_err(|source| Error::File {
        doing: "write",
        path: path.to_path_buf(),
        source,
    })
}

/// Writes a file, whole or not at all; makes its folder (0700) when it is missing.
///
/// # Errors
/// Those of the system.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(bytes)?;
    fresh
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))?;
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(home: &Path) -> Folders {
        Folders {
            config: home.join("c"),
            data: home.join("d"),
            cache: home.join("t"),
        }
    }

    fn client(secret: &str) -> Result<Credentials, ick_core::name::NameError> {
        Ok(Credentials {
            client_id: "me".parse()?,
            client_secret: Secret::new(secret),
        })
    }

    #[test]
    fn credentials_are_kept_by_controller_and_for_their_owner_only()
    -> Result<(), Box<dyn std::error::Error>> {
        let home = tempfile::tempdir()?;
        let folders = folders(home.path());
        let binding = |controller: &str| Binding {
            controller: controller.to_owned(),
            issuer: "http://idp".to_owned(),
            store: None,
        };
        let wrap = |e: Error| format!("{e:?}");
        let keep = |secret: &str, controller: &str| {
            let credentials = client(secret).map_err(|e| Error::Other(e.to_string()))?;
            let platform = Authorities::platform();
            keep_credentials(&folders, &credentials, &binding(controller), &platform)
        };
        keep("one", "http://a").map_err(wrap)?;
        keep("two", "http://b").map_err(wrap)?;
        keep("three", "http://a/").map_err(wrap)?;
        let secret = |controller: &str| -> Result<Option<String>, String> {
            let found = credentials(&folders, controller).map_err(wrap)?;
            Ok(found.map(|(c, _)| c.client_secret.reveal().to_owned()))
        };
        assert_eq!(secret("http://a")?, Some("three".to_owned()));
        assert_eq!(secret("http://b/")?, Some("two".to_owned()));
        let mode = std::fs::metadata(folders.credentials_file())?
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(forget_credentials(&folders, "http://a").map_err(wrap)?);
        assert!(!forget_credentials(&folders, "http://a").map_err(wrap)?);
        assert_eq!(secret("http://a")?, None);
        Ok(())
    }

    #[test]
    fn a_damaged_file_is_called_that() -> Result<(), Box<dyn std::error::Error>> {
        let home = tempfile::tempdir()?;
        let folders = folders(home.path());
        std::fs::create_dir(&folders.config)?;
        std::fs::write(folders.config_file(), "{")?;
        assert!(matches!(Config::load(&folders), Err(Error::Damaged { .. })));
        Ok(())
    }
}
