//! The connection pool: how servers are found and reached.

use crate::address::Address;
use crate::tls::{Authorities, Secure};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, NextTimeout, TcpConnector};

/// How long a host's addresses are believed.
const ADDRESSES_KEPT: Duration = Duration::from_secs(30);

/// How long an answer's next bytes may take.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an unused connection is kept: less than the ten seconds after which Ick's servers close it,
/// so that no call is sent into one that is just going away.
const IDLE: Duration = Duration::from_secs(8);

/// A pool for one server, whose certificate these authorities vouch for. Statuses are no errors here, and
/// redirects are answers like any other.
pub(crate) fn agent(address: &Address, authorities: &Authorities) -> Agent {
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("ick/", env!("CARGO_PKG_VERSION")))
        .accept("")
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_per_read(Some(READ_TIMEOUT))
        .timeout_per_write(Some(READ_TIMEOUT))
        .max_idle_connections(64)
        .max_idle_connections_per_host(64)
        .max_idle_age(IDLE);
    if address.is_loopback() {
        config = config.proxy(None);
    }
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(Secure(authorities.clone()));
    Agent::with_parts(config.build(), connector, Addresses::default())
}

/// Looks hosts up. ureq asks before every call, pooled connection or not: addresses that stand in
/// the URL cost nothing, and others are remembered for a while.
#[derive(Debug, Default)]
struct Addresses {
    known: Mutex<HashMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let default_port = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default_port);
        let mut found = self.empty();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = literal.parse::<IpAddr>() {
            found.push(SocketAddr::new(ip, port));
            return Ok(found);
        }
        let key = format!("{host}:{port}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses = match known.get(&key) {
            Some((when, addresses)) if when.elapsed() < ADDRESSES_KEPT => addresses.clone(),
            _ => {
                let looked_up: Vec<_> = key.to_socket_addrs()?.collect();
                known.insert(key, (Instant::now(), looked_up.clone()));
                looked_up
            }
        };
        for address in config
            .ip_family()
            .keep_wanted(addresses.into_iter())
            .take(8)
        {
            found.push(address);
        }
        if found.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(found)
    }
}
