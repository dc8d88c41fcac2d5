//! An Ick behind a real haproxy, with the example configuration: everything under one public name, with
//! connections that are cut, and with a proxy or a server that is started anew.

mod cuts;
mod installation;
mod restarts;
mod whole;
