//! Secures connections: the last part of the chain that makes them.
//!
//! ureq's own connector takes no verifier, and without one nobody can say who signed a certificate that
//! is not trusted.

use super::authorities::Authorities;
use super::failure::TlsFailure;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// The first bytes of a TLS alert, of any version since SSL 3: what a server that speaks only TLS
/// answers to a request in the clear (RFC 8446, section 5.1).
const ALERT: [u8; 2] = [21, 3];

/// The server hung up in the middle of the handshake.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut in the TLS handshake")]
pub(crate) struct HandshakeCut;

/// Puts TLS over the connections of https URLs.
#[derive(Debug)]
pub(crate) struct Secure(pub(crate) Authorities);

impl<In: Transport> Connector<In> for Secure {
    type Out = Either<Plain<In>, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(Plain {
                transport,
                begun: false,
            })));
        }
        let config = self.0.config().map_err(failed)?;
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|why| failed(TlsFailure::Other(why.to_string())))?;
        let session =
            ClientConnection::new(config, name).map_err(|why| failed(TlsFailure::of(&why)))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        let mut stream = StreamOwned::new(session, socket);
        stream.conn.complete_io(&mut stream.sock).map_err(broken)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(Secured { stream, buffers })))
    }
}

fn failed(failure: TlsFailure) -> ureq::Error {
    ureq::Error::Other(failure.into())
}

/// What ended a handshake.
fn broken(error: io::Error) -> ureq::Error {
    use io::ErrorKind as Io;
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(why) => failed(TlsFailure::of(why)),
        None if matches!(
            error.kind(),
            Io::UnexpectedEof | Io::ConnectionReset | Io::BrokenPipe | Io::ConnectionAborted
        ) =>
        {
            ureq::Error::Other(HandshakeCut.into())
        }
        None => error.into(),
    }
}

/// Whether the head of an answer is there and was not taken. ureq looks at the refusal of `Expect:
/// 100-continue`, and then waits for more before it takes it: in vain, where the connection stays open.
fn has_head(input: &[u8]) -> bool {
    input.starts_with(b"HTTP/") && input.windows(4).any(|end| end == b"\r\n\r\n")
}

/// A connection in the clear, which notices when the other side speaks TLS.
#[derive(Debug)]
pub(crate) struct Plain<In> {
    transport: In,
    begun: bool,
}

impl<In: Transport> Transport for Plain<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if has_head(self.transport.buffers().input()) {
            return Ok(true);
        }
        let more = self.transport.await_input(timeout)?;
        if !self.begun {
            self.begun = true;
            if self.transport.buffers().input().starts_with(&ALERT) {
                return Err(failed(TlsFailure::OnlyTls));
            }
        }
        Ok(more)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

/// A connection with TLS.
pub(crate) struct Secured {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(self.stream.flush()?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if has_head(self.buffers.input()) {
            return Ok(true);
        }
        self.stream.sock.set_timeout(timeout);
        let count = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}
