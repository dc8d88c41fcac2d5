//! The daemons' settings: written once, on first use; the person's from then on.

use super::role::{Role, WORKER};
use crate::config;
use crate::error::Error;
use ick_client::Credentials;
use ick_core::yaml;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// The ports of a new Ick when none is asked for: this one and the two after it.
pub const DEFAULT_PORT: u16 = 8750;

/// Where a daemon's settings are.
pub fn file(state: &Path, role: Role) -> PathBuf {
    state.join(role.folder()).join("config.yaml")
}

/// Where the three servers listen, as their settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The identity provider.
    pub idp: SocketAddr,
    /// The controller.
    pub controller: SocketAddr,
    /// The artifact store.
    pub store: SocketAddr,
}

impl Addresses {
    /// A server's address.
    pub fn of(&self, role: Role) -> Option<SocketAddr> {
        match role {
            Role::Idp => Some(self.idp),
            Role::Controller => Some(self.controller),
            Role::Store => Some(self.store),
            Role::Worker => None,
        }
    }

    /// A server's URL as seen from this machine.
    pub fn url(&self, role: Role) -> String {
        let mut address = self.of(role).unwrap_or(self.controller);
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}")
    }

    /// At one address of this machine: P controller, P+1 store, P+2 identity provider; free ones for 0.
    ///
    /// # Errors
    /// When there are no three ports from P on, or none free.
    fn choose(address: IpAddr, port: u16) -> Result<Self, Error> {
        let at = |port| SocketAddr::from((address, port));
        if port == 0 {
            return free(address).map(|[controller, store, idp]| Self {
                idp,
                controller,
                store,
            });
        }
        let last = port.checked_add(2).ok_or_else(|| Error::Argument {
            argument: format!("--port {port}"),
            why: "three ports are needed, this one and the two after it".to_owned(),
            hint: Some("the highest possible is 65533".to_owned()),
        })?;
        Ok(Self {
            idp: at(last),
            controller: at(port),
            store: at(port + 1),
        })
    }
}

/// Three free ports at an address of this machine, below those that the system gives to outgoing
/// connections: one of those could be taken while its server is down for a moment.
fn free(address: IpAddr) -> Result<[SocketAddr; 3], Error> {
    const FIRST: u64 = 10_000;
    const COUNT: u64 = 22_000;
    let begin = RandomState::new().hash_one(0) % COUNT;
    let ports = (0..COUNT).filter_map(|n| u16::try_from(FIRST + (begin + n) % COUNT).ok());
    // All three are held at once, so that they differ.
    let bound: Vec<_> = ports
        .filter_map(|port| TcpListener::bind((address, port)).ok())
        .take(3)
        .collect();
    let addresses: io::Result<Vec<_>> = bound.iter().map(TcpListener::local_addr).collect();
    let addresses =
        addresses.map_err(|error| Error::Other(format!("no free port was found: {error}")))?;
    <[SocketAddr; 3]>::try_from(addresses)
        .map_err(|_| Error::Other("no free port was found".to_owned()))
}

/// Where the servers listen, or will: what their settings say, else as `address` and `port` have it.
///
/// # Errors
/// When settings cannot be read, or `address` or `port` contradicts them.
pub fn servers(
    state: &Path,
    address: Option<IpAddr>,
    port: Option<u16>,
) -> Result<Addresses, Error> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    address.map_or(Ok(()), check_address)?;
    let wanted = Addresses::choose(address.unwrap_or(here), port.unwrap_or(DEFAULT_PORT))?;
    let mut addresses = wanted;
    addresses.idp = listen(state, Role::Idp, wanted.idp)?;
    addresses.controller = listen(state, Role::Controller, wanted.controller)?;
    addresses.store = listen(state, Role::Store, wanted.store)?;
    if let Some(address) = address
        && addresses.controller.ip() != address
    {
        return Err(Error::Argument {
            argument: format!("--address {address}"),
            why: format!(
                "this Ick has settled for {} on first use",
                addresses.controller.ip()
            ),
            hint: Some(format!(
                "leave --address out, or change it in all settings: {} and its neighbours",
                file(state, Role::Controller).display()
            )),
        });
    }
    if let Some(port) = port.filter(|port| *port != 0)
        && addresses.controller.port() != port
    {
        return Err(Error::Argument {
            argument: format!("--port {port}"),
            why: format!(
                "this Ick has settled for port {} on first use",
                addresses.controller.port()
            ),
            hint: Some(format!(
                "leave --port out, or change `listen` in {} and its neighbours",
                file(state, Role::Controller).display()
            )),
        });
    }
    Ok(addresses)
}

