//! A fleet against a scripted hub, over real sockets.

extern crate alloc;

mod cli;
mod hub;

use core::{net::SocketAddr, time::Duration};
use std::collections::HashMap;

use hub::{Hub, Said, frame, read_frame, request};
use iot_proto::{
    Capabilities, CommandId, Dial, ErrorCode, Get, Identity, MessageKind, Name, NodeMessage, OutcomeStatus,
    OwnedValue, Set, UnixMillis, Value, VersionRange,
};
use iot_sim::{Control, Fleet, FleetConfig, Plan};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Number of the first node of an archetype; the table of archetypes begins with these.
const PUMP_HOUSE: usize = 1;
const GATE: usize = 2;

/// Each test has addresses of its own, since all of them listen.
fn config(hub: &Hub, nodes: u32, test: u8) -> FleetConfig {
    let first_address = Some([127, 100, test, 1].into());
    let plan = Plan { rate: 20.0, ..Plan::default() };
    FleetConfig { first_address, node_port: Some(1234), plan, ..FleetConfig::new(hub.address, nodes) }
}

fn set(number: u8, channel: u8, value: Value<'_>) -> Set<'_> {
    Set { command: CommandId([number; 16]), module: 0, channel, value }
}

fn sequence(said: &Said) -> Option<u32> {
    if let Said::Report { sequence, .. } = said { Some(*sequence) } else { None }
}

#[tokio::test]
async fn every_node_connects_from_its_own_address_registers_and_reports() {
    let mut hub = Hub::start().await;
    let fleet = Fleet::start(config(&hub, 20, 1)).await.unwrap();
    let (mut addresses, mut kinds, mut reporting) = (HashMap::new(), HashMap::new(), HashMap::new());
    hub.hear(|heard| {
        if let Said::Hello { capabilities, .. } = heard.said {
            assert!(capabilities.has(Capabilities::LISTENS.and(Capabilities::KEEPS_SESSION)));
            addresses.insert(heard.from, heard.name.clone());
        } else if let Said::Register { kinds: theirs } = &heard.said {
            kinds.insert(heard.name.clone(), theirs.clone());
        } else if sequence(&heard.said).is_some() {
            *reporting.entry(heard.name.clone()).or_insert(0) += 1;
        } else {
            panic!("{heard:?}");
        }
        (reporting.len() == 20 && reporting.values().all(|reports| *reports > 2)).then_some(())
    })
    .await;
    assert_eq!(addresses.len(), 20);
    for node in fleet.nodes() {
        assert_eq!(addresses.get(&node.address.unwrap()), Some(&node.name));
        assert_eq!(kinds.get(&node.name).unwrap(), &node.modules);
    }
    let stats = fleet.stop().await;
    assert_eq!((stats.connects, stats.protocol_errors), (20, 0));
    assert!(stats.acknowledged > 40 && stats.latency.p50_us > 0, "{stats:?}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_values() {
    let mut runs = Vec::new();
    for test in [2, 3] {
        let mut hub = Hub::start().await;
        let fleet = Fleet::start(config(&hub, 1, test)).await.unwrap();
        let first = hub.hear(|heard| {
            let Said::Report { boot, sequence: 1, readings } = &heard.said else { return None };
            Some((*boot, readings.clone()))
        });
        runs.push(first.await);
        fleet.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_cut_connection_comes_back_and_sends_again_what_was_not_acknowledged() {
    let mut hub = Hub::start().await;
    hub.acknowledge(false);
    let fleet = Fleet::start(config(&hub, 1, 4)).await.unwrap();
    let first = hub.hear(|heard| sequence(&heard.said)).await;
    fleet.control(0, Control::Cut).await.unwrap();
    hub.hear(|heard| (heard.said == Said::Gone).then_some(())).await;
    hub.acknowledge(true);
    let again = hub.hear(|heard| sequence(&heard.said)).await;
    assert_eq!(again, first, "the oldest comes first, with its number");
    // No more than eight are in flight, so that by then the first were acknowledged.
    hub.hear(|heard| sequence(&heard.said).filter(|sequence| *sequence > first + 8)).await;
    let stats = fleet.stop().await;
    assert!(stats.resent > 0 && stats.acknowledged > 0, "{stats:?}");
}

#[tokio::test]
async fn a_crashed_node_comes_back_with_another_boot_id() {
    let mut hub = Hub::start().await;
    let fleet = Fleet::start(config(&hub, 1, 5)).await.unwrap();
    let boot = |said: &Said| if let Said::Hello { boot, .. } = said { Some(*boot) } else { None };
    let first = hub.hear(|heard| boot(&heard.said)).await;
    fleet.control(0, Control::Crash).await.unwrap();
    let second = hub.hear(|heard| {
        assert_ne!(heard.said, Said::Close, "a crash says no goodbye");
        boot(&heard.said)
    });
    assert_ne!(second.await, first);
    assert_eq!(fleet.stop().await.crashes, 1);
}

#[tokio::test]
async fn a_relay_obeys_once_and_reports_what_it_is() {
    let mut hub = Hub::start().await;
    let plan = Plan { rate: 0.0, ..Plan::default() };
    let fleet = Fleet::start(FleetConfig { plan, ..config(&hub, 2, 6) }).await.unwrap();
    let name = fleet.nodes()[PUMP_HOUSE].name.clone();
    hub.hear(|heard| (heard.name == name && sequence(&heard.said).is_some()).then_some(())).await;
    for id in [1, 2] {
        hub.send(&name, &set(1, 1, Value::from(true)), request(id)).await;
        let (status, value) = hub
            .hear(|heard| {
                let Said::Outcome { status, value, is_request: false } = &heard.said else { return None };
                Some((*status, value.clone()))
            })
            .await;
        assert_eq!((status, value), (OutcomeStatus::DONE, Some(OwnedValue::Bool(true))));
    }
    assert_eq!(fleet.value(PUMP_HOUSE, 0, 1).await, Some(OwnedValue::Bool(true)));
    let stats = fleet.stop().await;
    assert_eq!((stats.commands, stats.repeated_commands), (1, 1));
}

#[tokio::test]
async fn a_gate_takes_its_time_reports_on_the_way_and_says_when_it_is_there() {
    let mut hub = Hub::start().await;
    let fleet = Fleet::start(config(&hub, 3, 7)).await.unwrap();
    let name = fleet.nodes()[GATE].name.clone();
    hub.hear(|heard| (heard.name == name && sequence(&heard.said).is_some()).then_some(())).await;
    hub.send(&name, &set(1, 1, Value::from(30)), request(1)).await;
    let (mut outcomes, mut positions) = (Vec::new(), Vec::new());
    hub.hear(|heard| {
        if let Said::Outcome { status, is_request, value } = &heard.said {
            outcomes.push((*status, *is_request, value.clone()));
        }
        if let Said::Report { readings, .. } = &heard.said
            && heard.name == name
        {
            positions.extend(readings.iter().filter(|it| (it.0, it.1) == (0, 1)).map(|it| it.2.clone()));
        }
        (outcomes.len() == 2).then_some(())
    })
    .await;
    let there = Some(OwnedValue::Int(30));
    assert_eq!(
        outcomes,
        [(OutcomeStatus::ACCEPTED, false, None), (OutcomeStatus::DONE, true, there.clone())]
    );
    assert!(positions.len() > 2, "{positions:?}");
    assert_eq!(fleet.value(GATE, 0, 1).await, there);
    fleet.stop().await;
}

#[tokio::test]
async fn a_node_without_a_session_visits_and_is_dialled_on_its_own_address() {
    let mut hub = Hub::start().await;
    let config = FleetConfig { visitors: 100, visit_every: Duration::from_hours(1), ..config(&hub, 2, 8) };
    let fleet = Fleet::start(config).await.unwrap();
    let node = fleet.nodes()[PUMP_HOUSE].clone();
    let mut said = Vec::new();
    hub.hear(|heard| {
        said.extend((heard.name == node.name).then(|| heard.said.clone()));
        (said.last() == Some(&Said::Gone)).then_some(())
    })
    .await;
    assert!(
        matches!(said[0], Said::Hello { capabilities, .. } if !capabilities.has(Capabilities::KEEPS_SESSION))
    );
    assert!(said.iter().any(|said| sequence(said) == Some(1)), "{said:?}");
    assert_eq!(said[said.len() - 2], Said::Close);

    let mut stream = TcpStream::connect(SocketAddr::new(node.address.unwrap(), 1234)).await.unwrap();
    let to = Identity::Name(Name::new(&node.name).unwrap());
    let dial = Dial { versions: VersionRange::OURS, to, time: UnixMillis(0) };
    stream.write_all(&frame(&dial, request(1))).await.unwrap();
    stream.write_all(&frame(&set(1, 1, Value::from(true)), request(2))).await.unwrap();
    let mut buffer = Vec::new();
    let (kind, correlation, _) = read_frame(&mut stream, &mut buffer).await.unwrap();
    assert_eq!((kind, Some(correlation)), (MessageKind::HELLO, request(1).answer()));
    let (kind, _, body) = read_frame(&mut stream, &mut buffer).await.unwrap();
    let Ok(NodeMessage::Outcome(outcome)) = NodeMessage::decode(kind, &body) else { panic!("{kind}") };
    assert_eq!((outcome.status, outcome.value), (OutcomeStatus::DONE, Some(Value::from(true))));
    drop(stream);
    fleet.stop().await;
}

#[tokio::test]
async fn a_dial_for_another_node_is_turned_away() {
    let hub = Hub::start().await;
    let fleet = Fleet::start(config(&hub, 1, 9)).await.unwrap();
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 100, 9, 1], 1234))).await.unwrap();
    let to = Identity::Name(Name::new("someone-else").unwrap());
    let dial = Dial { versions: VersionRange::OURS, to, time: UnixMillis(0) };
    stream.write_all(&frame(&dial, request(1))).await.unwrap();
    let mut buffer = Vec::new();
    let (kind, _, body) = read_frame(&mut stream, &mut buffer).await.unwrap();
    let Ok(NodeMessage::Error(error)) = NodeMessage::decode(kind, &body) else { panic!("{kind}") };
    assert_eq!(error.code, ErrorCode::WRONG_NODE);
    assert_eq!(read_frame(&mut stream, &mut buffer).await.unwrap().0, MessageKind::CLOSE);
    assert!(read_frame(&mut stream, &mut buffer).await.is_none(), "the node closes");
    fleet.stop().await;
}

