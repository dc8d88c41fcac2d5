//! The program `ick-controller`: its command line, and how its parts are put together.

use crate::app::App;
use crate::config::Config;
use crate::idle::Idle;
use crate::leases::Leases;
use crate::logs::Logs;
use crate::metrics::Counts;
use crate::roster::Roster;
use crate::state::{Error, State};
use crate::store_token::StoreTokens;
use crate::{check, housekeeping, metrics, routes, sweep};
use anyhow::Context;
use clap::{Parser, Subcommand};
use ick_http::{
    CheckArgs, Hints, IssuerSource, KeyFetcher, Listener, Metrics, Serve, ServeArgs, Shutdown,
};
use ick_state::{Room, StateFolder};
use ick_token::{Issuer, Keyring, PublicKeys, Rotation, Trust, Verifier};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a key signs tokens for the store, and how often the store fetches the keys.
const KEY_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
const REFRESH: Duration = Duration::from_secs(3600);

/// Ick's controller
#[derive(Debug, Parser)]
#[command(name = "ick-controller", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve projects, builds, logs and work over HTTP
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
            serve(Config::read(args)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(args) => {
            let report = check::check(&args.state)?;
            for line in &report.damage {
                println!("{line}");
            }
            if report.damage.is_empty() {
                println!("sound: {} builds, {} logs", report.builds, report.logs);
                Ok(ExitCode::SUCCESS)
            } else {
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// How often those who check the store tokens are told to fetch the keys.
pub const fn jwks_max_age() -> Duration {
    REFRESH
}

fn serve(mut config: Config) -> anyhow::Result<()> {
    let listener = Listener::bind(&config.listen)?;
    let folder = StateFolder::open(&config.state)?;
    let url = config.url.clone().unwrap_or_else(|| listener.url());
    config.url = Some(url);
    let (limits, access_log) = (config.http, config.access_log);
    let shutdown = Shutdown::new();
    let (verifier, fetcher) = trust(&config, &folder)?;
    let mut version = ick_http::version(env!("CARGO_PKG_VERSION"));
    version.insert(
        "artifact_store".to_owned(),
        config.artifact_store.clone().into(),
    );
    version.insert("auth_url".to_owned(), config.auth_url.clone().into());
    let app = Arc::new(open(config, &folder, &shutdown)?);
    let metrics = Metrics::new();
    metrics.state_folder(folder.path());
    metrics::register(&metrics, &app);
    let passes: [(&str, Pass); 2] = [("sweep", sweep::run), ("housekeeping", housekeeping::run)];
    let mut threads = Vec::new();
    for (name, pass) in passes {
        threads.push(background(name, pass, &app, &shutdown)?);
    }
    let served = ick_http::serve(Serve {
        name: "ick-controller",
        listener,
        router: routes::router(Arc::clone(&app)),
        public: routes::PUBLIC,
        version,
        verifier: Arc::new(verifier),
        fetcher: Some(fetcher),
        limits,
        access_log,
        metrics,
        shutdown: shutdown.clone(),
    });
    shutdown.request();
    for thread in threads {
        // A panic in it was written to the log when it happened.
        let _ = thread.join();
    }
    served?;
    Ok(())
}

/// Puts the controller together from what is in its state folder.
///
/// # Errors
/// When that cannot be read.
pub fn open(config: Config, folder: &StateFolder, shutdown: &Shutdown) -> anyhow::Result<App> {
    let now = ick_http::now();
    let keys = Keyring::open(
        folder.join("keys.json"),
        Rotation {
            key_lifetime: KEY_LIFETIME,
            refresh: REFRESH,
            token_lifetime: StoreTokens::lifetime(),
        },
        now,
    )?;
    let issuer = config.url.clone().unwrap_or_default();
    let tokens = StoreTokens::new(Arc::new(keys), issuer, config.audience.clone())?;
    let state = State::open(folder.path())?;
    let logs = Logs::open(&folder.join("logs"), Hints::new(shutdown.clone()))
        .context("cannot open the logs")?;
    let workers = state.read(|tx| tx.workers())?;
    let app = App {
        leases: Leases::new(config.lease_length),
        room: Room::new(folder.path(), config.free_space),
        config,
        roster: Roster::new(workers),
        idle: Idle::default(),
        counts: Counts::default(),
        hints: Hints::new(shutdown.clone()),
        state,
        logs,
        tokens,
    };
    let held = app.state.read(|tx| {
        let mut builds = Vec::new();
        for lease in tx.leases()? {
            builds.extend(tx.build_by_key(lease.build)?);
        }
        Ok::<_, Error>(builds)
    })?;
    for build in &held {
        app.leases.note(build, [], now);
    }
    Ok(app)
}

/// Something that the controller does on its own, until it ends.
type Pass = fn(&App, &Shutdown);

fn background(
    name: &str,
    pass: Pass,
    app: &Arc<App>,
    shutdown: &Shutdown,
) -> std::io::Result<JoinHandle<()>> {
    let (app, shutdown) = (Arc::clone(app), shutdown.clone());
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // A panic is a bug; time has to pass on nevertheless.
            let once = || pass(&app, &shutdown);
            while std::panic::catch_unwind(std::panic::AssertUnwindSafe(once)).is_err()
                && !shutdown.sleep(Duration::from_secs(1))
            {}
        })
}

fn trust(config: &Config, folder: &StateFolder) -> anyhow::Result<(Verifier, KeyFetcher)> {
    let issuer = Issuer {
        url: config.auth_url.clone(),
        trust: Trust::Everything,
        keys: PublicKeys::unknown(),
    };
    let fetcher = KeyFetcher::start(vec![IssuerSource {
        url: config.auth_url.clone(),
        authorities: config.authorities.clone(),
        keys: issuer.keys.clone(),
        file: folder.join("idp-jwks.json"),
    }])?;
    Ok((
        Verifier::new(config.audience.clone(), vec![issuer]),
        fetcher,
    ))
}
