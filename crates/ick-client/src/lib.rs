//! The one HTTP client of Ick, of icktool and of the daemons: typed calls, tokens, retries.
//!
//! ```no_run
//! use ick_client::{Binding, Controller, Idp, Credentials, TokenSource};
//! # fn list(credentials: Credentials, recorded: Option<Binding>) -> Result<(), ick_client::Error> {
//! let controller = Controller::new("http://127.0.0.1:8750")?;
//! let version = controller.version()?; // before credentials are touched
//! let binding = Binding::new(&controller, &version)?;
//! binding.check(recorded.as_ref())?; // a changed issuer is refused
//! let idp = Idp::new(&version.auth_url)?;
//! let controller = controller.with_token(TokenSource::client(idp, credentials));
//! let builds = controller.builds(&Default::default())?;
//! # let _ = builds;
//! # Ok(())
//! # }
//! ```
//!
//! Credentials and tokens travel in headers and bodies only, never in a URL, and no `Debug` or error
//! text shows them. Redirects are never followed. Errors are data ([`Error`]); their
//! [`ErrorKind`] is what exit codes are made from.

mod address;
mod binding;
mod call;
mod connect;
pub mod controller;
mod error;
mod follow;
mod idp;
mod retry;
mod store;
mod tls;
mod token;

pub use address::{is_in_the_clear, is_loopback};
pub use binding::Binding;
pub use controller::{Append, BuildFilter, Controller, LogPart, Triggered};
pub use error::{Error, ErrorKind};
pub use follow::{FollowLog, FollowRecords};
pub use idp::{Idp, Jwks};
pub use retry::{Backoff, Retry};
pub use store::{Download, Store, Upload};
pub use tls::{Authorities, CaFileError, CaFileFlaw, TlsFailure};
pub use token::{Credentials, TokenSource};
