//! The hub as a library: [`IotServer`] composes the network, the core, the store and the pages.
//!
//! ```
//! use iot_server::{IotServer, config::StoreKind};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let server = IotServer::builder()
//!     .tcp_address([127, 0, 0, 1].into())
//!     .tcp_port(0) // a free one; 5070 where nothing is said
//!     .web_address([127, 0, 0, 1].into())
//!     .web_port(0) // a free one; 80, or else 8080, where nothing is said
//!     .store(StoreKind::Memory) // on disk where nothing is said
//!     .owner("ada", "four words are good") // else whoever claims it on its page; nodes wait until then
//!     .start()
//!     .await?;
//!
//! println!("nodes connect to {}, people open {}", server.tcp_addr(), server.web_url());
//! assert!(server.check_module_support("relay", 1).is_ok());
//! assert!(server.module_files("relay")?.contains_key("module.toml"));
//!
//! server.tear_down().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The binary `iot-server` is a command line around this.

mod address;
mod backend;
mod builder;
mod care;
mod certificate;
pub mod config;
mod files;
mod hub_keys;
pub mod identity;
mod key_text;
pub mod limits;
pub mod modules;
mod owner;
mod private;
mod restores;
pub mod retention;
pub mod seal;
mod server;
mod store;
pub mod transfer;

pub use builder::Builder;
pub use care::{UPLOAD_LEAVES, aside};
pub use certificate::{CERTIFICATE, CertificateError};
pub use config::{Config, ConfigError};
pub use owner::OwnerError;
pub use private::PrivateError;
pub use restores::{Ready, Replaced, Restores, UndoError};
pub use server::{IotServer, PAGE_FILE, ServerError};
pub use store::FILE_NAME as STORE_FILE_NAME;
