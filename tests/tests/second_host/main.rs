//! A second build host: how it becomes one, how two share the load, and what is said when something is
//! wrong with one.

mod clock;
mod host;
mod protocol;
mod share;
mod tools;
mod world;
