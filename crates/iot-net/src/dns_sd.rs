//! [`Announced`]: the hub as others find it on the network, by DNS-SD (RFC 6763) over multicast DNS.
//!
//! Without a configured address a node browses for [`SERVICE`] and connects to what it finds. The TXT
//! record carries `versions` (oldest and newest protocol version, as `1-1`) and `name`.

use core::{net::SocketAddr, time::Duration};

use iot_proto::{Label, VersionRange};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use tokio::time::timeout;
use tracing::debug;

/// The service type under which a hub is announced.
pub const SERVICE: &str = "_iot-hub._tcp.local.";

/// The host name that the addresses are announced under; another hub with the same one is renamed.
pub const HOST_NAME: &str = "iot-hub.local";

/// How long the farewell to the network may take.
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);

/// A running announcement.
pub(crate) struct Announced {
    daemon: ServiceDaemon,
    fullname: String,
}

impl Announced {
    /// Announces the hub called `name` that listens on `address`, on the interfaces of that address only.
    ///
    /// # Errors
    /// Where this machine allows no multicast, or the name is not one.
    pub(crate) fn start(name: &str, address: SocketAddr) -> Result<Self, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        select_interfaces(&daemon, address)?;
        let name = Label::clipped(name).as_str();
        let VersionRange { min, max } = VersionRange::OURS;
        let versions = format!("{min}-{max}");
        let txt = [("versions", versions.as_str()), ("name", name)];
        let host = format!("{HOST_NAME}.");
        let mut service = ServiceInfo::new(SERVICE, instance(name), &host, "", address.port(), &txt[..])?;
        service = service.enable_addr_auto();
        let fullname = service.get_fullname().to_owned();
        daemon.register(service)?;
        Ok(Self { daemon, fullname })
    }

    /// Tells the network that the hub is gone.
    pub(crate) async fn stop(self) {
        let gone = self.daemon.unregister(&self.fullname);
        let ended = self.daemon.shutdown();
        if let (Ok(gone), Ok(ended)) = (gone, ended) {
            let goodbye = async { (gone.recv_async().await.is_ok(), ended.recv_async().await.is_ok()) };
            if timeout(GOODBYE_WITHIN, goodbye).await.is_err() {
                debug!("the end of the announcement took too long and was not waited for");
            }
        }
    }
}

/// Everything is off at first, loopback included; then on is only what the hub listens on.
fn select_interfaces(daemon: &ServiceDaemon, address: SocketAddr) -> Result<(), mdns_sd::Error> {
    daemon.disable_interface(IfKind::All)?;
    match address.ip() {
        ip if ip.is_unspecified() => {
            daemon.enable_interface(vec![IfKind::IPv4, IfKind::IPv6])?;
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])
        }
        ip => daemon.enable_interface(IfKind::Addr(ip)),
    }
}

/// The instance name: a DNS label has at most 63 bytes.
fn instance(name: &str) -> &str {
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 { "IoT hub" } else { name.get(..end).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use mdns_sd::{Receiver, ResolvedService, ServiceEvent};

    use super::*;

    #[tokio::test]
    async fn an_announced_hub_is_found_with_port_versions_and_name_until_it_stops() {
        let name = format!("Test hub {}", std::process::id());
        let announced = Announced::start(&name, SocketAddr::from((Ipv4Addr::LOCALHOST, 5070))).unwrap();
        let node = ServiceDaemon::new().unwrap();
        node.disable_interface(IfKind::All).unwrap();
        node.enable_interface(IfKind::LoopbackV4).unwrap();
        let events = node.browse(SERVICE).unwrap();

        let found = timeout(Duration::from_secs(20), resolved(&events, &name)).await.expect("it is found");
        assert_eq!(found.get_port(), 5070);
        assert_eq!(found.get_property_val_str("versions"), Some("1-1"));
        assert!(found.get_addresses_v4().contains(&Ipv4Addr::LOCALHOST), "{found:?}");

        announced.stop().await;
        timeout(Duration::from_secs(20), removed(&events, found.get_fullname())).await.expect("it is gone");
        node.shutdown().unwrap();
    }

    #[test]
    fn a_name_is_cut_to_what_an_instance_may_have() {
        assert_eq!(instance("Hub"), "Hub");
        assert_eq!(instance(""), "IoT hub");
        assert_eq!(instance(&"ü".repeat(40)), "ü".repeat(31));
    }

    async fn resolved(events: &Receiver<ServiceEvent>, name: &str) -> Box<ResolvedService> {
        loop {
            if let ServiceEvent::ServiceResolved(found) = events.recv_async().await.unwrap()
                && found.get_property_val_str("name") == Some(name)
            {
                return found;
            }
        }
    }

    async fn removed(events: &Receiver<ServiceEvent>, fullname: &str) {
        loop {
            if let ServiceEvent::ServiceRemoved(_, gone) = events.recv_async().await.unwrap()
                && gone == fullname
            {
                return;
            }
        }
    }
}
