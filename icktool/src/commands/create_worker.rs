//! `icktool create-worker`

use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::sanitise;
use crate::session::{Context, Session, name};
use ick_api::idp::ClientSecret;
use ick_api::scope;
use ick_core::name::WorkerId;
use serde_json::Value;

/// Make a new worker for another host
///
/// Makes its client and prints what makes that host a worker: shell commands that write the worker's
/// settings, readable by their owner alone, and start it; as root on a host with the Debian package
/// ick-worker, that package's service. The secret is shown this once; who has lost it
/// deletes the client and makes it anew. The host needs the program `ick-worker` and has to reach the three
/// servers; nothing has to reach the host.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool create-worker builder-7 | ssh builder-7 sh
  icktool create-worker builder-7 --slots 4 --allow-host   to be pasted into `sh` there
  icktool create-worker builder-7 --format json            the credentials, for scripts")]
pub struct Args {
    /// The worker's name, which is its client's
    #[arg(value_name = "NAME")]
    name: String,
    /// How many builds it executes at a time
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    slots: u32,
    /// Let builds run commands on the host itself, outside of containers
    #[arg(long)]
    allow_host: bool,
    /// Let builds have a network in their containers
    #[arg(long)]
    allow_network: bool,
}

/// Makes it.
///
/// # Errors
/// Those of the calls; that there is a client of that name.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let worker: WorkerId = name(&args.name, "a worker")?;
    let session = context.connect()?;
    let scopes: Vec<String> = scope::WORKER
        .iter()
        .map(|scope| (*scope).to_owned())
        .collect();
    let made = super::clients::make(&session, &worker, &scopes)
        .map_err(|error| explained(error, &worker))
        .tried(|| format!("make the worker {worker}"))?;
    warn_of_loopback(context, &session);
    let mut shown = super::clients::revealed(&made);
    shown["controller"] = session.controller.url().into();
    context
        .out
        .result(&shown, |_| commands(&session, args, &made))?;
    Ok(Exit::Ok)
}

fn explained(error: Error, worker: &WorkerId) -> Error {
    match &error {
        Error::Client(client) if client.status() == Some(409) => Error::Argument {
            argument: worker.to_string(),
            why: "there is a client of that name already".to_owned(),
            hint: Some(format!(
                "choose another name, or, if that worker's secret is lost, `icktool delete-client {worker}` \
                 and then this again"
            )),
        },
        _ => error,
    }
}

/// Says which servers another host cannot reach.
fn warn_of_loopback(context: &Context, session: &Session) {
    let servers = [
        ("controller", session.controller.url()),
        ("identity provider", &session.version.auth_url),
        ("artifact store", &session.version.artifact_store),
    ];
    let local: Vec<String> = servers
        .into_iter()
        .filter(|(_, url)| ick_client::is_loopback(url))
        .map(|(words, url)| format!("{words} {}", sanitise::line(url)))
        .collect();
    if !local.is_empty() {
        context.out.warn(&format!(
            "only this machine reaches the {}: this worker has to run here; for workers on other hosts the \
             servers need URLs that those reach (`icktool up --address IP` on first use, else \
             docs/second-host.md), and then a worker made anew",
            local.join(", the ")
        ));
    }
}

/// The user of the Debian package's worker.
const USER: &str = "_ick-worker";

/// What makes a host the worker, for any POSIX shell. The secret is in no argument, and the settings are
/// in a file that only its owner can read from its first moment on.
fn commands(session: &Session, args: &Args, made: &ClientSecret) -> String {
    let url = session.controller.url();
    let settings = format!(
        "controller: {}\nclient_id: {}\nclient_secret: {}\nslots: {}\nallow_host: {}\nallow_network: {}\n",
        Value::from(url),
        Value::from(made.client_id.as_str()),
        Value::from(made.client_secret.reveal()),
        args.slots,
        args.allow_host,
        args.allow_network,
    );
    let mut authorities = String::new();
    if let Some(text) = session.authorities.text() {
        authorities = written("\"$authorities\"", text);
        authorities
            .push_str("printf 'ca_file: \"%s\"\\n' \"$PWD/$authorities\" >> \"$settings\"\n");
    }
    format!(
        "# Makes a host the worker {name} of {url}. Paste it into `sh` there, or pipe it: … | ssh HOST sh
(
set -eu
if ! command -v ick-worker > /dev/null; then
  echo 'there is no ick-worker in PATH: install Ick on this host, then do this again' >&2
  exit 1
fi
folder=$HOME/ick-worker settings=config.yaml authorities=ca.pem packaged=
if [ \"$(id -u)\" = 0 ] && id {USER} > /dev/null 2>&1; then
  folder=/etc/ick settings=worker.yaml authorities=worker-ca.pem packaged=yes
fi
umask 077
mkdir -p \"$folder\"
cd \"$folder\"
if [ -e \"$settings\" ]; then
  echo \"this host has the settings of a worker already: move $PWD/$settings away, then do this again\" >&2
  exit 1
fi
{settings}{authorities}if [ -n \"$packaged\" ]; then
  chown {USER} \"$settings\"
  [ ! -e \"$authorities\" ] || chown {USER} \"$authorities\"
  exec systemctl restart ick-worker
fi
exec ick-worker serve --state \"$PWD\"
)
",
        name = made.client_id,
        settings = written("\"$settings\"", &settings),
    )
}

/// The command that writes a text into a file, whatever the text.
fn written(file: &str, text: &str) -> String {
    let mut end = "END".to_owned();
    while text.contains(&end) {
        end.push('_');
    }
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    format!("cat > {file} <<'{end}'\n{text}{line_end}{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_own_writing() {
        assert_eq!(
            written("f", "a\nEND\nb"),
            "cat > f <<'END_'\na\nEND\nb\nEND_\n"
        );
    }
}
