//! Full disks: what is refused, in which words, that nothing acknowledged is lost, and that all of it
//! goes on by itself when there is room again.

mod caller;
mod controller;
mod database;
mod icktool;
mod idp;
mod store;
mod worker;
mod world;
