//! [`compare`]: what becomes of a store if a backup takes its place. Both are only read, and a hub may be using the
//! store.

use std::{collections::BTreeMap, path::Path};

use iot_core::{
    AdmissionState, NodeId, UnixMillis,
    people::{SecretHash, User, UserName},
    store::NodeRecord,
    view::{Changed, Difference, Held, Named, Otherwise},
};
use rusqlite::Connection;

use super::{
    chunk,
    fault::Fault,
    folded::Folded,
    journal, nodes, older, people,
    schema::NEWEST,
    verify::{VerifyError, open_known, open_ours},
};

/// What becomes of `store` if the backup at `backup`, which was begun `at`, takes its place.
///
/// # Errors
/// [`VerifyError`] where one of the two cannot be read, or is of a newer hub. The backup may be of an older one.
pub fn compare(backup: &Path, store: &Path, at: UnixMillis) -> Result<Difference, VerifyError> {
    let then = Side::of_backup(backup)?;
    let (now, lost_readings) = Side::of_store(store, at)?;
    let user = |side: &Side, name: &UserName| side.users.iter().any(|user| user.name == *name);
    Ok(Difference {
        then: then.held(),
        now: now.held(),
        lost_readings,
        left_out: now.lets_in_alone(&then),
        let_in: then.lets_in_alone(&now),
        commands_back: then.permits_alone(&now),
        users_lost: names(now.users.iter().filter(|known| !user(&then, &known.name))),
        users_back: names(then.users.iter().filter(|known| {
            let same = now.users.iter().find(|user| user.name == known.name);
            same.is_none_or(|user| (user.role, &user.password) != (known.role, &known.password))
        })),
        tokens_back: then.tokens.iter().filter(|key| !now.tokens.contains(*key)).count(),
    })
}

fn names<'a>(users: impl Iterator<Item = &'a User>) -> Vec<UserName> {
    users.map(|user| user.name.clone()).collect()
}

/// What one of the two files knows.
struct Side {
    nodes: BTreeMap<NodeId, NodeRecord>,
    users: Vec<User>,
    tokens: Vec<SecretHash>,
}

impl Side {
    /// Reads one state of a store, whatever its hub does meanwhile; and how many readings were measured after `at`.
    fn of_store(path: &Path, at: UnixMillis) -> Result<(Self, usize), VerifyError> {
        let mut db = open_known(path)?;
        let mut read = || {
            let db = db.transaction()?;
            Ok((Self::read(&db)?, newer(&db, at)?))
        };
        read().map_err(|fault: Fault| VerifyError::of(path, &fault))
    }

    /// Reads a backup of this hub or of an older one.
    fn of_backup(path: &Path) -> Result<Self, VerifyError> {
        let (db, schema) = open_ours(path)?;
        let read = if schema == NEWEST {
            Self::read(&db)
        } else {
            older::registry(&db, schema).and_then(|db| Self::read(&db))
        };
        read.map_err(|fault| VerifyError::of(path, &fault))
    }

    fn read(db: &Connection) -> Result<Self, Fault> {
        let nodes = nodes::load(db)?.into_iter().map(|node| (node.id.clone(), node)).collect();
        let tokens = people::tokens(db)?.into_iter().map(|token| token.key).collect();
        Ok(Self { nodes, users: people::users(db)?, tokens })
    }

    fn held(&self) -> Held {
        Held {
            nodes: self.nodes.len(),
            modules: self.nodes.values().map(|node| node.modules.len()).sum(),
            users: self.users.len(),
        }
    }

    /// Nodes that this one lets in and the other does not.
    fn lets_in_alone(&self, other: &Self) -> Vec<Changed> {
        let alone = self.nodes.values().filter(|node| otherwise(node).is_none());
        alone
            .filter_map(|node| {
                let otherwise = other.nodes.get(&node.id).map_or(Some(Otherwise::Unknown), otherwise)?;
                Some(Changed { id: node.id.clone(), title: node.title.clone(), otherwise })
            })
            .collect()
    }

    /// Nodes that prove nothing, to which this one takes commands and the other does not.
    fn permits_alone(&self, other: &Self) -> Vec<Named> {
        let is_permitted = |node: &&NodeRecord| otherwise(node).is_none() && node.terms.commands.is_some();
        let alone = self.nodes.values().filter(is_permitted);
        let alone = alone.filter(|node| !other.nodes.get(&node.id).is_some_and(|known| is_permitted(&known)));
        alone.map(|node| Named { id: node.id.clone(), title: node.title.clone() }).collect()
    }
}

/// Why a node is not let in, where it is not.
fn otherwise(node: &NodeRecord) -> Option<Otherwise> {
    match node.admission {
        AdmissionState::Admitted => node.disabled.is_some().then_some(Otherwise::Disabled),
        AdmissionState::Pending
        | AdmissionState::Matched
        | AdmissionState::Revoked
        | AdmissionState::Archived => Some(Otherwise::Not(node.admission)),
    }
}

/// Readings that were measured after an instant.
fn newer(db: &Connection, at: UnixMillis) -> Result<usize, Fault> {
    let packed: i64 =
        db.query_row("SELECT coalesce(sum(readings), 0) FROM chunk WHERE earliest > ?", [at.0], |row| {
            row.get(0)
        })?;
    let mut count = usize::try_from(packed).unwrap_or(0);
    let mut across = db.prepare("SELECT * FROM chunk WHERE earliest <= ?1 AND latest > ?1")?;
    let mut rows = across.query([at.0])?;
    while let Some(row) = rows.next()? {
        let newer = chunk::read(row)?.into_iter().filter(|reading| reading.measured > at).count();
        count += newer;
    }
    let folded = Folded::load(db)?;
    let mut select = db.prepare("SELECT id, entries FROM journal WHERE latest > ?")?;
    let mut rows = select.query([at.0])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |_, reading| {
            let counts = reading.is_some_and(|reading| {
                reading.measured > at.0 && folded.counts_for_series(id, reading.series)
            });
            count += usize::from(counts);
            Ok(())
        })?;
    }
    Ok(count)
}
