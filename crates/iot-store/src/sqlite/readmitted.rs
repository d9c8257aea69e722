//! [`Readmitted`]: whom a backup lets in that is put in the place of a store. Whoever was let in when it was made
//! comes back, also where a person has taken that back since; and who was commanded then is commanded again.

use std::{collections::BTreeMap, path::Path};

use iot_core::{
    AdmissionState, NodeId,
    people::{TokenLabel, UserName},
    store::NodeRecord,
};
use rusqlite::Connection;

use super::{
    fault::Fault,
    nodes,
    open::{SqliteDisk, open_reader},
    people,
};

/// Whom a restored store lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readmitted {
    /// Nodes, by id.
    pub nodes: Vec<ReadmittedNode>,
    /// Users.
    pub users: Vec<UserName>,
    /// Tokens, by what they are for.
    pub tokens: Vec<TokenLabel>,
}

/// A node that a restored store lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadmittedNode {
    /// Which.
    pub id: NodeId,
    /// What people called it.
    pub title: Box<str>,
    /// Whether the store that was replaced does not let it in any more. Where that is damaged, or not there, nobody can
    /// tell, and this is false.
    pub was_turned_away: bool,
    /// Whether it proves nothing and commands to it are taken, which the store that was replaced does not permit. As before,
    /// this is false where nobody can tell.
    pub is_commanded_again: bool,
}

impl Readmitted {
    /// Whom `restored` lets in, beside the store at `replaced`.
    pub(crate) fn read(restored: &Connection, replaced: &Path) -> Result<Self, Fault> {
        let of_replaced = Some(replaced).filter(|path| path.is_file());
        let of_replaced = of_replaced.and_then(|path| open_reader(path, SqliteDisk::default()).ok());
        let before: Option<BTreeMap<NodeId, NodeRecord>> = of_replaced.and_then(|db| {
            let known = nodes::load(&db).ok()?.into_iter();
            Some(known.map(|node| (node.id.clone(), node)).collect())
        });
        let was = |id: &NodeId, has: fn(&NodeRecord) -> bool| {
            before.as_ref().is_none_or(|before| before.get(id).is_some_and(has))
        };
        let nodes = nodes::load(restored)?.into_iter().filter(is_admitted).map(|node| ReadmittedNode {
            was_turned_away: !was(&node.id, is_admitted),
            is_commanded_again: is_permitted(&node) && !was(&node.id, is_permitted),
            id: node.id,
            title: node.title,
        });
        Ok(Self {
            nodes: nodes.collect(),
            users: people::users(restored)?.into_iter().map(|user| user.name).collect(),
            tokens: people::tokens(restored)?.into_iter().map(|token| token.label).collect(),
        })
    }
}

fn is_admitted(node: &NodeRecord) -> bool {
    node.admission == AdmissionState::Admitted
}

/// Whether an admin permits commands to a node that proves nothing.
fn is_permitted(node: &NodeRecord) -> bool {
    is_admitted(node) && node.terms.commands.is_some()
}
