//! Pages, JSON API and live feed of the hub.
//!
//! [`serve`] answers on a listener until it is told to stop. All that it knows of the hub comes through a
//! [`Backend`]; it never sees a socket of a node.
//!
//! `route/` says which requests there are and whom each is for, `door/` who asks and whether they are let in, `handler.rs` has one arm for each, `page` and `api` hold what
//! they answer, `guard.rs` what holds for every answer.

mod act;
mod api;
mod asset;
mod backend;
mod backup;
mod body;
mod bulkhead;
mod config;
mod connection;
mod details;
mod door;
mod error;
mod feed;
mod guard;
mod handler;
mod host;
mod hub_key;
mod input;
mod joining;
mod openapi;
mod page;
mod patient;
mod people;
mod places;
mod query;
mod restore;
mod route;
pub mod rows;
mod server;
mod store;
mod tls;
mod upload;
mod web;
mod word;
mod wording;

pub use backend::Backend;
pub use bulkhead::Bulkhead;
pub use config::WebConfig;
pub use door::{Secret, SecretError, hash_password};
pub use guard::MAX_BODY;
pub use restore::{BackupKey, RestoreRefused, RestoreView, Restoring};
pub use route::{May, RouteInfo, routes};
pub use server::serve;
pub use store::{
    BackupData, BackupFile, BackupRefused, BackupsView, CheckView, Checked, Found, Refuses, StoreView,
};
pub use tls::{Tls, TlsError};
pub use upload::{Piece, Taking, UPLOAD_PIECE, UploadRefused, UploadView, Uploading};
pub use web::NODE_LISTS;
