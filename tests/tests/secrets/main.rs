//! Secrets: none is found where it does not belong in the whole life of an installation, and none is
//! sent to a server that it is not for.

mod bound;
mod fake;
mod life;
mod needles;
mod processes;