#[tokio::test]
async fn lost_reports_leave_gaps_and_late_ones_come_after_all() {
    let mut hub = Hub::start().await;
    let plan = Plan { rate: 50.0, loss: 30, late: 20, ..Plan::default() };
    let fleet = Fleet::start(FleetConfig { plan, ..config(&hub, 1, 10) }).await.unwrap();
    let mut sequences = Vec::new();
    hub.hear(|heard| {
        sequences.extend(sequence(&heard.said));
        (sequences.len() == 60).then_some(())
    })
    .await;
    assert!(sequences.is_sorted(), "{sequences:?}");
    let last = usize::try_from(*sequences.last().unwrap()).unwrap();
    assert!(last > 65, "no gaps among {last}");
    let stats = fleet.stop().await;
    assert!(stats.lost > 5 && stats.given_up == 0, "{stats:?}");
}

#[tokio::test]
async fn a_sleeping_node_says_so_and_comes_back() {
    let mut hub = Hub::start().await;
    let config = FleetConfig { sleepers: 100, sleep_for: Duration::from_secs(1), ..config(&hub, 1, 11) };
    let fleet = Fleet::start(config).await.unwrap();
    for wanted in [Said::Sleep, Said::Close, Said::Gone] {
        hub.hear(|heard| (heard.said == wanted).then_some(())).await;
    }
    hub.hear(|heard| matches!(heard.said, Said::Hello { .. }).then_some(())).await;
    let stats = fleet.stop().await;
    assert!(stats.disconnects.keys().any(|why| why.contains("sleep")), "{stats:?}");
}

