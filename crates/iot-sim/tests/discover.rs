//! Finding a hub by its announcement, over real multicast on the loopback interface.

use core::{net::SocketAddr, time::Duration};
use std::process;

use iot_sim::{DiscoverError, SERVICE, Search, discover};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// Announces a hub, whose name no other run of these tests has.
fn announce(daemon: &ServiceDaemon, name: &str, port: u16) -> String {
    let name = format!("{name}-{}", process::id());
    let properties: &[(&str, &str)] = &[];
    let host = format!("{name}.local.");
    let info = ServiceInfo::new(SERVICE, &name, &host, "127.0.0.1", port, properties).expect("a service");
    daemon.register(info).expect("the daemon runs");
    name
}

#[tokio::test]
async fn a_hub_is_found_by_its_announcement_and_told_from_others() {
    let daemon = ServiceDaemon::new().unwrap();
    daemon.disable_interface(IfKind::All).unwrap();
    daemon.enable_interface(IfKind::LoopbackV4).unwrap();
    announce(&daemon, "neighbour", 5998);
    let name = announce(&daemon, "wanted", 5999);
    let search =
        Search { name: Some(name), interfaces: vec!["lo".to_owned()], limit: Duration::from_secs(20) };
    assert_eq!(discover(&search).await.unwrap(), SocketAddr::from(([127, 0, 0, 1], 5999)));
    daemon.shutdown().unwrap();
}

#[tokio::test]
async fn no_hub_within_the_limit_is_an_error_that_says_what_to_do() {
    let interfaces = vec!["no-such-interface".to_owned()];
    let search = Search { name: None, interfaces, limit: Duration::from_millis(200) };
    let error = discover(&search).await.unwrap_err();
    assert!(matches!(error, DiscoverError::None { .. }), "{error}");
    assert!(error.to_string().contains("--hub"), "{error}");
}
