//! What holds where a backup is restored while a hub runs: it is made ready beside the store, which goes on; who
//! restored it stands in it; and what would become of the store is told before.

use std::{fs, ops::ControlFlow};

use iot_core::{
    AdmissionState, UnixMillis,
    audit::{AuditQuery, Deed},
    people::{Change, People as _, Role, User, UserName},
    store::{Chronicle as _, Decision, NodeRecord, Record, Store as _},
    view::{Named, Otherwise},
};
use iot_store::{BackupError, Existing, RestoreError, SqliteStore, back_up, compare, prepare, put_back};

use crate::{
    care::{filled, go_on, names, node_record},
    given::{all_readings, batch, by, node, report},
};

#[test]
fn a_backup_is_made_ready_while_the_store_goes_on_and_takes_its_place_once_no_hub_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store, history) = filled(directory.path());
    let (copy, aside) = (directory.path().join("copy.db"), directory.path().join("aside"));
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    let then = all_readings(&history);
    store.commit(&report("a", 50, &[77_777])).unwrap();
    let now = all_readings(&history);
    let mut sequence = 50;
    let prepared = prepare(&copy, (&path, &aside), by(7), &mut |_| {
        sequence += 1;
        store.commit(&report("a", sequence, &[80_000 + i64::from(sequence)])).unwrap();
        ControlFlow::Continue(())
    });
    let prepared = prepared.unwrap();
    assert_ne!(all_readings(&history), now, "the hub goes on");
    let now = all_readings(&history);

    let refused = prepared.put().unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    let prepared = prepare(&copy, (&path, &aside), by(8), &mut go_on).unwrap();
    drop((store, history));
    let restored = prepared.put().unwrap();
    assert_eq!(restored.kept.as_deref(), Some(aside.as_path()));
    assert!(!names(directory.path()).iter().any(|name| name.contains(".part")), "nothing is left behind");
    let (store, history) = SqliteStore::open(&path).unwrap();
    assert_eq!(all_readings(&history), then);
    let audit = store.chronicle().unwrap().audit(&AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap();
    let last = &audit[0].record;
    assert_eq!((last.deed, &*last.by, last.at), (Deed::Restore, "ada", UnixMillis(8)));
    assert_eq!((&*last.before, &*last.after), ("the store, kept as aside", "the backup copy.db"));
    drop((store, history));

    put_back(&aside, &path, &directory.path().join("refused")).unwrap();
    let (_store, history) = SqliteStore::open(&path).unwrap();
    assert_eq!(all_readings(&history), now, "what was kept is whole and can be had again");
}

#[test]
fn a_damaged_backup_and_one_that_is_stopped_are_never_ready_and_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _store, _history) = filled(directory.path());
    let (copy, aside) = (directory.path().join("copy.db"), directory.path().join("aside"));
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    let stopped = prepare(&copy, (&path, &aside), by(1), &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(stopped, RestoreError::Copy(BackupError::Stopped)), "{stopped}");
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 200].fill(0xA5);
    fs::write(&copy, bytes).unwrap();
    let refused = prepare(&copy, (&path, &aside), by(1), &mut go_on).unwrap_err();
    assert!(refused.to_string().contains("copy.db is damaged"), "{refused}");
    assert!(!names(directory.path()).iter().any(|name| name.contains(".part")), "nothing is left behind");
}

#[test]
fn what_is_kept_aside_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let (path, store, history) = filled(directory.path());
    let (copy, aside) = (directory.path().join("copy.db"), directory.path().join("aside"));
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    drop((store, history));
    fs::write(&aside, "precious").unwrap();
    let (before, prepared) = (fs::read(&path).unwrap(), prepare(&copy, (&path, &aside), by(1), &mut go_on));
    let refused = prepared.unwrap().put().unwrap_err();
    assert!(refused.to_string().contains("there already"), "{refused}");
    assert_eq!(fs::read_to_string(&aside).unwrap(), "precious");
    assert!(fs::read(&path).unwrap() == before, "the store is as it was");
}

#[test]
fn what_becomes_of_nodes_readings_and_people_is_told_before() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store, _history) = filled(directory.path());
    let copy = directory.path().join("copy.db");
    let people = store.people().unwrap();
    let user = |name: &str, password: &str| {
        let (name, password) = (UserName::new(name).unwrap(), password.into());
        User { name, role: Role::Admin, password, since: UnixMillis(1) }
    };
    people.change(&Change::Claim(user("ada", "$argon2id$a")), by(0)).unwrap();
    people.change(&Change::AddUser(user("otto", "$argon2id$o")), by(0)).unwrap();
    let named = |name: &str, change: &dyn Fn(&mut NodeRecord)| {
        let Record::Node(mut node) = node_record(name) else { panic!("a node") };
        change(&mut node);
        batch(Record::Node(node))
    };
    store.commit(&named("gate", &|_| {})).unwrap();
    store.commit(&named("pump", &|_| {})).unwrap();
    let leave = Decision { by: "ada".into(), why: "it waters".into(), at: UnixMillis(4) };
    for name in ["lamp", "tap"] {
        store.commit(&named(name, &|node| node.terms.commands = Some(leave.clone()))).unwrap();
    }
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    let same = compare(&copy, &path, UnixMillis(1_000_000)).unwrap();
    assert_eq!((same.then, same.lost_readings), (same.now, 0));
    assert!(same.left_out.is_empty() && same.let_in.is_empty() && same.users_back.is_empty());
    assert!(same.commands_back.is_empty(), "what is permitted still does not come back");

    store.commit(&report("a", 60, &[999_999, 1_000_000, 1_000_001, 1_000_002])).unwrap();
    store.commit(&named("new", &|_| {})).unwrap();
    store.commit(&named("gate", &|node| node.admission = AdmissionState::Revoked)).unwrap();
    let off = Decision { by: "ada".into(), why: "".into(), at: UnixMillis(5) };
    store.commit(&named("pump", &|node| node.disabled = Some(off.clone()))).unwrap();
    store.commit(&named("tap", &|_| {})).unwrap();
    people.change(&Change::RemoveUser(UserName::new("otto").unwrap()), by(2)).unwrap();
    people.change(&Change::AddUser(user("vera", "$argon2id$v")), by(3)).unwrap();
    let told = compare(&copy, &path, UnixMillis(1_000_000)).unwrap();
    assert_eq!(told.lost_readings, 2, "those that were measured after it");
    let of = |changed: &[iot_core::view::Changed]| -> Vec<_> {
        changed.iter().map(|node| (node.id.clone(), node.otherwise)).collect()
    };
    assert_eq!(of(&told.left_out), [(node("new"), Otherwise::Unknown)]);
    let revoked = Otherwise::Not(AdmissionState::Revoked);
    assert_eq!(of(&told.let_in), [(node("gate"), revoked), (node("pump"), Otherwise::Disabled)]);
    let tap = Named { id: node("tap"), title: "tap".into() };
    assert_eq!(told.commands_back, [tap], "commands to it were taken back");
    let words = |users: &[UserName]| users.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (words(&told.users_back), words(&told.users_lost)),
        (vec!["otto".into()], vec!["vera".into()])
    );
    assert_eq!((told.then.users, told.now.users, told.then.nodes, told.now.nodes), (2, 2, 5, 6));
}
