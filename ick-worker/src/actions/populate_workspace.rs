//! `populate_workspace`: unpacks an artifact into the workspace.
//!
//! What is there already stays; a file of the same name is replaced. The content is unpacked as it
//! arrives, and the action fails when the digest is not the store's in the end.

use super::unpack::{Room, Rules, unpack};
use super::{Task, artifact, failed};
use crate::beneath;
use crate::engine::{Built, cannot};
use crate::workspace;
use ick_core::build::Cause;

/// Executes the action.
pub(super) fn execute(task: &Task<'_>, _built: &mut Built) -> Result<(), Cause> {
    let name = artifact::name(task)?;
    let required = task.fields.flag("required")?;
    let Some(mut fetch) = artifact::open(task, &name, None)? else {
        let missing = format!("the artifact {name} is not in the artifact store");
        if required {
            return Err(failed(format!(
                "{missing}: build first what archives it, or leave out `required`"
            )));
        }
        println!("{missing}: nothing is unpacked");
        return Ok(());
    };
    let root =
        beneath::root(&task.order.workspace).map_err(|why| cannot("open the workspace", &why))?;
    let limit = task.order.limits.workspace;
    let room = Room {
        limit,
        used: workspace::size(&task.order.workspace, limit),
    };
    let unpacked = unpack(&name, root, &mut fetch, room, Rules::Workspace);
    // What could not be read is no fault of the archive.
    if let Some(why) = fetch.failed() {
        return Err(why);
    }
    let unpacked = unpacked?;
    let (digest, size) = fetch.finish()?;
    println!(
        "{name} is in the workspace: {size} bytes, {digest}; {} entries, {} bytes unpacked",
        unpacked.entries, unpacked.bytes
    );
    Ok(())
}
