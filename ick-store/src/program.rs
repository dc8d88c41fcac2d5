//! The program `ick-store`: its command line, and how its parts are put together.

use crate::blobs::files::Files;
use crate::config::Config;
use crate::names::Names;
use crate::shelf::Shelf;
use crate::{check, metrics, routes};
use clap::{Parser, Subcommand};
use ick_http::{
    CheckArgs, IssuerSource, KeyFetcher, Listener, Metrics, Serve, ServeArgs, Shutdown,
};
use ick_state::{Room, StateFolder};
use ick_token::{Issuer, PublicKeys, Trust, Verifier};
use std::process::ExitCode;
use std::sync::Arc;

/// Ick's artifact store
#[derive(Debug, Parser)]
#[command(name = "ick-store", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve named files over HTTP
    Serve(ServeArgs),
    /// Read everything in a state folder again: exit code 0 when it is sound, 1 when it is damaged
    Check(CheckArgs),
}

/// Does what the command line says.
///
/// # Errors
/// What keeps it from doing so.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Serve(args) => {
            serve(&Config::read(args)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(args) => {
            let report = check::check(&args.state)?;
            for line in &report.damage {
                println!("{line}");
            }
            if report.damage.is_empty() {
                println!(
                    "sound: {} contents, {} bytes",
                    report.contents, report.bytes
                );
                Ok(ExitCode::SUCCESS)
            } else {
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

fn serve(config: &Config) -> anyhow::Result<()> {
    let listener = Listener::bind(&config.listen)?;
    let folder = StateFolder::open(&config.state)?;
    let names = Names::open(&folder.join("store.sqlite"))?;
    let room = Room::new(folder.path(), config.free_space);
    let blobs = Files::open(&folder.join("blobs"), room)?;
    let shelf = Arc::new(Shelf::open(names, Box::new(blobs))?);
    let (verifier, fetcher) = trust(config, &folder)?;
    let metrics = Metrics::new();
    metrics.state_folder(folder.path());
    metrics::register(&metrics, &shelf);
    ick_http::serve(Serve {
        name: "ick-store",
        listener,
        router: routes::router(shelf, &config.limits),
        public: &[],
        version: ick_http::version(env!("CARGO_PKG_VERSION")),
        verifier: Arc::new(verifier),
        fetcher: Some(fetcher),
        limits: config.http,
        access_log: config.access_log,
        metrics,
        shutdown: Shutdown::new(),
    })?;
    Ok(())
}

/// Clients' tokens are the identity provider's. The controller's are for single blobs and count for
/// nothing else.
fn trust(config: &Config, folder: &StateFolder) -> anyhow::Result<(Verifier, KeyFetcher)> {
    let of = |url: &str, trust| Issuer {
        url: url.to_owned(),
        trust,
        keys: PublicKeys::unknown(),
    };
    let issuers = vec![
        of(&config.auth_url, Trust::Everything),
        of(&config.controller, Trust::NamedBlobs),
    ];
    let files = ["idp-jwks.json", "controller-jwks.json"];
    let sources = issuers
        .iter()
        .zip(files)
        .map(|(issuer, file)| IssuerSource {
            url: issuer.url.clone(),
            authorities: config.authorities.clone(),
            keys: issuer.keys.clone(),
            file: folder.join(file),
        })
        .collect();
    let fetcher = KeyFetcher::start(sources)?;
    Ok((Verifier::new(config.audience.clone(), issuers), fetcher))
}
