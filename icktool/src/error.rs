//! What can go wrong, as data, and the one place that turns it into words, a hint and an exit code.

use crate::exit::Exit;
use crate::output::sanitise;
use ick_api::problem::Problem;
use ick_client::{ErrorKind, TlsFailure};
use ick_core::name::NameError;
use std::io;
use std::path::PathBuf;

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// A call to a server.
    Client(ick_client::Error),
    /// A value on the command line or in the environment.
    Argument {
        /// Which one, as the person wrote it.
        argument: String,
        /// What is wrong with it.
        why: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// A name that is none.
    Name {
        /// What it should be the name of.
        of: &'static str,
        /// The text.
        text: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// Flaws of definition files, shown with their places.
    Definitions {
        /// All of them, rendered.
        shown: String,
        /// How many are errors.
        errors: usize,
    },
    /// No project was named, and there is not exactly one.
    NoProject {
        /// Where they were looked for.
        looked: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A project that a file does not have.
    NoSuchProject {
        /// The project.
        project: String,
        /// The file.
        file: PathBuf,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A project without any build.
    NoBuild {
        /// The project.
        project: String,
    },
    /// Something that a build does not have.
    NotInBuild {
        /// The build.
        build: String,
        /// What, in words.
        what: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// No server is known.
    NoServer,
    /// There are no credentials for this controller.
    NoCredentials {
        /// The controller's URL.
        controller: String,
    },
    /// A state folder in which nothing is up.
    NotUp {
        /// The folder.
        state: PathBuf,
    },
    /// A file or folder on this machine.
    File {
        /// What was being done, like "read".
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file of icktool's own that is not what it wrote.
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A daemon that did not start or stop.
    Daemon {
        /// Which.
        name: String,
        /// What happened.
        why: String,
        /// The end of its log.
        log: String,
        /// Where its log is.
        path: PathBuf,
    },
    /// A program that is not installed.
    MissingProgram {
        /// Which.
        program: String,
        /// What to install.
        hint: String,
    },
    /// A port that another process uses.
    PortInUse {
        /// Which.
        port: u16,
        /// What it is for.
        server: &'static str,
        /// Whether the state folder has settled for it.
        settled: Option<PathBuf>,
    },
    /// A build by `icktool run` that could not be set up.
    Run {
        /// Why.
        why: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Ctrl-C, where nothing more is to be said.
    Interrupted,
    /// Standard output cannot be written.
    Output(io::Error),
    /// Something in this program or machine that has no better words.
    Other(String),
}

impl From<ick_client::Error> for Error {
    fn from(error: ick_client::Error) -> Self {
        Self::Client(error)
    }
}

/// What went wrong, and what was tried.
#[derive(Debug)]
pub struct Failure {
    tried: Option<String>,
    /// What went wrong.
    pub error: Error,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            tried: None,
            error: error.into(),
        }
    }
}

/// Says what was tried.
pub trait Tried<T> {
    /// Adds what was tried, in words that complete "cannot …".
    ///
    /// # Errors
    /// The same, with these words, unless it has some already.
    fn tried<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Tried<T> for Result<T, E> {
    fn tried<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|error| {
            let mut failure = error.into();
            failure.tried.get_or_insert_with(|| what().into());
            failure
        })
    }
}

/// A failure in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Explained {
    /// What was tried and what went wrong; empty when there is nothing to say.
    pub words: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// The failure in words, with what to do next.
    pub fn explain(&self) -> Explained {
        let (what, hint, exit) = explain(&self.error);
        if matches!(self.error, Error::Output(_)) && exit == Exit::Ok {
            return Explained {
                words: String::new(),
                hint: None,
                exit,
            };
        }
        let words = match &self.tried {
            Some(tried) => format!("cannot {tried}: {what}"),
            None => what,
        };
        Explained {
            words: sanitise::block(&words),
            hint: hint.map(|h| sanitise::block(&h)),
            exit,
        }
    }
}

type Words = (String, Option<String>, Exit);

fn explain(error: &Error) -> Words {
    match error {
        Error::Client(error) => explain_client(error),
        Error::Argument { argument, why, hint } => {
            (format!("{argument}: {why}"), hint.clone(), Exit::Usage)
        }
        Error::Name { of, text, why } => {
            (format!("{text:?} is no name of {of}: {why}"), None, Exit::Usage)
        }
        Error::Definitions { shown, errors } => {
            let counted = if *errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
            (format!("{counted}, nothing was changed\n\n{}", shown.trim_end()), None, Exit::Usage)
        }
        Error::NoProject { looked, known } if known.is_empty() => (
            format!("no project is named, and there is none {looked}"),
            Some("make one with `icktool make-it-so FILE`".to_owned()),
            Exit::NotFound,
        ),
        Error::NoProject { looked, known } => (
            format!("no project is named, and there are several {looked}: {}", list(known)),
            Some("name one, or set ICK_PROJECT".to_owned()),
            Exit::Usage,
        ),
        Error::NoSuchProject {
            project,
            file,
            hint,
        } => (
            format!("{} has no project {project}", file.display()),
            hint.clone(),
            Exit::NotFound,
        ),
        Error::NoBuild { project } => (
            format!("{project} has no build yet"),
            Some(format!("trigger one with `icktool build {project}`")),
            Exit::NotFound,
        ),
        Error::NotInBuild { build, what, known } if known.is_empty() => {
            (format!("{build} has no {what}, nor any other"), None, Exit::NotFound)
        }
        Error::NotInBuild { build, what, known } => {
            (format!("{build} has no {what}; it has {}", list(known)), None, Exit::NotFound)
        }
        Error::NoServer => (
            "no controller is known".to_owned(),
            Some(
                "start an Ick on this machine with `icktool up --detach`, or use one elsewhere with \
                 `icktool login --controller URL --client-id ID`"
                    .to_owned(),
            ),
            Exit::Usage,
        ),
        Error::NoCredentials { controller } => (
            format!("there are no credentials for {controller}"),
            Some(format!("`icktool login --controller {controller} --client-id ID`")),
            Exit::NotAllowed,
        ),
        Error::NotUp { state } => (
            format!("the Ick in {} is not up", state.display()),
            Some(format!("`icktool up --detach --state {}`", state.display())),
            Exit::Unreachable,
        ),
        Error::File { doing, path, source } => {
            (format!("cannot {doing} {}: {source}", path.display()), None, Exit::Usage)
        }
        Error::Damaged { path, why } => (
            format!("{} is damaged: {why}", path.display()),
            Some("mend it, or move it away and log in or start anew".to_owned()),
            Exit::Usage,
        ),
        Error::Daemon { name, why, log, path } => {
            let log = if log.is_empty() { String::new() } else { format!("; it said:\n{}", log.trim_end()) };
            (
                format!("{name} {why}{log}"),
                Some(format!("its log is {}", path.display())),
                Exit::Unreachable,
            )
        }
        Error::MissingProgram { program, hint } => {
            (format!("there is no program {program}"), Some(hint.clone()), Exit::Usage)
        }
        Error::PortInUse { port, server, settled } => (
            format!("port {port}, where the {server} is to listen, is in use by another process"),
            Some(match settled {
                None => "choose others with `--port P`, or free ones with `--port 0`".to_owned(),
                Some(path) => format!(
                    "end that process, or set another port in {}",
                    path.display()
                ),
            }),
            Exit::Usage,
        ),
        Error::Interrupted => ("interrupted".to_owned(), None, Exit::Interrupted),
        Error::Run { why, hint } => (why.clone(), hint.clone(), Exit::Usage),
        Error::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            (String::new(), None, Exit::Ok)
        }
        Error::Output(error) => (format!("cannot write the output: {error}"), None, Exit::Usage),
        Error::Other(what) => (what.clone(), None, Exit::Unreachable),
    }
}

fn explain_client(error: &ick_client::Error) -> Words {
    use ick_client::Error as E;
    let exit = match error.kind() {
        ErrorKind::Wrong | ErrorKind::Local => Exit::Usage,
        ErrorKind::NotFound => Exit::NotFound,
        ErrorKind::NotAllowed => Exit::NotAllowed,
        ErrorKind::Server => Exit::Unreachable,
    };
    let hint = match error {
        E::Unreachable { .. } if error.may_want_tls() => Some(
            "see whether it runs with `icktool status`; if it speaks TLS, write https:// in the URL"
                .to_owned(),
        ),
        E::Unreachable { .. } => Some(
            "see whether it runs with `icktool status`, or start one here with `icktool up`"
                .to_owned(),
        ),
        E::Tls { why, .. } => Some(after_tls(why)),
        E::Problem {
            scope: Some(scope), ..
        } => Some(format!(
            "the client needs the scope {scope}: `icktool create-client NAME --scope {scope}` with one \
             that may, then `icktool login`"
        )),
        E::Problem { problem, .. } if problem.status == 401 => {
            Some("log in again with `icktool login`".to_owned())
        }
        E::Token { status, .. } if *status < 500 => {
            Some("log in again with `icktool login`, with the client's present secret".to_owned())
        }
        E::Problem { problem, .. } if problem.status >= 500 => {
            Some("see the server's log; the same command can be given again".to_owned())
        }
        _ => None,
    };
    let words = match error.problem() {
        Some(problem) if !problem.errors.is_empty() => reasons(problem),
        _ => error.to_string(),
    };
    (words, hint, exit)
}

/// What to do when there is no secure connection.
fn after_tls(why: &TlsFailure) -> String {
    use TlsFailure as T;
    match why {
        T::Expired { .. } | T::NotYetValid { .. } => {
            "set the clock here if it is wrong, else have the server get another certificate".to_owned()
        }
        T::WrongName { expected, .. } => format!(
            "use a URL with a name that it is for, or have the server get a certificate for {expected}"
        ),
        T::UnknownAuthority { .. } | T::NoAuthorities => {
            "if this is your own CA, give its certificate with `--ca-file FILE`; at `icktool login` it is \
             kept"
                .to_owned()
        }
        T::SelfSigned { .. } => {
            "if you know this certificate, give it with `--ca-file FILE`; at `icktool login` it is kept"
                .to_owned()
        }
        T::AuthorityItself => {
            "have the authority sign a certificate for the server, and give the authority's with \
             `--ca-file FILE`"
                .to_owned()
        }
        T::NotTls => {
            "write http:// if it is meant to be without TLS, else see whether its reverse proxy runs"
                .to_owned()
        }
        T::OnlyTls => "write https:// in the URL".to_owned(),
        T::TooOld => "have the server, or the proxy before it, speak TLS 1.2 or 1.3".to_owned(),
        _ => "see the log of the server, or of the proxy before it".to_owned(),
    }
}

/// A server's words with every reason, each said once.
fn reasons(problem: &Problem) -> String {
    let mut text = problem.detail.clone();
    for flaw in &problem.errors {
        if !text.contains(&flaw.detail) {
            text.push_str("\n  ");
            text.push_str(&flaw.detail);
        }
        if let Some(hint) = flaw
            .hint
            .as_ref()
            .filter(|hint| !text.contains(hint.as_str()))
        {
            text.push_str("; ");
            text.push_str(hint);
        }
    }
    text
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_tried_what_went_wrong_and_what_next() {
        let failed: Result<(), Error> = Err(Error::NoBuild {
            project: "hello".to_owned(),
        });
        let explained = failed.tried(|| "show the log").map_err(|f| f.explain());
        assert_eq!(
            explained,
            Err(Explained {
                words: "cannot show the log: hello has no build yet".to_owned(),
                hint: Some("trigger one with `icktool build hello`".to_owned()),
                exit: Exit::NotFound,
            })
        );
    }

    #[test]
    fn a_closed_pipe_is_nothing_to_talk_about() {
        let closed = Failure::from(Error::Output(io::ErrorKind::BrokenPipe.into())).explain();
        assert_eq!((closed.words.as_str(), closed.exit), ("", Exit::Ok));
        let full = Failure::from(Error::Output(io::ErrorKind::StorageFull.into())).explain();
        assert_eq!(full.exit, Exit::Usage);
    }

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        let hostile = Failure::from(Error::Other("a\x1b[2Jb".to_owned())).explain();
        assert_eq!(hostile.words, "ab");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        assert!(list(&names).ends_with("9 and 2 more"));
    }
}
