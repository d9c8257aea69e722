//! The web server over real sockets, with a made-up hub behind it.

#[path = "../fake/mod.rs"]
mod fake;

mod client;
mod doors;
mod guards;
mod history;
mod hub_key;
mod joining;
mod live;
mod markup;
mod openapi;
mod pages;
mod requests;
mod rights;
mod scripts;
mod slow;
mod store;
mod tls;
mod upload;
