//! `icktool login`, `logout`, `whoami`, `token`

use crate::config::{self, Config};
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::session::{Context, client_id, variable};
use base64::Engine;
use ick_client::{Binding, Controller, Credentials, Idp, TokenSource};
use ick_core::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Make a controller the default one, and keep the credentials for it
///
/// The secret is asked for at the terminal, or read from stdin, from --client-secret-file or from
/// ICK_CLIENT_SECRET; never from an argument, which others on the machine could see. The credentials
/// are tried, then kept for you alone, and sent to no other server than the one seen now. A CA file
/// given here is kept with them, as it is now, until `logout`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool login --controller https://ick.example.org --client-id me
  icktool login --controller https://ick.example.org --client-id me < secret
  icktool login --controller https://ick.internal --client-id me --ca-file our-ca.pem")]
pub struct LoginArgs {
    /// The client's name; ICK_CLIENT_ID when left out
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file with the client's secret
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

/// Forget the credentials for a controller
///
/// Those of the default controller, or of the one that --controller names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool logout")]
pub struct LogoutArgs {}

/// Show which client this is, and what it may do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool whoami")]
pub struct WhoamiArgs {}

/// Print an access token
///
/// For a program that talks to the servers itself. It is good for some minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  curl -H \"Authorization: Bearer $(icktool token)\" http://127.0.0.1:8750/projects")]
pub struct TokenArgs {}

/// Logs in.
///
/// # Errors
/// When the credentials are refused, or cannot be kept.
pub fn login(context: &Context, args: &LoginArgs) -> Result<Exit, Failure> {
    let url = context
        .global
        .controller
        .clone()
        .or_else(|| variable("ICK_CONTROLLER"))
        .ok_or_else(|| missing("--controller", "the controller's URL"))?;
    let id = args
        .client_id
        .clone()
        .or_else(|| variable("ICK_CLIENT_ID"))
        .ok_or_else(|| missing("--client-id", "the client's name"))?;
    let client_id = client_id(&id)?;
    let authorities = context.authorities(&url)?;
    let controller = Controller::new(&url)?.with_authorities(&authorities);
    let version = controller.version().tried(|| format!("log in at {url}"))?;
    // Before a secret is asked for that may not be sent.
    let binding = Binding::new(&controller, &version)?;
    let credentials = Credentials {
        client_id,
        client_secret: secret(args)?,
    };
    context.warn_of_clear_text(&[&url, &version.auth_url, &version.artifact_store]);
    let idp = Idp::new(&version.auth_url)?.with_authorities(&authorities);
    let token = TokenSource::client(idp, credentials.clone());
    token.token().tried(|| format!("log in at {url}"))?;
    let folders = context.folders()?;
    config::forget_issuer(&folders, controller.url())?;
    config::forget_credentials(&folders, controller.url())?;
    config::keep_credentials(&folders, &credentials, &binding, &authorities)?;
    let mut config = Config::load(&folders)?;
    config.controller = Some(controller.url().to_owned());
    config.up = None;
    config.save(&folders)?;
    context
        .out
        .note(&format!("logged in at {url} as {}", credentials.client_id));
    Ok(Exit::Ok)
}

fn missing(argument: &str, what: &str) -> Error {
    Error::Argument {
        argument: argument.to_owned(),
        why: format!("{what} is missing"),
        hint: Some("icktool login --controller URL --client-id ID".to_owned()),
    }
}

fn secret(args: &LoginArgs) -> Result<Secret, Error> {
    let text = match (&args.client_secret_file, variable("ICK_CLIENT_SECRET")) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|source| Error::File {
            doing: "read",
            path: path.clone(),
            source,
        })?,
        (None, Some(text)) => text,
        (None, None) if io::stdin().is_terminal() => {
            let typed = ask().map_err(|source| Error::File {
                doing: "read the secret from",
                path: Path::new("the terminal").to_path_buf(),
                source,
            })?;
            typed.ok_or(Error::Interrupted)?
        }
        (None, None) => {
            let mut text = String::new();
            io::stdin()
                .take(64 * 1024)
                .read_to_string(&mut text)
                .map_err(|source| Error::File {
                    doing: "read the secret from",
                    path: Path::new("stdin").to_path_buf(),
                    source,
                })?;
            text
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Argument {
            argument: "the client's secret".to_owned(),
            why: "it is empty".to_owned(),
            hint: Some("give it at the terminal, on stdin, or by --client-secret-file".to_owned()),
        });
    }
    Ok(Secret::new(text))
}

