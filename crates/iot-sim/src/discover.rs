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

/// Which hub to look for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The name under which the hub announces itself; `None` takes the first that is heard of.
    pub name: Option<String>,
    /// Interfaces to listen on, by name; where there are none, all with IPv4 but the loopback.
    pub interfaces: Vec<String>,
    /// How long to look.
    pub limit: Duration,
}

/// Finds a hub.
///
/// # Errors
/// [`DiscoverError`].
pub async fn discover(search: &Search) -> Result<SocketAddr, DiscoverError> {
    let daemon = ServiceDaemon::new()?;
    // By default every interface is used, so that what is wanted must be chosen from none.
    daemon.disable_interface(IfKind::All)?;
    if search.interfaces.is_empty() {
        daemon.enable_interface(IfKind::IPv4)?;
        daemon.disable_interface(IfKind::LoopbackV4)?;
    }
    for interface in &search.interfaces {
        daemon.enable_interface(IfKind::Name(interface.clone()))?;
    }
    let events = daemon.browse(SERVICE)?;
    let found = time::timeout(search.limit, async {
        loop {
            if let ServiceEvent::ServiceResolved(service) = events.recv_async().await.ok()?
                && search.wants(&service.fullname)
            {
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
    found.ok().flatten().ok_or(DiscoverError::None { limit: search.limit })
}

impl Search {
    /// Whether a service of this full name, such as `Home._iot-hub._tcp.local.`, is meant.
    fn wants(&self, full_name: &str) -> bool {
        let name = full_name.strip_suffix(SERVICE).and_then(|name| name.strip_suffix('.'));
        self.name.is_none() || self.name.as_deref() == name
    }
}
