//! TLS on the client's side: which authorities are trusted, how a connection is secured, and what it
//! means when it cannot be. There is no way to leave the verification out.

mod authorities;
mod ca_file;
mod connector;
mod failure;
mod names;
mod verifier;

pub use authorities::Authorities;
pub use ca_file::{CaFileError, CaFileFlaw};
pub(crate) use connector::{HandshakeCut, Secure};
pub use failure::TlsFailure;