/// Asks at the terminal, without showing what is typed; none when Ctrl-C is. The terminal's own keys
/// are off meanwhile, as a process that Ctrl-C ends could not put the terminal right again.
fn ask() -> io::Result<Option<String>> {
    const INTERRUPT: u8 = 0x03;
    const END: u8 = 0x04;
    eprint!("client secret: ");
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    tcsetattr(&stdin, OptionalActions::Now, &hidden)?;
    let mut typed = Vec::new();
    let mut byte = [0];
    let read = loop {
        match stdin.lock().read(&mut byte) {
            Ok(0) => break Ok(true),
            Ok(_) => match byte[0] {
                b'\n' | b'\r' | END => break Ok(true),
                INTERRUPT => break Ok(false),
                0x7f | 0x08 => drop(typed.pop()),
                other => typed.push(other),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    eprintln!();
    match read? {
        true => String::from_utf8(typed)
            .map(Some)
            .map_err(|_| io::Error::other("it is no UTF-8 text")),
        false => Ok(None),
    }
}

/// Logs out.
///
/// # Errors
/// When the files cannot be written.
pub fn logout(context: &Context) -> Result<Exit, Failure> {
    let folders = context.folders()?;
    let mut config = Config::load(&folders)?;
    let named = context
        .global
        .controller
        .clone()
        .or_else(|| variable("ICK_CONTROLLER"));
    let Some(controller) = named.or_else(|| config.controller.clone()) else {
        context.out.note("nobody is logged in");
        return Ok(Exit::Ok);
    };
    let url = Controller::new(&controller)?.url().to_owned();
    let had = config::forget_credentials(&folders, &url)?;
    if config.controller.as_deref() == Some(url.as_str()) {
        config.controller = None;
        config.save(&folders)?;
    }
    context.out.note(&if had {
        format!("forgot the credentials for {controller}")
    } else {
        format!("there were no credentials for {controller}")
    });
    Ok(Exit::Ok)
}

/// Shows who this is.
///
/// # Errors
/// When no token can be had.
pub fn whoami(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let token = session.token.token().tried(|| "get an access token")?;
    let claims = claims(token.reveal()).unwrap_or(Value::Null);
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let shown = json!({
        "client_id": text("sub"),
        "controller": session.controller.url(),
        "issuer": session.version.auth_url,
        "scope": text("scope"),
    });
    context.out.result(&shown, |_| {
        let mut lines = format!(
            "client      {}\ncontroller  {}\nissuer      {}\n",
            text("sub"),
            session.controller.url(),
            session.version.auth_url
        );
        let scopes = text("scope");
        let mut label = "scopes";
        for scope in scopes.split_whitespace() {
            lines.push_str(&format!("{label:<10}  {scope}\n"));
            label = "";
        }
        super::definitions::shown(&lines)
    })?;
    Ok(Exit::Ok)
}

/// What a token says; its signature is the servers' to check.
fn claims(token: &str) -> Option<Value> {
    let middle = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(middle)
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Prints a token.
///
/// # Errors
/// When none can be had.
pub fn token(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let token = session.token.token().tried(|| "get an access token")?;
    context.out.result(
        &json!({"access_token": token.reveal(), "token_type": "Bearer"}),
        |_| format!("{}\n", token.reveal()),
    )?;
    Ok(Exit::Ok)
}
