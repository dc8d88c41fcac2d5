//! The socket that a daemon listens on.

use rustix::net::sockopt;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// After how long without a word a peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A bound socket; from now on clients can connect, and are served when [`crate::serve()`] begins.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.why))]
pub struct BindError {
    address: String,
    why: std::io::Error,
}

fn explain(why: &std::io::Error) -> String {
    match why.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another process listens there; stop it, or choose another port".to_owned()
        }
        _ => why.to_string(),
    }
}

impl Listener {
    /// Binds an address like `127.0.0.1:8750`; port 0 is a free one.
    ///
    /// # Errors
    /// When the address is wrong or in use.
    pub fn bind(address: &str) -> Result<Self, BindError> {
        let bound = || -> std::io::Result<Self> {
            let socket = TcpListener::bind(address)?;
            // Accepted connections inherit these. Without them a client whose machine vanished would
            // hold its connection for ever.
            sockopt::set_socket_keepalive(&socket, true)?;
            sockopt::set_tcp_keepidle(&socket, KEEPALIVE)?;
            sockopt::set_tcp_keepintvl(&socket, KEEPALIVE / 4)?;
            sockopt::set_tcp_keepcnt(&socket, 4)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bound().map_err(|why| BindError {
            address: address.to_owned(),
            why,
        })
    }

    /// The address with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn into_socket(self) -> TcpListener {
        self.socket
    }
}
