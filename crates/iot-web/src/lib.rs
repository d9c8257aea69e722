//! Pages, JSON API and live feed of the hub.
//!
//! [`serve`] answers on a listener until it is told to stop. All that it knows of the hub comes through a
//! [`Backend`]; it never sees a socket of a node.
//!
//! `route.rs` says which requests there are, `handler.rs` has one arm for each, `page` and `api` hold what
//! they answer, `guard.rs` what holds for every answer.

mod act;
mod api;
mod asset;
mod backend;
mod body;
mod config;
mod details;
mod error;
mod feed;
mod guard;
mod handler;
mod host;
mod input;
mod joining;
mod page;
mod patient;
mod places;
mod route;
pub mod rows;
mod server;
mod store;
mod web;
mod wording;

pub use backend::Backend;
pub use config::WebConfig;
pub use server::serve;
pub use store::{
    BackupData, BackupFile, BackupRefused, BackupsView, CheckView, Checked, Found, Refuses, StoreView,
};