#[tokio::test]
async fn faults_on_request_reach_the_hub_and_the_session_goes_on() {
    let mut hub = Hub::start().await;
    let fleet = Fleet::start(config(&hub, 1, 12)).await.unwrap();
    let name = fleet.nodes()[0].name.clone();
    hub.hear(|heard| sequence(&heard.said)).await;
    fleet.set_plan(Plan { rate: 0.0, ..Plan::default() });
    fleet.control(0, Control::UnknownKind).await.unwrap();
    hub.hear(|heard| (heard.said == Said::UnknownKind).then_some(())).await;
    fleet.control(0, Control::DuplicateReport).await.unwrap();
    let twice = hub.hear(|heard| sequence(&heard.said)).await;
    assert!(twice > 0);
    fleet.control(0, Control::Raw(frame(&set(1, 1, Value::from(true)), request(7)))).await.unwrap();
    hub.hear(|heard| (heard.said == Said::UnknownKind).then_some(())).await;
    let get = Get { command: CommandId([9; 16]), module: 0, channel: 1 };
    hub.send(&name, &get, request(3)).await;
    hub.hear(|heard| matches!(heard.said, Said::Outcome { status: OutcomeStatus::DONE, .. }).then_some(()))
        .await;
    fleet.control(0, Control::Stop).await.unwrap();
    hub.hear(|heard| (heard.said == Said::Close).then_some(())).await;
    fleet.control(0, Control::Resume).await.unwrap();
    hub.hear(|heard| matches!(heard.said, Said::Hello { .. }).then_some(())).await;
    fleet.stop().await;
}
