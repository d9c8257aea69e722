//! Connections with nodes: the TCP server on which they connect, the dialler that reaches them, and the
//! driver that owns the hub.
//!
//! [`HubServer`] runs a whole hub and gives a [`HubHandle`] to speak with it. [`TcpServer`] alone serves
//! frames to any [`RequestHandler`]. Everything that happens on a connection happens on one thread; only
//! the store has another. What the hub makes of it all is in `iot-core`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use iot_core::{catalogue::Catalogue, config::HubConfig};
//! use iot_net::{HubServer, NetConfig};
//! use iot_store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = NetConfig::new("127.0.0.1:0".parse()?);
//! let catalogue = Arc::new(Catalogue::built_in());
//! let hub = HubServer::start(config, HubConfig::default(), catalogue, Box::new(MemoryStore::new()))?;
//! println!("nodes connect to {}", hub.local_addr());
//!
//! let nodes = hub.handle().read(|view| view.nodes()).await?;
//! assert!(nodes.is_empty());
//! hub.stop().await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod codec;
mod commit;
mod config;
mod connection;
mod dialler;
mod dns_sd;
mod driver;
mod executor;
mod frames;
mod handle;
mod handler;
mod hub_handler;
mod hub_server;
mod joins;
mod keyring;
mod log_budget;
mod noise;
mod open;
mod pace;
mod pool;
mod secure;
mod server;
mod socket;
mod store_thread;
mod store_watch;
mod unstored;

pub use clock::wall_clock;
pub use codec::{CodecError, FrameCodec, RawFrame};
pub use commit::{GATHER, GroupCommit, Released};
pub use config::{DialConfig, Discovery, NetConfig, Opening, ServerConfig};
pub use dns_sd::{HOST_NAME, SERVICE, other_host_names};
pub use frames::Frames;
pub use handle::{HubHandle, Refusing};
pub use handler::{Context, End, RequestHandler};
pub use hub_handler::HubHandler;
pub use hub_server::{HubServer, Running, StartError};
pub use joins::Joins;
pub use keyring::{HeldKey, KeyChangeError, KeySet, Keyring};
pub use log_budget::LINES_PER_PEER;
pub use noise::{HubIdentity, new_secret};
pub use secure::SecureError;
pub use server::TcpServer;
pub use unstored::Instead;
