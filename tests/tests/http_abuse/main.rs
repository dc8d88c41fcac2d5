//! Clients that mean no good, against controller, store and identity provider as real processes.
//!
//! Every case is tried on each of the three (`servers::each`). While the abuse is held open, and again
//! when it is over, the server answers others at once; at the end it has had less than 64 MiB at any
//! time, and no thread or descriptor is left behind.
//!
//! What ick-http refuses is a problem in the form of RFC 9457. What is no HTTP is refused by hyper before
//! there is a request, with 400, 414 or 431 and an empty body; hyper has no place where one could be put
//! in (only something that rewrites the bytes on their way out could, and would have to guess which
//! answers are hyper's own), so that it stays at that.

mod chunks;
mod client;
mod descriptors;
mod expect;
mod half_sent;
mod heads;
mod http_1_0;
mod lengths;
mod pipelining;
mod servers;
mod slow_readers;
