//! When a node connects, pings, leaves and comes back.

use core::time::Duration;

use iot_node::{
    Answer, Config, Contact, HELLO_LIMIT, LONGEST_WAIT, Reason,
    proto::{Close, Correlation, ErrorCode, Label, MessageKind, NodeMessage, SleepAck, Welcome},
};

use crate::hub::{OWN, Rig, ack, command, config, frame, request, set, welcome};

#[test]
fn a_ping_goes_out_at_the_exact_tick_and_only_one() {
    let mut rig = Rig::online(config(), &welcome());
    let deadline = rig.node.next_deadline().unwrap();
    assert_eq!((deadline.reason, deadline.at), (Reason::Ping, rig.now.after(Duration::from_secs(10))));
    rig.pass(Duration::from_millis(9_999));
    assert_eq!(rig.kinds(OWN), []);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.kinds(OWN), [MessageKind::PING]);
    rig.pass(Duration::from_secs(11));
    assert_eq!(rig.kinds(OWN), [], "the first is not answered");
}

#[test]
fn a_hub_that_is_silent_for_four_and_a_half_keepalives_is_left() {
    let mut rig = Rig::online(config(), &welcome());
    rig.pass(Duration::from_secs(10));
    rig.said(OWN);
    rig.pass(Duration::from_millis(34_999));
    assert_eq!(rig.kinds(OWN), []);
    rig.pass(Duration::from_millis(1));
    let close = rig.said(OWN).remove(0);
    let NodeMessage::Close(said) = close.message() else { panic!("{close:?}") };
    assert_eq!(said.code, ErrorCode::SILENT);
    assert!(rig.events.iter().any(|event| event.contains("why: Silent")), "{:?}", rig.events);
}

#[test]
fn a_hub_that_does_not_welcome_the_node_is_left() {
    let mut rig = Rig::new(config());
    rig.run();
    rig.node.connected(rig.now);
    rig.said(OWN);
    assert_eq!(rig.node.next_deadline().unwrap().at, rig.now.after(HELLO_LIMIT));
    rig.pass(HELLO_LIMIT);
    assert_eq!(rig.kinds(OWN), [MessageKind::CLOSE]);
}

#[test]
fn waits_double_with_full_jitter_and_a_welcome_resets_them() {
    let waits = |seed| {
        let mut rig = Rig::new(Config { seed, ..config() });
        rig.run();
        let waits: Vec<_> = (0..12)
            .map(|_| {
                rig.lose();
                rig.wait_for_connect()
            })
            .collect();
        (rig, waits)
    };
    let mut longest = [Duration::ZERO; 12];
    for seed in 0..60 {
        for (longest, wait) in longest.iter_mut().zip(waits(seed).1) {
            *longest = wait.max(*longest);
        }
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        let bound = Duration::from_secs(1 << attempt.min(6)).min(LONGEST_WAIT);
        assert!(longest <= bound && longest > bound / 2, "attempt {attempt}: {longest:?} of {bound:?}");
    }
    assert_eq!(waits(3).1, waits(3).1);
    assert_ne!(waits(3).1, waits(4).1);
    let (mut rig, _) = waits(5);
    rig.connect(&welcome());
    rig.lose();
    assert!(rig.wait_for_connect() <= Duration::from_secs(1));
}

#[test]
fn a_close_of_the_hub_says_when_to_come_back_at_the_earliest() {
    let mut rig = Rig::online(config(), &welcome());
    let close = Close { code: ErrorCode::STOPPING, retry_after_ms: 30_000, detail: Label::EMPTY };
    rig.hear(OWN, &frame(&close, Correlation::OneWay));
    assert!(
        rig.events.iter().any(|event| event.contains("Closed(ErrorCode(10 stopping))")),
        "{:?}",
        rig.events
    );
    assert_eq!(rig.wait_for_connect(), Duration::from_secs(30));
}

#[test]
fn a_sleeping_node_still_listens_then_closes_and_comes_back_when_it_said() {
    let mut rig = Rig::online(config(), &welcome());
    rig.node.sleep(Duration::from_mins(5), Duration::from_secs(2)).unwrap();
    let sleep = rig.said(OWN).remove(0);
    let NodeMessage::Sleep(said) = sleep.message() else { panic!("{sleep:?}") };
    assert_eq!((said.for_s, said.listen_ms), (300, 2_000));
    rig.hear(OWN, &frame(&SleepAck { waiting: 1 }, sleep.answer()));
    rig.pass(Duration::from_secs(1));
    rig.hear(OWN, &frame(&set(1, true.into()), request(9)));
    rig.node.answer(command(1), Answer::Done(None)).unwrap();
    assert_eq!(rig.kinds(OWN), [MessageKind::OUTCOME], "it obeys while it listens");
    rig.pass(Duration::from_secs(1));
    let close = rig.said(OWN).remove(0);
    let NodeMessage::Close(said) = close.message() else { panic!("{close:?}") };
    assert_eq!(said.code, ErrorCode::OK);
    assert_eq!(rig.wait_for_connect(), Duration::from_mins(5));
    rig.connect(&welcome());
    assert!(rig.node.is_online());
}

#[test]
fn a_visiting_node_leaves_when_all_is_said() {
    let every = Duration::from_mins(1);
    let mut rig = Rig::new(Config { contact: Contact::Visits { every }, ..config() });
    rig.report(5);
    rig.connect(&welcome());
    let report = rig.said(OWN).remove(0);
    assert!(rig.node.is_online(), "not before the report is stored");
    rig.hear(OWN, &frame(&ack(1), report.answer()));
    assert_eq!(rig.kinds(OWN), [MessageKind::CLOSE]);
    assert_eq!(rig.wait_for_connect(), every);
}

#[test]
fn a_hub_that_chooses_a_version_that_is_not_spoken_is_left() {
    let mut rig = Rig::new(config());
    rig.run();
    rig.node.connected(rig.now);
    let hello = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&Welcome { version: 9, ..welcome() }, hello.answer()));
    assert_eq!(rig.kinds(OWN), [MessageKind::CLOSE]);
    assert!(rig.events.iter().any(|event| event.contains("Version(9)")), "{:?}", rig.events);
}

#[test]
fn a_stopped_node_says_goodbye_and_stays_away_until_it_is_resumed() {
    let mut rig = Rig::online(config(), &welcome());
    rig.node.stop(rig.now);
    assert_eq!(rig.kinds(OWN), [MessageKind::CLOSE]);
    assert_eq!(rig.node.next_deadline(), None);
    rig.node.resume(rig.now);
    rig.connect(&welcome());
    assert!(rig.node.is_online());
}
