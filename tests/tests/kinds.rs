//! The simulator knows the numbers of module kinds without knowing the catalogue; here they are compared.

use std::time::Duration;

use iot_core::{catalogue::Catalogue, config::Registration};
use iot_server::{IotServer, config::StoreKind};
use iot_sim::{Fleet, FleetConfig};
use iot_tests::people::OWNER;

/// Nodes enough that every kind the simulator has is among them.
const NODES: u32 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_of_the_simulator_fits_its_kind() {
    let local = [127, 0, 0, 1].into();
    let builder = IotServer::builder().tcp_address(local).tcp_port(0).web_address(local).web_port(0);
    let builder = builder.store(StoreKind::Memory).owner(OWNER.0, OWNER.1);
    let server = builder.registration(Registration::Open).start().await.expect("a server on free ports");
    let config = FleetConfig { first_address: None, ..FleetConfig::new(server.tcp_addr(), NODES) };
    let fleet = Fleet::start(config).await.expect("a fleet");
    let enough = || fleet.stats().acknowledged >= u64::from(NODES) * 3;
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !enough() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("every node reports");
    let mut simulated: Vec<_> = fleet.nodes().iter().flat_map(|node| node.modules.clone()).collect();
    let stats = fleet.stop().await;
    assert_eq!(stats.rejected_readings, 0, "{stats:?}");
    assert_eq!(stats.protocol_errors, 0, "{stats:?}");
    simulated.sort_unstable();
    simulated.dedup();
    let catalogue = Catalogue::built_in();
    let known: Vec<_> = catalogue.kinds().map(|kind| &*kind.name).collect();
    assert_eq!(simulated, known, "the simulator has every built-in kind");
    server.tear_down().await;
}
