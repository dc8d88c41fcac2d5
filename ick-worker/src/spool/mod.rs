//! The spool: an action's output on disk, from the moment it is read until the controller has it.
//!
//! A file of the action's folder: eight bytes that name the format, then the frames of
//! [`ick_api::logframe`], in the order in which they arrived. The supervisor appends, the worker
//! follows. It is not fsynced: what is not yet with the controller when the power fails belongs to an
//! action that is lost anyway.

mod reader;
mod ring;
mod writer;

pub use reader::{Chunk, Reader};
pub use writer::Writer;

/// The name of the spool in the action's folder.
pub const FILE: &str = "spool";

/// The name of the ring in the action's folder.
pub const RING_FILE: &str = "ring";

/// How a spool begins: its format and the format's version.
pub(crate) const MAGIC: [u8; 8] = *b"ickspl01";

/// The most payload bytes of one frame.
pub const FRAME: usize = 64 << 10;
