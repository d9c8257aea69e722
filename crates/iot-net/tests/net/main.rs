//! The network side over real sockets on loopback: the TCP server with handlers of a user, and a whole
//! hub with its store.

mod button;
mod given;
mod hub;
mod hub_key;
mod joining;
mod keyed;
mod limits;
mod node;
mod rekey;
mod secure;
mod store;
mod stored;
mod tcp_server;
mod unverified;