/// Whether servers can listen at an address of which their URLs are made.
fn check_address(address: IpAddr) -> Result<(), Error> {
    let why = if address.is_unspecified() {
        "it becomes part of the servers' URLs, so it has to be one by which others reach this machine"
            .to_owned()
    } else if let Err(error) = TcpListener::bind((address, 0)) {
        format!("this machine cannot listen there: {error}")
    } else {
        return Ok(());
    };
    Err(Error::Argument {
        argument: format!("--address {address}"),
        why,
        hint: Some("`ip address` shows the addresses that it has".to_owned()),
    })
}

/// Writes the settings of the servers that have none yet.
///
/// # Errors
/// When they cannot be written.
pub fn write_servers(state: &Path, addresses: &Addresses) -> Result<(), Error> {
    let idp = addresses.url(Role::Idp);
    let controller = addresses.url(Role::Controller);
    let store = addresses.url(Role::Store);
    write_once(state, Role::Idp, &format!("listen: {}\n", addresses.idp))?;
    write_once(
        state,
        Role::Controller,
        &format!(
            "listen: {}\nartifact_store: {store}\nauth_url: {idp}\n",
            addresses.controller
        ),
    )?;
    write_once(
        state,
        Role::Store,
        &format!(
            "listen: {}\nauth_url: {idp}\ncontroller: {controller}\n",
            addresses.store
        ),
    )?;
    Ok(())
}

/// The worker's settings, if it has some; `slots` must not contradict them.
///
/// # Errors
/// When they cannot be read, or `slots` contradicts them.
pub fn has_worker(state: &Path, slots: Option<u32>) -> Result<bool, Error> {
    let Some(settled) = setting(state, Role::Worker, "slots")? else {
        return Ok(false);
    };
    let settled = settled.unwrap_or_else(|| "1".to_owned());
    match slots {
        Some(slots) if slots.to_string() != settled => Err(Error::Argument {
            argument: format!("--slots {slots}"),
            why: format!("this Ick's worker has settled for {settled} on first use"),
            hint: Some(format!(
                "leave --slots out, or change `slots` in {}",
                file(state, Role::Worker).display()
            )),
        }),
        _ => Ok(true),
    }
}

/// Writes the worker's settings: on one's own machine a build may do what its programs may.
///
/// # Errors
/// When they cannot be written.
pub fn write_worker(
    state: &Path,
    controller: &str,
    credentials: &Credentials,
    slots: u32,
) -> Result<(), Error> {
    let text = format!(
        "controller: {controller}\n\
         client_id: {}\n\
         client_secret: {}\n\
         slots: {slots}\n\
         allow_host: true\n\
         allow_chroot: true\n\
         allow_network: true\n\
         allow_file_protocol: true\n",
        credentials.client_id,
        serde_json::Value::from(credentials.client_secret.reveal()),
    );
    write_once(state, Role::Worker, &text)
}

/// The name of the worker, which is its client's.
///
/// # Errors
/// When its settings cannot be read.
pub fn worker_name(state: &Path) -> Result<String, Error> {
    Ok(setting(state, Role::Worker, "client_id")?
        .flatten()
        .unwrap_or_else(|| WORKER.to_owned()))
}

fn listen(state: &Path, role: Role, wanted: SocketAddr) -> Result<SocketAddr, Error> {
    match setting(state, role, "listen")? {
        None => Ok(wanted),
        Some(None) => {
            let offset = match role {
                Role::Controller => 0,
                Role::Store => 1,
                _ => 2,
            };
            Ok(SocketAddr::from((
                Ipv4Addr::LOCALHOST,
                DEFAULT_PORT + offset,
            )))
        }
        Some(Some(text)) => text.parse().map_err(|_| Error::Damaged {
            path: file(state, role),
            why: format!("`listen` must be an address and a port, like 127.0.0.1:{DEFAULT_PORT}"),
        }),
    }
}

