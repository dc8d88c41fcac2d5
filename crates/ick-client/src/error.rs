//! What can go wrong with a call, as data.

use crate::tls::TlsFailure;
use ick_api::problem::Problem;
use std::time::Duration;

/// What is said of a connection that the other side ended.
pub(crate) const CUT: &str = "the connection was cut";

/// Why a call did not succeed. The texts complete "cannot …: ".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server could not be reached, or the connection broke before there was an answer.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// The server's URL.
        url: String,
        /// What went wrong, in words.
        why: String,
        /// Whether the request may have arrived.
        sent: bool,
    },
    /// There is no secure connection to the server: nothing was sent, and trying again does not help.
    #[error("{url} {}: {why}", if why.is_distrust() { "cannot be trusted" } else { "cannot be reached" })]
    Tls {
        /// The server's URL.
        url: String,
        /// What is wrong.
        why: TlsFailure,
    },
    /// The server refused the call.
    #[error("{}", shown(problem))]
    Problem {
        /// The server's URL.
        url: String,
        /// Its status and its words.
        problem: Box<Problem>,
        /// The scope that the token lacks, in a 403.
        scope: Option<String>,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The identity provider gave no token (RFC 6749, section 5.2).
    #[error("{url} gives no token to client {client_id}: {why}")]
    Token {
        /// The identity provider's URL.
        url: String,
        /// The client that asked.
        client_id: String,
        /// The status of the answer.
        status: u16,
        /// The provider's words.
        why: String,
    },
    /// The answer is not what the API says.
    #[error("{url} gave an answer that is not understandable: {why}")]
    Answer {
        /// The server's URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A URL that cannot be used.
    #[error("{url:?} is no server's URL: {why}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The controller names another issuer or store than those that the credentials belong to.
    #[error(
        "{controller} now names {found} as {place}, and it was {recorded} before: \
         nothing was sent; if this change is meant, log in again"
    )]
    Rebound {
        /// The controller's URL.
        controller: String,
        /// What the server is, in words.
        place: &'static str,
        /// The server that was recorded.
        recorded: String,
        /// The server that the controller names now.
        found: String,
    },
    /// The controller is reached over TLS, and names an issuer to which credentials would go in the clear.
    #[error(
        "{controller} is reached over TLS, and names {issuer} as the place to send credentials to, where \
         they could be read on the way: nothing was sent; its `auth_url` has to begin with https://"
    )]
    Downgrade {
        /// The controller's URL.
        controller: String,
        /// The issuer that it names.
        issuer: String,
    },
    /// What was transferred has another digest than it should have.
    #[error("{what} arrived damaged: its digest is {found}, not {expected}")]
    Digest {
        /// The blob.
        what: String,
        /// The digest that it should have.
        expected: String,
        /// The digest that it has.
        found: String,
    },
    /// Something on this machine: a file to be sent or written.
    #[error("{what}: {source}")]
    Local {
        /// What was being done.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
}

/// What an error means for the caller; icktool's exit codes follow from it (DESIGN.md, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong (400, 409, 412, 413, 416, 422 …), or an URL is: exit code 2.
    Wrong,
    /// What was named does not exist (404): exit code 4.
    NotFound,
    /// The credentials do not suffice (401, 403), or may not be sent: exit code 5.
    NotAllowed,
    /// A server cannot be reached, or failed: exit code 6.
    Server,
    /// A file on this machine: exit code 2.
    Local,
}

impl Error {
    /// The HTTP status, when the server answered with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::Token { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The server's own words, with every reason, when it gave some.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// What it means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Answer { .. }
            | Self::Digest { .. } => ErrorKind::Server,
            Self::Url { .. } => ErrorKind::Wrong,
            Self::Rebound { .. } | Self::Downgrade { .. } => ErrorKind::NotAllowed,
            Self::Local { .. } => ErrorKind::Local,
            // RFC 6749 allows 400 for credentials that are wrong.
            Self::Token { status, .. } if *status < 500 => ErrorKind::NotAllowed,
            Self::Token { .. } => ErrorKind::Server,
            Self::Problem { problem, .. } => match problem.status {
                401 | 403 => ErrorKind::NotAllowed,
                404 => ErrorKind::NotFound,
                408 | 425 | 429 => ErrorKind::Server,
                400..=499 => ErrorKind::Wrong,
                _ => ErrorKind::Server,
            },
        }
    }

    /// Whether the same call may be made again: always where the server surely did nothing, else
    /// only when doing it twice is the same as once.
    pub fn is_transient(&self, repeatable: bool) -> bool {
        match self {
            Self::Unreachable { sent, .. } => repeatable || !sent,
            _ => match self.status() {
                Some(408 | 425 | 429 | 503) => true,
                // What a proxy says of a server that was cut off, or did not answer in time.
                Some(502 | 504) => repeatable,
                _ => false,
            },
        }
    }

    /// Whether a call that the server may hold back was cut off on its way, as proxies do with connections
    /// on which nothing moves.
    pub fn is_cut(&self) -> bool {
        match self {
            Self::Unreachable { sent, .. } => *sent,
            other => other.status() == Some(504),
        }
    }

    /// The error in the words of a daemon's log: with the setting that can help, where one can.
    pub fn for_daemon(&self) -> String {
        let hint = match self {
            Self::Tls { why, .. } if why.is_unknown_authority() => {
                "; if that is an authority of your own, `ca_file` in the configuration names a file with \
                 its certificate"
            }
            Self::Tls {
                why: TlsFailure::NotTls,
                ..
            } => "; if it is meant to be so, write http:// in the configuration",
            Self::Tls {
                why: TlsFailure::OnlyTls,
                ..
            } => "; write https:// in the configuration",
            _ => "",
        };
        format!("{self}{hint}")
    }

    /// Whether it may be that the URL begins with http://, and the server speaks only TLS: one built on
    /// OpenSSL hangs up without a word.
    pub fn may_want_tls(&self) -> bool {
        matches!(self, Self::Unreachable { url, why, .. } if url.starts_with("http://") && why == CUT)
    }

    /// When the server wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn shown(problem: &Problem) -> String {
    let mut text = if problem.detail.is_empty() {
        format!("{} {}", problem.status, problem.title)
    } else {
        problem.detail.clone()
    };
    for flaw in &problem.errors {
        text.push_str("\n  ");
        text.push_str(&flaw.detail);
        if let Some(hint) = &flaw.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
    }
    text
}
