//! What an operator sees of the three servers: their metrics, and a line about each request.

mod access_log;
mod ask;
mod metrics;
mod openmetrics;
