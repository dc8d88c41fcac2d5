//! The command line, and what each command does.

use crate::check::{self, DATABASE, KEYS};
use crate::clients::{Clients, Created, MAX_SCOPE};
use crate::config::Config;
use crate::routes::{self, Idp};
use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use ick_api::scope;
use ick_core::name::{BlobName, ClientId};
use ick_core::yaml::did_you_mean;
use ick_http::{CheckArgs, Listener, Metrics, Serve, ServeArgs, Shutdown, Usage};
use ick_state::{Room, StateFolder};
use ick_token::{Issuer, Keyring, Scopes, Trust, Verifier};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Ick's identity provider: who may do what
#[derive(Debug, Parser)]
#[command(name = "ick-idp", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM
    Serve(ServeArgs),
    /// Check the state folder: exit code 0 when it is sound, 1 when something is damaged
    Check(CheckArgs),
    /// Create an API client while the identity provider does not run; prints its secret as JSON
    CreateClient(CreateClient),
}

#[derive(Debug, clap::Args)]
struct CreateClient {
    /// The state folder; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The client's name
    name: ClientId,
    /// A scope that it gets; give it several times, or several separated by spaces
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        required_unless_present = "all_scopes"
    )]
    scopes: Vec<String>,
    /// It gets every scope there is: for the administrator, who makes all other clients
    #[arg(long, conflicts_with = "scopes")]
    all_scopes: bool,
}

/// Does what the command line says.
///
/// # Errors
/// In words for a person.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Serve(args) => serve(args),
        Command::Check(args) => check(args),
        Command::CreateClient(args) => create_client(args),
    }
}

fn serve(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::read(args)?;
    let listener = Listener::bind(&config.listen)?;
    let folder = StateFolder::open(&config.state)?;
    let clients = Clients::open(&folder.join(DATABASE)).context("cannot open the clients")?;
    let keyring = Keyring::open(folder.join(KEYS), config.rotation, ick_http::now())?;
    let keyring = Arc::new(keyring);
    let issuer = config.issuer.clone().unwrap_or_else(|| listener.url());
    let verifier = Verifier::new(
        &config.audience,
        vec![Issuer {
            url: issuer.clone(),
            trust: Trust::Everything,
            keys: keyring.public_keys(),
        }],
    );
    let shutdown = Shutdown::new();
    let metrics = Metrics::new();
    metrics.state_folder(folder.path());
    metrics.database(clients.database());
    let rotation = rotate(Arc::clone(&keyring), &config, shutdown.clone())?;
    let idp = Idp::new(
        clients,
        Arc::clone(&keyring),
        issuer,
        config.audience,
        config.rotation,
        Room::new(folder.path(), config.free_space),
    );
    idp.counts().register(&metrics);
    let served = ick_http::serve(Serve {
        name: "ick-idp",
        listener,
        router: routes::router(idp, &config.limits),
        public: routes::PUBLIC,
        version: ick_http::version(env!("CARGO_PKG_VERSION")),
        verifier: Arc::new(verifier),
        fetcher: None,
        limits: config.http,
        access_log: config.access_log,
        metrics,
        shutdown: shutdown.clone(),
    });
    shutdown.request();
    let _ = rotation.join();
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Looks after the keys now and then, in a thread.
fn rotate(
    keyring: Arc<Keyring>,
    config: &Config,
    shutdown: Shutdown,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let every = (config.rotation.refresh / 4).clamp(Duration::from_millis(250), MINUTE);
    std::thread::Builder::new()
        .name("key rotation".to_owned())
        .stack_size(512 * 1024)
        .spawn(move || {
            while !shutdown.sleep(every) {
                match keyring.rotate(ick_http::now()) {
                    Ok(false) => {}
                    Ok(true) => tracing::info!("the signing keys changed"),
                    Err(error) => tracing::error!("{error}"),
                }
            }
        })
}

const MINUTE: Duration = Duration::from_secs(60);

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let damage = check::check(&args.state)?;
    for line in &damage {
        println!("{line}");
    }
    if damage.is_empty() {
        println!("sound");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}

fn create_client(args: &CreateClient) -> anyhow::Result<ExitCode> {
    let scopes = if args.all_scopes {
        known_scopes(&[scope::ALL.join(" ")])?
    } else {
        known_scopes(&args.scopes)?
    };
    let folder = StateFolder::open(&args.state)?;
    let clients = Clients::open(&folder.join(DATABASE)).context("cannot open the clients")?;
    let created = clients.create(&args.name, &scopes, "", ick_http::now())?;
    let Created::New(client, secret) = created else {
        bail!(Usage(format!(
            "there is a client {} already: choose another name, or delete that one first",
            args.name
        )));
    };
    println!("{}", routes::with_secret(&client, &secret));
    Ok(ExitCode::SUCCESS)
}

/// The scopes that a person typed, each of which must exist.
fn known_scopes(typed: &[String]) -> Result<Scopes, Usage> {
    let scopes: Scopes = typed
        .join(" ")
        .parse()
        .map_err(|error: ick_token::ScopeError| Usage(error.to_string()))?;
    for one in scopes.iter() {
        let (kind, blob) = one
            .split_once(':')
            .map_or((one, None), |(kind, blob)| (kind, Some(blob)));
        let known = scope::ALL.contains(&kind)
            && blob.is_none_or(|blob| {
                kind.starts_with("uapi_blobs_id_") && blob.parse::<BlobName>().is_ok()
            });
        if !known {
            let hint = did_you_mean(one, scope::ALL.iter().copied())
                .map_or_else(String::new, |hint| format!("; {hint}"));
            return Err(Usage(format!("there is no scope {one:?}{hint}")));
        }
    }
    if scopes.to_string().len() > MAX_SCOPE {
        return Err(Usage(format!(
            "a client's scopes have at most {MAX_SCOPE} characters"
        )));
    }
    Ok(scopes)
}
