//! Text that a person wrote, as a tree in which everything knows its place, and the problems in it.
//!
//! [`parse`] reads YAML 1.2 and [`parse_json`] JSON (RFC 8259) into the same [`Node`]s. Neither stops at
//! the first problem that can be survived: every [`Flaw`] has a file, a line and a column, and
//! [`render`] shows it with its source line and a caret. [`Fields`] turns a mapping into a type by
//! hand, which tells about unknown fields and what was probably meant.
//!
//! What has no place in a definition or a configuration is refused with words: anchors, aliases,
//! tags, several documents, and more bytes, depth or nodes than [`Limits`] allows.
//!
//! ```
//! use ick_core::yaml;
//! let (config, flaws) = yaml::read("config.yaml", "listen: 127.0.0.1:80\nslots: 2\n", "the configuration", |fields| {
//!     let listen = fields.parse::<std::net::SocketAddr>("listen")?;
//!     let slots = fields.integer("slots", 1..=64).unwrap_or(1);
//!     Some((listen.port(), slots))
//! });
//! assert_eq!((config, flaws), (Some((80, 2)), vec![]));
//! ```

mod field;
mod fields;
mod flaw;
mod json;
mod lines;
mod node;
mod parse;
mod render;
mod scalar;
mod size;
mod suggest;
mod write;

pub use field::Field;
pub(crate) use field::cut;
pub use fields::{Fields, read, read_private};
pub use flaw::{Flaw, Flaws, Severity};
pub use json::parse_json;
pub use node::{Entry, Key, Node, Span, Value};
pub(crate) use parse::parse_into;
pub use parse::{Limits, parse, parse_private, parse_with};
pub use render::{Style, render};
pub use size::{SizeError, format_size, parse_size};
pub use suggest::{closest, did_you_mean};
pub use write::to_text;

#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]
mod tests;
