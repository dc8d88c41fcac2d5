//! Tokens at the three real daemons: which are refused, what each may do, whose lease and blob it is
//! for, and that nobody is refused while keys rotate.

mod escalation;
mod forge;
mod headers;
mod near_misses;
mod rotation;
mod scopes;
mod store_tokens;
mod wire;
mod workers;
