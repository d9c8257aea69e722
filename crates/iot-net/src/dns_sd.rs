//! [`Announced`]: the hub as others find it on the network, by DNS-SD (RFC 6763) over multicast DNS.
//!
//! Without a configured address a node browses for [`SERVICE`] and connects to what it finds. The TXT
//! record carries `versions` (oldest and newest protocol version, as `1-1`) and `name`. Where another machine has the host
//! name already, the hub gets another one, which may differ between networks.

use core::{net::SocketAddr, time::Duration};

use iot_proto::{Label, VersionRange};
use mdns_sd::{DaemonEvent, DnsNameChange, IfKind, Receiver, ServiceDaemon, ServiceInfo};
use tokio::{sync::watch, task::spawn_local, time::timeout};
use tracing::{debug, info};

/// The service type under which a hub is announced.
pub const SERVICE: &str = "_iot-hub._tcp.local.";

/// The host name that the addresses are announced under, unless another machine has it.
pub const HOST_NAME: &str = "iot-hub.local";

/// Most names that the hub is known to have got in place of [`HOST_NAME`]; where there are more, the oldest is forgotten.
const NAMES: usize = 8;

/// The host names that the hub gets where other machines have [`HOST_NAME`]: the first one that nobody has. Where all of
/// these are taken too, it goes on counting.
pub fn other_host_names() -> impl Iterator<Item = String> {
    in_place_of(HOST_NAME)
}

/// What is tried in place of a name: `iot-hub-2.local` for `iot-hub.local`, and so on.
fn in_place_of(host: &str) -> impl Iterator<Item = String> {
    let name = host.strip_suffix(".local").unwrap_or(host);
    (2..).take(NAMES).map(move |number| format!("{name}-{number}.local"))
}

/// How long the farewell to the network may take.
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);

/// A running announcement.
pub(crate) struct Announced {
    daemon: ServiceDaemon,
    fullname: String,
}

impl Announced {
    /// Announces the hub called `name` that listens on `address`, on the interfaces of that address only, under the host name
    /// `host`. Where it gets another one, that is added to `names`. To be called within a local set.
    ///
    /// # Errors
    /// Where this machine allows no multicast, or the name is not one.
    pub(crate) fn start(
        name: &str,
        host: &str,
        address: SocketAddr,
        names: watch::Sender<Vec<Box<str>>>,
    ) -> Result<Self, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        select_interfaces(&daemon, address)?;
        spawn_local(learn_names(daemon.monitor()?, host.into(), names));
        let name = Label::clipped(name).as_str();
        let VersionRange { min, max } = VersionRange::OURS;
        let versions = format!("{min}-{max}");
        let txt = [("versions", versions.as_str()), ("name", name)];
        let host = format!("{host}.");
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

/// Learns which host names the hub gets in place of `host`, as long as it is announced.
async fn learn_names(events: Receiver<DaemonEvent>, host: Box<str>, names: watch::Sender<Vec<Box<str>>>) {
    while let Ok(event) = events.recv_async().await {
        let DaemonEvent::NameChange(DnsNameChange { original, new_name, .. }) = event else { continue };
        let (original, name) =
            (original.trim_end_matches('.'), new_name.trim_end_matches('.').to_lowercase());
        if original != &*host || names.borrow().iter().any(|known| **known == *name) {
            continue;
        }
        info!(name, "another machine is called {host}: the hub is announced under this name");
        names.send_modify(|names| {
            if names.len() == NAMES {
                names.remove(0);
            }
            names.push(name.into());
        });
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
    use core::net::{IpAddr, Ipv4Addr};

    use mdns_sd::{ResolvedService, ServiceEvent};
    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn an_announced_hub_is_found_with_port_versions_and_name_until_it_stops() {
        let name = format!("Test hub {}", std::process::id());
        let there = async {
            let announced = Announced::start(&name, HOST_NAME, HERE, watch::Sender::default()).unwrap();
            let node = on_loopback();
            let events = node.browse(SERVICE).unwrap();

            let found = timeout(SOON, resolved(&events, &name)).await.expect("it is found");
            assert_eq!(found.get_port(), 5070);
            assert_eq!(found.get_property_val_str("versions"), Some("1-1"));
            assert!(found.get_addresses_v4().contains(&Ipv4Addr::LOCALHOST), "{found:?}");

            announced.stop().await;
            timeout(SOON, removed(&events, found.get_fullname())).await.expect("it is gone");
            node.shutdown().unwrap();
        };
        LocalSet::new().run_until(there).await;
    }

    #[tokio::test]
    async fn a_hub_whose_host_name_another_machine_has_learns_which_one_it_gets() {
        let there = async {
            let other = on_loopback();
            // Nobody else on this machine has it, whichever tests run.
            let host = "second-hub.local";
            let (full, address) = (format!("{host}."), "127.0.0.77");
            let own = ServiceInfo::new(SERVICE, "Another hub", &full, address, 5070, &[("a", "b")][..]);
            other.register(own.unwrap()).unwrap();
            let names = watch::Sender::default();
            let mut learnt = names.subscribe();
            let announced = Announced::start("The second hub", host, HERE, names).unwrap();
            let got = learnt.wait_for(|names: &Vec<Box<str>>| !names.is_empty());
            let got = timeout(SOON, got).await.expect("in time").expect("it is announced").clone();
            assert_eq!(in_place_of(host).next().as_deref(), Some(&*got[0]), "as it was foretold");
            announced.stop().await;
            other.shutdown().unwrap();
        };
        LocalSet::new().run_until(there).await;
    }

    /// Where the hub is announced.
    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5070);

    /// How long anything on this machine may take.
    const SOON: Duration = Duration::from_secs(20);

    /// Somebody else, on the loopback interface alone.
    fn on_loopback() -> ServiceDaemon {
        let daemon = ServiceDaemon::new().expect("a thread and a socket");
        daemon.disable_interface(IfKind::All).expect("it runs");
        daemon.enable_interface(IfKind::LoopbackV4).expect("it runs");
        daemon
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
