//! The contents, by digest. What names them is elsewhere: see [`crate::names`].

pub mod files;
mod interface;

pub use interface::{Arrived, Blobs, Content, Expected, Incoming, Placed};
