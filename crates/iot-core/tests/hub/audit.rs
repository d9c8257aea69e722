//! The audit: every change that a person makes is kept with it, and what changes nothing is not.

use iot_core::{Request, audit::Deed, view::Wanted};

use crate::{
    node::{hello, id, module},
    world::World,
};

/// What was kept: deed, what it was done to, before, after, why.
fn audit(world: &World) -> Vec<String> {
    let line = |record: &iot_core::audit::AuditRecord| {
        assert_eq!(&*record.by, "ann");
        let (deed, target) = (record.deed.word(), &record.target.title);
        let mut line = format!("{deed} {target}: {} > {}", record.before, record.after);
        if !record.why.is_empty() {
            line = format!("{line}, because {}", record.why);
        }
        line
    };
    world.kept.audit.iter().map(line).collect()
}

#[test]
fn every_change_is_kept_with_who_what_before_after_and_why() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    let node = || id("pump");
    world.ask_because("bought today", Request::Admit { node: node() });
    world.ask(Request::Name { node: node(), title: "Well pump".into(), place: "Well house".into() });
    world.ask(Request::NameModule { node: node(), module: 0, title: "Main switch".into() });
    world.ask(Request::Tag { node: node(), tags: vec!["wet".into()] });
    world.ask_because("frost", Request::Disable { node: node() });
    world.ask(Request::Enable { node: node() });
    world.ask_because("it only waters", Request::Permit { node: node() });
    world.ask_because("test", Request::Command { node: node(), wanted: Wanted::Restart, expires_in_s: None });
    world.ask(Request::Cancel { id: world.names.id("c1") });
    world.ask(Request::Revoke { node: node() });
    world.ask(Request::Archive { node: node() });
    world.ask(Request::Unarchive { node: node() });
    world.ask_because("sold", Request::Forget { node: node() });
    world.join(2, "10.0.0.5", &hello("pump"), &[]);
    world.ask(Request::Reject { node: node() });
    assert_eq!(
        audit(&world),
        [
            "admit Pump: pending > admitted, because bought today",
            "name Pump: Pump > Well pump, Well house",
            "name Relay 0: Relay 0 > Main switch",
            "tag Well pump:  > wet",
            "disable Well pump: admitted > disabled by ann: frost, because frost",
            "enable Well pump: disabled by ann: frost > admitted",
            "permit Well pump: commands not permitted > commands permitted, because it only waters",
            "command Well pump:  > Well pump: restart, because test",
            "cancel Well pump: Well pump: restart, sent > cancelled",
            "revoke Well pump: admitted > revoked",
            "archive Well pump: revoked > archived",
            "unarchive Well pump: archived > admitted",
            "forget Well pump: admitted, 1 modules > , because sold",
            "turn-away Pump: pending > ",
        ]
    );
    let cancel = &world.kept.audit[8];
    assert_eq!((cancel.deed, cancel.target.command), (Deed::Cancel, Some(world.names.id("c1"))));
}

#[test]
fn what_changes_nothing_or_is_refused_is_no_change() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.skip();
    world.ask(Request::Admit { node: id("pump") });
    world.ask(Request::Name { node: id("pump"), title: "Pump".into(), place: "".into() });
    world.ask(Request::Tag { node: id("pump"), tags: Vec::new() });
    world.ask(Request::Cancel { id: iot_proto::CommandId([7; 16]) });
    world.ask(Request::Forget { node: id("valve") });
    assert!(world.kept.audit.is_empty(), "{:?}", world.kept.audit);
}

#[test]
fn a_reason_is_one_line_of_240_bytes() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.ask_because(&"x".repeat(241), Request::Revoke { node: id("pump") });
    world.ask_because("two\nlines", Request::Revoke { node: id("pump") });
    world.expect(&[
        "answer 1: the reason: text of 241 bytes exceeds the limit of 240",
        "answer 2: the reason: text has a control character at byte 3",
    ]);
    world.ask_because(&format!("  {}  ", "x".repeat(240)), Request::Revoke { node: id("pump") });
    assert_eq!(world.kept.audit[0].why.len(), 240);
}
