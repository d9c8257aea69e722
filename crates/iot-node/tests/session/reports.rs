//! Registration and reports: what is sent when, what is sent again, what is given up.

use core::time::Duration;

use iot_node::{
    Config, RESEND_WAIT, Reason,
    proto::{Admission, Capabilities, ErrorCode, HEADER_LEN, MessageKind, NodeMessage, Welcome},
};

use crate::hub::{BOOT, OWN, Rig, ack, announcement, config, error, frame, report_of, welcome};

#[test]
fn a_node_says_hello_registers_and_then_reports() {
    let mut rig = Rig::new(config());
    rig.report(5);
    rig.run();
    rig.node.connected(rig.now);
    let hello = rig.said(OWN).remove(0);
    let NodeMessage::Hello(said) = hello.message() else { panic!("{hello:?}") };
    assert_eq!((said.max_frame, said.boot), (1024, BOOT));
    assert!(said.capabilities.has(Capabilities::KEEPS_SESSION));
    rig.hear(OWN, &frame(&welcome(), hello.answer()));
    let register = rig.said(OWN);
    assert_eq!(register.len(), 1, "no report before the modules are registered: {register:?}");
    rig.register(&register[0]);
    let report = rig.said(OWN).remove(0);
    assert_eq!(report_of(&report), (1, 0, 5));
}

#[test]
fn a_pending_node_registers_and_reports_nothing_until_it_is_admitted() {
    let pending = Welcome { admission: Admission::PENDING, ..welcome() };
    let mut rig = Rig::online(config(), &pending);
    rig.report(5);
    assert_eq!(rig.kinds(OWN), []);
    let register = rig.admit();
    assert_eq!(register.len(), 1);
    rig.register(&register[0]);
    assert_eq!(rig.kinds(OWN), [MessageKind::REPORT]);
}

#[test]
fn an_answer_to_an_earlier_registration_does_not_count_for_the_admitted_node() {
    let pending = Welcome { admission: Admission::PENDING, ..welcome() };
    let mut rig = Rig::new(config());
    rig.run();
    rig.node.connected(rig.now);
    let hello = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&pending, hello.answer()));
    let early = rig.said(OWN).remove(0);
    assert!(rig.admit().is_empty());
    rig.register(&early);
    rig.report(5);
    let again = rig.said(OWN);
    assert_eq!(again.iter().map(|said| said.kind).collect::<Vec<_>>(), [MessageKind::REGISTER]);
    rig.register(&again[0]);
    assert_eq!(rig.kinds(OWN), [MessageKind::REPORT]);
}

#[test]
fn no_more_reports_are_in_flight_than_the_hub_takes() {
    let mut rig = Rig::online(config(), &welcome());
    for value in 1..=6 {
        rig.report(value);
    }
    let first = rig.said(OWN);
    assert_eq!(first.iter().map(|said| report_of(said).0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    rig.hear(OWN, &frame(&ack(1), first[0].answer()));
    assert_eq!(report_of(&rig.said(OWN)[0]).0, 5);
    rig.hear(OWN, &frame(&ack(4), first[1].answer()));
    assert_eq!(rig.node.waiting_reports(), 2, "all up to 4 are forgotten");
}

#[test]
fn unacknowledged_reports_are_sent_again_with_their_sequence_and_their_new_age() {
    let mut rig = Rig::online(config(), &welcome());
    for value in [10, 20, 30] {
        rig.report(value);
    }
    let sent = rig.said(OWN);
    rig.hear(OWN, &frame(&ack(1), sent[0].answer()));
    let made = rig.now;
    rig.lose();
    rig.wait_for_connect();
    // The hub has stored the second as well; its acknowledgement was lost.
    rig.connect(&Welcome { stored: 2, ..welcome() });
    let age = u32::try_from(rig.now.since(made).as_millis()).unwrap();
    let again = rig.said(OWN);
    assert_eq!(again.iter().map(report_of).collect::<Vec<_>>(), [(3, age, 30)]);
}

#[test]
fn what_the_hub_could_not_store_is_sent_again_later() {
    for code in [ErrorCode::NOT_STORED, ErrorCode::TOO_MANY] {
        let mut rig = Rig::online(config(), &welcome());
        rig.report(5);
        let sent = rig.said(OWN).remove(0);
        rig.hear(OWN, &frame(&error(code), sent.answer()));
        assert_eq!(rig.kinds(OWN), [], "not at once");
        let deadline = rig.node.next_deadline().unwrap();
        assert_eq!((deadline.reason, deadline.at), (Reason::Resend, rig.now.after(RESEND_WAIT)));
        rig.pass(RESEND_WAIT);
        assert_eq!(report_of(&rig.said(OWN)[0]), (1, 1_000, 5));
    }
}

#[test]
fn a_report_that_the_hub_will_never_take_is_given_up_and_the_next_one_goes_out() {
    let mut rig = Rig::online(config(), &welcome());
    rig.report(5);
    let sent = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&error(ErrorCode::MALFORMED_MESSAGE), sent.answer()));
    rig.report(6);
    assert_eq!(report_of(&rig.said(OWN)[0]), (2, 0, 6));
    assert_eq!(rig.node.dropped_reports(), 1);
}

#[test]
fn an_admission_taken_back_stops_the_reports() {
    let mut rig = Rig::online(config(), &welcome());
    rig.report(5);
    let sent = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&error(ErrorCode::PENDING_APPROVAL), sent.answer()));
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.kinds(OWN), []);
    let register = rig.admit().remove(0);
    rig.register(&register);
    assert_eq!(report_of(&rig.said(OWN)[0]), (1, 5_000, 5), "the report was kept");
}

#[test]
fn modules_that_do_not_fit_one_frame_are_announced_in_parts() {
    let modules: Vec<_> =
        (0..20).map(|index| announcement(index, "a module with quite a long title")).collect();
    let modules: &'static [_] = modules.leak();
    let mut rig = Rig::new(Config { modules, ..config() });
    rig.run();
    rig.node.connected(rig.now);
    let hello = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&Welcome { max_frame: 256, ..welcome() }, hello.answer()));
    rig.report(5);
    let mut announced = Vec::new();
    loop {
        let said = rig.said(OWN).remove(0);
        let NodeMessage::Register(register) = said.message() else {
            assert_eq!(said.kind, MessageKind::REPORT);
            break;
        };
        assert!(said.body.len() <= 256 - HEADER_LEN && register.total == 20);
        announced.extend(register.modules.iter().map(|module| module.index));
        rig.register(&said);
    }
    assert_eq!(announced, (0..20).collect::<Vec<_>>());
}

#[test]
fn modules_that_the_hub_could_not_store_are_announced_again_and_all_of_them() {
    let mut rig = Rig::new(config());
    rig.run();
    rig.node.connected(rig.now);
    let hello = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&welcome(), hello.answer()));
    let first = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&error(ErrorCode::NOT_STORED), first.answer()));
    assert_eq!(rig.kinds(OWN), [], "not at once");
    rig.pass(RESEND_WAIT);
    let again = rig.said(OWN).remove(0);
    assert_eq!(again.message(), first.message());
}
