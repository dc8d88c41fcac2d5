//! Starting an action: its supervisor is started and waits, its folder is filled, and then the
//! supervisor is told to go.

use super::folder::private_folders;
use super::order::{self, OUTPUTS, Order, PARAMETERS, SCRIPT, TMP, TOKEN, private_file};
use super::outcome::{cannot, cause};
use super::request::{Program, Request};
use super::running::Running;
use super::supervisor::Supervisor;
use super::{Engine, RunFolder, permission};
use crate::environment;
use crate::places::ids::Ids;
use crate::places::{Inside, Tools, tools};
use crate::spool;
use crate::workspace::fill_file;
use ick_core::build::{Cause, CauseKind, Place};
use ick_core::secret::Secret;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) fn start(
    engine: &Engine,
    run: &RunFolder,
    request: Request,
    record: impl FnOnce() -> Result<(), Cause>,
) -> Result<Running, Cause> {
    permission::check(&engine.config, &request)?;
    let folder = run.make_action(&request.action_id)?;
    let order = order(engine, run, &folder, request)?;
    tools::check(&order)?;
    let starting = |why| cannot("start the action's supervisor", &why);
    // Loading a program takes as long as all that is done here meanwhile.
    let supervisor = Supervisor::spawn(&engine.config.supervise, &folder).map_err(starting)?;
    fill(&folder, &order).map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => cause(
            CauseKind::Internal,
            "the action was started before under this lease, and is never started again",
        ),
        _ => cannot("write the action's order", &why),
    })?;
    let mut running =
        Running::of(supervisor, folder, &engine.inotify, &engine.leaving).map_err(starting)?;
    record()?;
    if let Some(group) = order.cgroup {
        // Without it, the reaper alone sees to it that nothing is left.
        let _ = fs::create_dir(&group);
        running.is_in(group);
    }
    running.go();
    Ok(running)
}

fn order(
    engine: &Engine,
    run: &RunFolder,
    folder: &Path,
    request: Request,
) -> Result<Order, Cause> {
    let config = &engine.config;
    let root = rustix::process::geteuid().is_root();
    let passed = config
        .pass_env
        .iter()
        .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
        .collect::<BTreeMap<_, _>>();
    let passed = with_authorities(&request.program, passed);
    let inside = Inside::of(&request, run, folder);
    let path = std::env::var("PATH").unwrap_or_else(|_| environment::PATH.to_owned());
    let tools = Tools::find(request.place, request.network, &path)?;
    let env = environment::of(&request, &inside, Some(path.clone()), passed)?;
    let first_id = match root {
        true => Some(first_id(config.uid_base, run.slot())?),
        false => None,
    };
    let tree = run
        .systree(&config.trees())
        .map_err(|why| cannot("tell the build's system tree", &why))?;
    if request.place == Place::Chroot {
        Ids::of(first_id, &path)?;
        run.has_tree_owners()
            .map_err(|why| cannot("write to the run's folder", &why))?;
    }
    Ok(Order {
        v: order::VERSION,
        request,
        slot: run.slot(),
        workspace: run.workspace(),
        caches: crate::caches::folder(&config.state),
        home: run.home(),
        tree,
        worker_path: path,
        trees: config.trees(),
        builtin: config.builtin.clone(),
        env,
        visible: config.visible.clone(),
        hidden: config.hidden.clone(),
        first_id,
        tools,
        limits: config.limits,
        cgroup: engine
            .cgroups
            .as_ref()
            .map(|groups| groups.parent.join(group_name())),
    })
}

/// The first host id that belongs to a slot.
fn first_id(base: u32, slot: u32) -> Result<u32, Cause> {
    slot.checked_mul(super::IDS_PER_SLOT)
        .and_then(|ids| base.checked_add(ids))
        .filter(|first| base >= super::IDS_PER_SLOT && first.checked_add(super::IDS_PER_SLOT).is_some())
        .ok_or_else(|| {
            cause(
                CauseKind::NotAllowed,
                format!("slot {slot} has no host ids with `uid_base: {base}` in the worker's configuration"),
            )
        })
}

/// What the platform's authorities are looked for by, for built-in actions, which call the store.
fn with_authorities(
    program: &Program,
    mut passed: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    if matches!(program, Program::BuiltIn { .. }) {
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            if let Ok(value) = std::env::var(name) {
                passed.entry(name.to_owned()).or_insert(value);
            }
        }
    }
    passed
}

/// A name that no other process on this host uses at the same time.
fn group_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Process ids come again, and in another pid namespace they are there already.
    let now = crate::supervise::now().as_millis();
    format!("ick-{}-{now}-{count}", std::process::id())
}

fn fill(folder: &Path, order: &Order) -> io::Result<()> {
    // First, as it says that the action was started.
    order.write(folder)?;
    if let Some(token) = &order.request.store_token {
        write_token(folder, token)?;
    }
    spool::Writer::create(folder)?;
    if matches!(order.request.program, Program::BuiltIn { .. }) {
        return private_folders(&folder.join(TMP));
    }
    let parameters = serde_json::to_vec(&order.request.parameters)?;
    fill_file(&folder.join(PARAMETERS), &parameters)?;
    fill_file(&folder.join(OUTPUTS), b"")?;
    let inside = Inside::from_order(order, folder);
    if let Some(script) = environment::script(&order.request.program, &inside) {
        fill_file(&folder.join(SCRIPT), script.as_bytes())?;
    }
    if order.request.place == Place::Host {
        private_folders(&folder.join(TMP))?;
    }
    Ok(())
}

/// Writes the token so that who reads it has the old one or the new one, whole.
pub(super) fn write_token(folder: &Path, token: &Secret) -> io::Result<()> {
    let next: PathBuf = folder.join(format!("{TOKEN}.new"));
    let _ = fs::remove_file(&next);
    private_file(&next, token.reveal().as_bytes())?;
    fs::rename(&next, folder.join(TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_slots_never_reach_root() {
        assert_eq!(first_id(1_900_000_000, 0).ok(), Some(1_900_000_000));
        assert_eq!(first_id(1_900_000_000, 2).ok(), Some(1_900_131_072));
        for (base, slot) in [(0, 0), (1, 0), (u32::MAX - 10, 0), (1_900_000_000, 65_535)] {
            assert!(first_id(base, slot).is_err(), "{base} {slot}");
        }
    }
}
