//! [`ServerError`]: why a server could not be started, in words that name the setting.

use core::net::SocketAddr;
use std::io;

use iot_core::IotError;
use iot_net::StartError;
use iot_store::OpenError;
use thiserror::Error;

use crate::{
    certificate::CertificateError, identity::IdentityError, owner::OwnerError, private::PrivateError,
};

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The hub itself could not be started.
    #[error("{}", explain(.0))]
    Hub(StartError),
    /// The store cannot be opened.
    #[error("cannot open the store, which data_dir and store set: {0}")]
    Store(OpenError),
    /// The hub's own key cannot be had.
    #[error(transparent)]
    Identity(IdentityError),
    /// The runtime ended while the hub was being started.
    #[error("the runtime ended before the hub had started")]
    Stopped,
    /// Pages cannot be served where they should be.
    #[error("cannot serve pages on {address}, set by web_address and web_port: {why}")]
    Web {
        /// Where they should be.
        address: SocketAddr,
        /// What the operating system says.
        why: io::Error,
    },
    /// There is no certificate to encrypt the pages with.
    #[error("cannot encrypt the pages, which tls sets: {0}")]
    Certificate(CertificateError),
    /// A kind that the configuration names does not exist.
    #[error("setting {setting}: {why}")]
    Kind {
        /// The setting.
        setting: &'static str,
        /// Which kind.
        why: IotError,
    },
    /// There are not enough files for a single session.
    #[error("the process may open too few files: {needed} are needed; raise LimitNOFILE or ulimit -n")]
    TooFewFiles {
        /// Files that are needed.
        needed: usize,
    },
    /// The data directory is not the hub's alone.
    #[error("{0}")]
    Private(PrivateError),
    /// Whoever should own the hub cannot.
    #[error("cannot make the owner of the hub: {0}")]
    Owner(OwnerError),
}

/// Says which setting a failed start is about.
fn explain(error: &StartError) -> String {
    match error {
        StartError::Listen { address, source } => {
            format!("cannot listen for nodes on {address}, set by address and tcp_port: {source}")
        }
        StartError::Load(source) => format!("cannot read the store: {source}"),
        StartError::Thread(source) => format!("cannot start a thread: {source}"),
    }
}
