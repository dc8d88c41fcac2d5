//! TLS on the client's side: a whole Ick behind proxies that speak TLS, and what is said when a
//! certificate is no good.

mod distrust;
mod proxy;
mod settings;
mod site;
mod whole;
