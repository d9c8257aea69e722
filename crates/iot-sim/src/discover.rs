//! Finds a hub on the network by DNS-SD.

use alloc::collections::BTreeSet;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mdns_sd::{IfKind, ServiceDaemon, ServiceEvent};
use thiserror::Error;
use tokio::time;

/// The service under which a hub announces itself.
pub const SERVICE: &str = "_iot-hub._tcp.local.";

/// No hub was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The machine cannot listen to such announcements.
    #[error("cannot listen to announcements of hubs")]
    Listen(#[from] mdns_sd::Error),
    /// No hub answered.
    #[error("no hub announced itself as {SERVICE} within {limit:?}; name one with --hub")]
    None {
        /// How long it was waited for.
        limit: Duration,
    },
}

/// The first hub that is heard of within `limit`, on these interfaces (by name), or on all with IPv4 but
/// the loopback where none is named.
///
/// # Errors
/// [`DiscoverError`].
pub async fn discover(interfaces: &[String], limit: Duration) -> Result<SocketAddr, DiscoverError> {
    let daemon = ServiceDaemon::new()?;
    // By default every interface is used, so that what is wanted must be chosen from none.
    daemon.disable_interface(IfKind::All)?;
    if interfaces.is_empty() {
        daemon.enable_interface(IfKind::IPv4)?;
        daemon.disable_interface(IfKind::LoopbackV4)?;
    }
    for interface in interfaces {
        daemon.enable_interface(IfKind::Name(interface.clone()))?;
    }
    let events = daemon.browse(SERVICE)?;
    let found = time::timeout(limit, async {
        loop {
            if let ServiceEvent::ServiceResolved(service) = events.recv_async().await.ok()? {
                // The lowest address, so that a hub with several is always found at the same one.
                let addresses: BTreeSet<_> = service.get_addresses_v4().into_iter().collect();
                if let Some(address) = addresses.first() {
                    return Some(SocketAddr::new(IpAddr::V4(*address), service.get_port()));
                }
            }
        }
    })
    .await;
    // The daemon ends by itself with the process where it does not do so now.
    let _ = daemon.shutdown();
    found.ok().flatten().ok_or(DiscoverError::None { limit })
}
