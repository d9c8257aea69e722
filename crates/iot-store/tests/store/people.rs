//! Who may use the hub: what both stores keep of it, and what they decide when many ask at once.

use std::{net::IpAddr, path::Path, sync::Barrier, thread};

use iot_core::{
    UnixMillis,
    audit::{AuditQuery, Deed},
    people::{
        Change, ChangeError, Login, MAX_LOGINS, People, PeopleError, Role, SecretHash, Token, TokenLabel,
        Used, User, UserName,
    },
    store::{Chronicle, Store as _},
};
use iot_store::{Existing, MemoryStore, SqlitePeople, SqliteStore, back_up, restore};

use crate::given::{batch, by, change};

fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn user(text: &str, role: Role) -> User {
    User { name: name(text), role, password: "$argon2id$x".into(), since: UnixMillis(1) }
}

fn login(text: &str, key: u8, at: i64) -> Login {
    let address = IpAddr::from([10, 0, 0, key]);
    Login {
        key: SecretHash([key; 32]),
        user: name(text),
        address,
        began: UnixMillis(at),
        used: UnixMillis(at),
    }
}

fn token(text: &str, key: u8, role: Role) -> Token {
    Token {
        number: 0,
        key: SecretHash([key; 32]),
        user: name(text),
        label: TokenLabel::new("backup").unwrap(),
        role,
        made: UnixMillis(0),
        until: UnixMillis(1_000_000),
        used: None,
    }
}

/// Runs a test on both stores.
fn on_both(test: impl Fn(&dyn People, &dyn Chronicle)) {
    let memory = MemoryStore::new();
    test(&memory, &memory);
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
    test(&store.people().unwrap(), &store.chronicle().unwrap());
}

fn deeds(chronicle: &dyn Chronicle) -> Vec<Deed> {
    let found = chronicle.audit(&AuditQuery { limit: 2_000, ..AuditQuery::default() }).unwrap();
    found.iter().rev().map(|entry| entry.record.deed).collect()
}

#[test]
fn of_many_who_claim_at_once_one_becomes_the_owner() {
    on_both(|people, chronicle| {
        let start = Barrier::new(16);
        let owners: usize = thread::scope(|scope| {
            let claims = (0..16).map(|number| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let claim = Change::Claim(user(&format!("u{number}"), Role::Admin));
                    match people.change(&claim, by(number)) {
                        Ok(()) => 1,
                        Err(ChangeError::Refused(PeopleError::Claimed)) => 0,
                        Err(error) => panic!("{error}"),
                    }
                })
            });
            claims.collect::<Vec<_>>().into_iter().map(|claim| claim.join().unwrap()).sum()
        });
        assert_eq!((owners, people.users().unwrap().len()), (1, 1));
        assert_eq!(deeds(chronicle), [Deed::Claim]);
    });
}

#[test]
fn a_login_and_a_token_are_found_by_their_key_with_what_their_user_may_now() {
    on_both(|people, chronicle| {
        people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
        people.change(&Change::AddUser(user("bea", Role::Operator)), by(1)).unwrap();
        people.change(&Change::LogIn(login("bea", 7, 10)), by(10)).unwrap();
        people.change(&Change::AddToken(token("bea", 8, Role::Operator)), by(11)).unwrap();
        people.change(&Change::SetRole(name("bea"), Role::Viewer), by(12)).unwrap();
        assert_eq!(people.login(SecretHash([7; 32])).unwrap(), Some((login("bea", 7, 10), Role::Viewer)));
        let (kept, role) = people.token(SecretHash([8; 32])).unwrap().unwrap();
        assert_eq!((kept.role, role, kept.number), (Role::Operator, Role::Viewer, 1));
        assert_eq!(people.login(SecretHash([9; 32])).unwrap(), None);
        assert!(people.has_logged_in_from(&name("bea"), IpAddr::from([10, 0, 0, 7])).unwrap());
        assert!(!people.has_logged_in_from(&name("ada"), IpAddr::from([10, 0, 0, 7])).unwrap());

        people.note_use(Used::Login(SecretHash([7; 32])), UnixMillis(99)).unwrap();
        people.note_use(Used::Token(SecretHash([8; 32])), UnixMillis(98)).unwrap();
        assert_eq!(people.login(SecretHash([7; 32])).unwrap().unwrap().0.used, UnixMillis(99));
        assert_eq!(people.tokens().unwrap()[0].used, Some(UnixMillis(98)));
        let expected = [Deed::Claim, Deed::AddUser, Deed::LogIn, Deed::AddToken, Deed::SetRole];
        assert_eq!(deeds(chronicle), expected, "a use is no change");
    });
}

