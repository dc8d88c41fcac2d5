//! The Debian packages: built, installed on a fresh Debian, set up as `docs/install.md` says, used, broken,
//! removed. systemd runs there, with the units as they are.

mod built;
mod fresh;
mod machine;
mod removal;
mod running;
mod setup;
mod units;

use anyhow::Result;

#[test]
fn the_packages_on_a_fresh_debian() -> Result<()> {
    let packages = built::packages()?;
    let tree = fresh::tree(&packages)?;
    let machine = machine::Machine::boot(&tree, &packages)?;
    setup::as_documented(&machine)?;
    setup::everything_is_in_its_place(&machine)?;
    units::are_valid_and_tight(&machine)?;
    running::with_no_more_rights_than_needed(&machine)?;
    running::a_build_from_trigger_to_artifact(&machine)?;
    running::a_restart_of_the_worker_starts_its_builds_anew(&machine)?;
    running::a_crash_is_mended_and_a_mistake_is_not_repeated(&machine)?;
    removal::of_a_worker_ends_its_actions(&machine)?;
    removal::of_everything_leaves_nothing(&machine)
}
