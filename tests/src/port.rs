//! Ports that stay a test's own while nothing listens there.

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// A port of the loopback interface that nobody else is given. A server can listen there, be ended, and be
/// started again; meanwhile connections are refused.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _kept: OwnedFd,
}

impl Port {
    /// A free one.
    ///
    /// # Errors
    /// When there is none.
    pub fn new() -> Result<Self> {
        // A socket that does not listen keeps others away, but those who share it as it does.
        let kept = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&kept, true)?;
        sockopt::set_socket_reuseport(&kept, true)?;
        bind(&kept, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = getsockname(&kept)?;
        Ok(Self {
            address: address.try_into().ok().context("no address")?,
            _kept: kept,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