/// A setting's text: none without a file, none inside without the setting.
fn setting(state: &Path, role: Role, key: &str) -> Result<Option<Option<String>>, Error> {
    let path = file(state, role);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::File {
                doing: "read",
                path,
                source,
            });
        }
    };
    // The worker's has a secret in it.
    let (tree, flaws) = yaml::parse_private(&path.display().to_string(), &text);
    if let Some(flaw) = flaws.iter().find(|flaw| flaw.is_error()) {
        return Err(Error::Damaged {
            path,
            why: format!("line {}: {}", flaw.line, flaw.detail),
        });
    }
    let value = tree
        .as_ref()
        .and_then(|tree| tree.get(key))
        .map(|node| match node.to_json() {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        });
    Ok(Some(value))
}

fn write_once(state: &Path, role: Role, text: &str) -> Result<(), Error> {
    let path = file(state, role);
    if path.exists() {
        return Ok(());
    }
    let text = format!(
        "# Written by `icktool up` on first use. Change what you like: it is never overwritten.\n{text}"
    );
    config::write(&path, text.as_bytes(), 0o600).map_err(|source| Error::File {
        doing: "write",
        path,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ick_core::secret::Secret;

    #[test]
    fn ports_are_settled_on_first_use() -> Result<(), Box<dyn std::error::Error>> {
        let state = tempfile::tempdir()?;
        let show = |e: Error| format!("{e:?}");
        let first = servers(state.path(), None, Some(9000)).map_err(show)?;
        write_servers(state.path(), &first).map_err(show)?;
        assert_eq!(first.url(Role::Controller), "http://127.0.0.1:9000");
        assert_eq!(first.url(Role::Store), "http://127.0.0.1:9001");
        assert_eq!(first.url(Role::Idp), "http://127.0.0.1:9002");
        assert_eq!(servers(state.path(), None, None).map_err(show)?, first);
        assert_eq!(servers(state.path(), None, Some(0)).map_err(show)?, first);
        assert!(matches!(
            servers(state.path(), None, Some(9010)),
            Err(Error::Argument { .. })
        ));
        for address in [[127, 0, 0, 2], [0, 0, 0, 0], [255, 255, 255, 255]] {
            assert!(matches!(
                servers(state.path(), Some(address.into()), None),
                Err(Error::Argument { .. })
            ));
        }
        assert!(matches!(
            servers(state.path(), None, Some(65_534)),
            Err(Error::Argument { .. })
        ));
        Ok(())
    }

    #[test]
    fn free_ports_differ() -> Result<(), Box<dyn std::error::Error>> {
        let state = tempfile::tempdir()?;
        let found = servers(state.path(), None, Some(0)).map_err(|e| format!("{e:?}"))?;
        assert!(
            found.idp != found.store
                && found.store != found.controller
                && found.idp != found.controller
        );
        Ok(())
    }

    #[test]
    fn settings_are_never_overwritten() -> Result<(), Box<dyn std::error::Error>> {
        let state = tempfile::tempdir()?;
        let show = |e: Error| format!("{e:?}");
        std::fs::create_dir(state.path().join("controller"))?;
        let mine = "listen: 0.0.0.0:7000\nqueue_timeout: 1h\n";
        std::fs::write(file(state.path(), Role::Controller), mine)?;
        let found = servers(state.path(), None, None).map_err(show)?;
        assert_eq!(found.url(Role::Controller), "http://127.0.0.1:7000");
        write_servers(state.path(), &found).map_err(show)?;
        assert_eq!(
            std::fs::read_to_string(file(state.path(), Role::Controller))?,
            mine
        );

        assert!(!has_worker(state.path(), Some(2)).map_err(show)?);
        let credentials = Credentials {
            client_id: "worker-1".parse()?,
            client_secret: Secret::new("a: #b"),
        };
        write_worker(state.path(), "http://127.0.0.1:7000", &credentials, 2).map_err(show)?;
        assert!(has_worker(state.path(), Some(2)).map_err(show)?);
        assert!(has_worker(state.path(), Some(3)).is_err());
        assert_eq!(
            setting(state.path(), Role::Worker, "client_secret").map_err(show)?,
            Some(Some("a: #b".to_owned()))
        );
        assert_eq!(worker_name(state.path()).map_err(show)?, "worker-1");
        Ok(())
    }
}
