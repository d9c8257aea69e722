//! Finding a hub by its announcement, over real multicast on the loopback interface.

use core::{net::SocketAddr, time::Duration};

use iot_sim::{DiscoverError, SERVICE, discover};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

#[tokio::test]
async fn a_hub_is_found_by_its_announcement() {
    let daemon = ServiceDaemon::new().unwrap();
    daemon.disable_interface(IfKind::All).unwrap();
    daemon.enable_interface(IfKind::LoopbackV4).unwrap();
    let properties: &[(&str, &str)] = &[];
    let info =
        ServiceInfo::new(SERVICE, "test-hub", "test-hub.local.", "127.0.0.1", 5999, properties).unwrap();
    daemon.register(info).unwrap();
    let found = discover(&["lo".to_owned()], Duration::from_secs(20)).await.unwrap();
    assert_eq!(found, SocketAddr::from(([127, 0, 0, 1], 5999)));
    daemon.shutdown().unwrap();
}

#[tokio::test]
async fn no_hub_within_the_limit_is_an_error_that_says_what_to_do() {
    let limit = Duration::from_millis(200);
    let error = discover(&["no-such-interface".to_owned()], limit).await.unwrap_err();
    assert!(matches!(error, DiscoverError::None { .. }), "{error}");
    assert!(error.to_string().contains("--hub"), "{error}");
}
