//! `icktool run`

use super::{build::parameters, verdict};
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::Output;
use crate::run::brain::Brain;
use crate::run::execute::{Execution, Log};
use crate::run::interrupt::Interrupts;
use crate::run::place::{Slot, private_folder};
use crate::run::prepare::prepare;
use crate::session::{Context, absolute};
use ick_api::controller::Allows;
use ick_core::definition::Trigger;
use ick_core::name::BuildId;
use ick_worker::actions::{Checkout, Details, DputSettings, GitSettings, StoreAt};
use ick_worker::engine::{Engine, EngineConfig};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Build here and now, without a server
///
/// With the same engine as a worker: the log on stdout, the build's id is PROJECT/0, artifacts go to and
/// come from a folder. A git action whose URL is `.` or a remote of this checkout takes the working tree
/// as it is: tracked and untracked files, not ignored ones.
///
/// Actions with `where: host` may do what your own programs may; those in containers may not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool run project.yaml
  icktool run project.yaml website -p git_url=.
  icktool run project.yaml --committed
  icktool run project.yaml --shell-on-failure

Exit codes: 0 the build is done, 1 it failed, 3 it has no verdict, 130 it was interrupted.")]
pub struct Args {
    /// The definition file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The project; needed when the file has several
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
    /// A parameter for this build: NAME=TEXT, or NAME:=JSON; can be given several times
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// The git branch or tag to build, where the source is not this checkout
    #[arg(long = "ref", value_name = "REF")]
    git_ref: Option<String>,
    /// Of this checkout take what HEAD has, instead of the working tree
    #[arg(long)]
    committed: bool,
    /// The folder of artifacts; one in your data folder when left out
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Open a shell where an action failed: in its workspace and root, with its variables, as its user. At
    /// a terminal only; the build's time-out goes on meanwhile
    #[arg(long)]
    shell_on_failure: bool,
}

/// Does it.
///
/// # Errors
/// When the build cannot be set up; how it ended is no error.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let out = &context.out;
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if args.shell_on_failure && !terminal {
        return Err(Error::Argument {
            argument: "--shell-on-failure".to_owned(),
            why: "a shell needs a terminal, and this is none".to_owned(),
            hint: None,
        }
        .into());
    }
    let trigger = Trigger {
        parameters: parameters(&args.parameters)?,
        git_ref: args.git_ref.clone(),
        commit: None,
    };
    let prepared = prepare(out, &args.file, args.project.as_deref(), &trigger)?;
    let id = BuildId {
        project: prepared.project,
        number: 0,
    };
    let tried = || format!("build {id}");

    let folder = context.folders()?.data.join("run");
    private_folder(&folder)?;
    let store = match &args.store {
        Some(store) => absolute(store)?,
        None => folder.join("artifacts"),
    };
    private_folder(&store).tried(tried)?;
    let engine = Engine::new(config(&folder)?);
    let slot = Slot::take(&folder, &engine).tried(tried)?;
    let say = *out;
    let interrupts = Interrupts::listen(move |count| {
        say.note(match count {
            1 => {
                "cancelled; actions with `when: always` have a minute; Ctrl-C again ends these too"
            }
            _ => "ending everything",
        });
    })?;
    context.interrupt.is_heard();
    let details = Details {
        store: StoreAt::Folder(store.clone()),
        ca_file: None,
        mirrors: folder.join("mirrors"),
        git: GitSettings {
            allow_file: true,
            ..GitSettings::default()
        },
        allow_host: true,
        dput: DputSettings {
            home: std::env::var_os("HOME").map(PathBuf::from),
            ..DputSettings::default()
        },
        checkout: Some(Checkout {
            folder: absolute(Path::new("."))?,
            committed: args.committed,
        }),
    };
    out.note("actions may use this machine as you may: host, network, files");

    let lease = format!("{}-{}", std::process::id(), verdict::now().as_millis());
    let run = engine
        .open_run(slot.number, &lease)
        .map_err(|cause| Error::Run {
            why: cause.detail,
            hint: None,
        })?;
    let worker = crate::session::client_id("icktool")?;
    let built = Brain::begin(
        id.clone(),
        prepared.plan,
        trigger,
        worker,
        slot.number,
        &lease,
    )
    .map_err(Error::from)
    .and_then(|mut brain| {
        let mut execution = Execution::new(
            &engine,
            &run,
            &details,
            &interrupts,
            Log::new(out),
            args.shell_on_failure,
        );
        execution.to_the_end(&mut brain)?;
        execution.log.finish()?;
        Ok(brain.build())
    });
    let kept = run.keeps_something();
    if let Err(why) = engine.remove_run(run) {
        out.warn(&format!(
            "some files of the build could not be removed: {why}"
        ));
    }
    if kept {
        tidy(&engine, out);
    }
    let build = built.tried(tried)?;
    for artifact in &build.artifacts {
        out.note(&format!(
            "{} is {}",
            artifact.name,
            store.join(artifact.name.as_str()).display()
        ));
    }
    out.note(&verdict::line(&build));
    if out.is_json() {
        out.print_json(&build)?;
    }
    Ok(if interrupts.count() > 0 {
        Exit::Interrupted
    } else {
        verdict::exit(&build)
    })
}

/// Sees to what builds have kept.
fn tidy(engine: &Engine, out: &Output) {
    let caches = engine.config().caches();
    if let Err(why) = caches.sweep().and_then(|()| caches.settle()) {
        out.warn(&format!("cannot look after the cache: {why}"));
    }
    caches.hold_to(engine.config().limits.caches);
    let trees = engine.config().trees();
    if let Err(why) = trees.clean() {
        out.warn(&format!("cannot look after the system trees: {why}"));
    }
    trees.hold_to(engine.config().limits.trees);
}

/// The engine, with everything allowed that a worker can allow.
fn config(folder: &Path) -> Result<EngineConfig, Error> {
    let own = std::env::current_exe()
        .map_err(|why| Error::Other(format!("cannot tell where icktool is: {why}")))?;
    let mut config = EngineConfig::new(folder.to_path_buf(), own);
    config.allows = Allows {
        host: true,
        chroot: true,
        network: true,
    };
    Ok(config)
}