#[test]
fn another_password_ends_all_logins_but_the_one_in_which_it_was_set() {
    on_both(|people, _| {
        people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
        for key in 1..=3 {
            people.change(&Change::LogIn(login("ada", key, 10)), by(10)).unwrap();
        }
        let set = |keep| Change::SetPassword { user: name("ada"), password: "$new".into(), keep };
        people.change(&set(Some(SecretHash([2; 32]))), by(11)).unwrap();
        let left = |people: &dyn People| {
            (1..=3).filter(|key| people.login(SecretHash([*key; 32])).unwrap().is_some()).collect::<Vec<_>>()
        };
        assert_eq!(left(people), [2]);
        assert_eq!(&*people.users().unwrap()[0].password, "$new");
        people.change(&set(None), by(12)).unwrap();
        assert_eq!(left(people), [0_u8; 0]);
    });
}

#[test]
fn who_is_removed_leaves_no_login_and_no_token() {
    on_both(|people, _| {
        people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
        people.change(&Change::AddUser(user("bea", Role::Viewer)), by(1)).unwrap();
        people.change(&Change::LogIn(login("bea", 7, 10)), by(10)).unwrap();
        people.change(&Change::AddToken(token("bea", 8, Role::Viewer)), by(11)).unwrap();
        people.change(&Change::RemoveUser(name("bea")), by(12)).unwrap();
        assert_eq!(people.login(SecretHash([7; 32])).unwrap(), None);
        assert_eq!((people.token(SecretHash([8; 32])).unwrap(), people.tokens().unwrap().len()), (None, 0));
        let log_in = people.change(&Change::LogIn(login("bea", 9, 13)), by(13));
        assert!(matches!(log_in, Err(ChangeError::Refused(PeopleError::UnknownUser { .. }))));
    });
}

#[test]
fn logins_that_have_ended_go_and_of_too_many_the_one_used_least_lately() {
    on_both(|people, _| {
        people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
        let month = 31 * 86_400_000;
        people.change(&Change::LogIn(login("ada", 200, 0)), by(0)).unwrap();
        let most = u8::try_from(MAX_LOGINS).unwrap();
        for key in 0..=most {
            let at = month + i64::from(key);
            people.change(&Change::LogIn(login("ada", key, at)), by(at)).unwrap();
        }
        let is_left = |key| people.login(SecretHash([key; 32])).unwrap().is_some();
        assert!(!is_left(200) && !is_left(0) && (1..=most).all(is_left));
    });
}

#[test]
fn what_is_refused_changes_nothing_and_what_was_refused_is_kept() {
    on_both(|people, chronicle| {
        people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
        assert!(people.change(&Change::RemoveUser(name("ada")), by(1)).is_err());
        assert!(people.change(&Change::RevokeToken(token("ada", 1, Role::Admin)), by(1)).is_err());
        people.change(&Change::Refuse { what: "log in as eve".into() }, by(2)).unwrap();
        assert_eq!(people.users().unwrap().len(), 1);
        assert_eq!(deeds(chronicle), [Deed::Claim, Deed::Refuse]);
    });
}

fn open(path: &Path) -> (SqliteStore, SqlitePeople) {
    let (store, _) = SqliteStore::open(path).unwrap();
    let people = store.people().unwrap();
    (store, people)
}

#[test]
fn a_file_is_changed_beside_a_hub_and_without_one_and_keeps_its_people() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    SqlitePeople::open(&path).unwrap().change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
    let (mut store, people) = open(&path);
    assert_eq!(people.users().unwrap(), [user("ada", Role::Admin)]);
    let beside = SqlitePeople::open(&path).unwrap();
    beside.change(&Change::AddUser(user("bea", Role::Viewer)), by(1)).unwrap();
    store.commit(&batch(change("a", Deed::Admit, 10, "at 10.0.0.5", None))).unwrap();
    assert_eq!(people.users().unwrap().len(), 2, "what another process adds is seen at once");
    assert_eq!(deeds(&store.chronicle().unwrap()), [Deed::Claim, Deed::AddUser, Deed::Admit]);
}

#[test]
fn a_backup_has_the_people_and_a_restore_ends_their_logins() {
    let directory = tempfile::tempdir().unwrap();
    let [path, copy, aside] = ["hub.db", "backup.db", "aside.db"].map(|file| directory.path().join(file));
    let (store, people) = open(&path);
    people.change(&Change::Claim(user("ada", Role::Admin)), by(0)).unwrap();
    people.change(&Change::LogIn(login("ada", 7, 10)), by(10)).unwrap();
    people.change(&Change::AddToken(token("ada", 8, Role::Viewer)), by(11)).unwrap();
    back_up(&path, (&copy, Existing::Keep), None, &mut |_| core::ops::ControlFlow::Continue(())).unwrap();
    drop((store, people));
    restore(&copy, (&path, Existing::Replace), &aside, by(20), &mut |_| {}).unwrap();
    let (_store, people) = open(&path);
    assert_eq!(people.users().unwrap(), [user("ada", Role::Admin)]);
    assert_eq!(people.login(SecretHash([7; 32])).unwrap(), None);
    assert!(people.token(SecretHash([8; 32])).unwrap().is_some());
}
