use crate::hub::Hub;
#[tokio::test]
async fn load() {
    let mut hub = Hub::start().await;
    let fleet = iot_sim::Fleet::start(iot_sim::FleetConfig {
        node_port: Some(1234),
        ..iot_sim::FleetConfig::new(hub.address, 1000)
    })
    .await
    .unwrap();
    let t = std::time::Instant::now();
    let cpu = || {
        let s = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
        (
            f[11].parse::<u64>().unwrap(),
            f[12].parse::<u64>().unwrap(),
            f[21].parse::<u64>().unwrap() * 4 / 1024,
        )
    };
    let c0 = cpu();
    let mut n = 0u64;
    hub.hear(|_| {
        n += 1;
        (t.elapsed().as_secs() >= 10).then_some(())
    })
    .await;
    let c1 = cpu();
    eprintln!("cpu user {} sys {} ticks in 10 s, rss {} MB, heard {n}", c1.0 - c0.0, c1.1 - c0.1, c1.2);
    eprintln!("{}", fleet.stats());
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    eprintln!("{}", fleet.stats());
    eprintln!("{}", fleet.stop().await);
}
