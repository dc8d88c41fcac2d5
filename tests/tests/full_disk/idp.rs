//! The identity provider's disk.

use crate::world::World;
use anyhow::Result;
use ick_tests::with_small_disks;

#[test]
fn tokens_need_no_room_and_new_clients_do() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("idp", 24)?;
        let create = [
            "create-client",
            "hook",
            "--scope",
            "uapi_projects_id_trigger_post",
        ];
        world.disk().leave(0)?;
        // Each has a token of its own.
        world.anyone()?.get("controller", "/builds")?.is(200)?;
        world.refused(&create)?;
        world.run(&["list-clients"])?.exits(0)?;
        world.kill("idp")?;
        world.start()?;
        world.anyone()?.get("controller", "/builds")?.is(200)?;
        world.disk().make_room()?;
        world.run(&create)?.exits(0)?;
        Ok(())
    })
}
