//! Nodes with their modules in plain columns.

use iot_core::{
    AdmissionState, NodeId,
    store::{Disabling, ModuleRecord, NodeRecord},
};
use iot_proto::{Capabilities, NodeKey, UnixMillis};
use rusqlite::{Connection, Row, params};

use super::fault::Fault;

/// Writes a node in place of what was known of it.
pub(crate) fn put(db: &Connection, node: &NodeRecord) -> Result<(), Fault> {
    let disabled = node.disabled.as_ref();
    db.prepare_cached("INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            node.id.as_str(),
            node.title,
            node.place,
            admission_word(node.admission),
            disabled.map(|disabling| &disabling.by),
            disabled.map(|disabling| &disabling.why),
            disabled.map(|disabling| disabling.at.0),
            node.address.map(|address| address.to_string()),
            node.capabilities.0,
            node.keepalive_s,
            node.board,
            node.firmware,
            node.first_seen.0,
            node.key.map(|key| key.0),
        ])?;
    let mut insert = db.prepare_cached("INSERT INTO module VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for (position, module) in (0_i64..).zip(&node.modules) {
        let ModuleRecord { index, title, given, kind, kind_version } = module;
        insert.execute(params![node.id.as_str(), position, index, title, given, kind, kind_version])?;
    }
    Ok(())
}

/// Deletes all of a node but its chunks, which [`super::upkeep`] deletes step by step.
pub(crate) fn forget(db: &Connection, node: &NodeId) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM node WHERE id = ?",
        "DELETE FROM command WHERE node = ?",
        "INSERT INTO forgotten SELECT series.number FROM series JOIN source ON source.number = series.source WHERE node = ?",
        "DELETE FROM source WHERE node = ?",
    ] {
        db.prepare_cached(statement)?.execute([node.as_str()])?;
    }
    Ok(())
}

/// All nodes, by id.
pub(crate) fn load(db: &Connection) -> Result<Vec<NodeRecord>, Fault> {
    let mut nodes: Vec<NodeRecord> = Vec::new();
    let mut select = db.prepare("SELECT * FROM node ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        nodes.push(read(row)?);
    }
    let mut select = db.prepare(
        "SELECT node, number, title, given, kind, kind_version FROM module ORDER BY node, position",
    )?;
    let mut rows = select.query([])?;
    let mut of = nodes.iter_mut();
    let mut node = of.next();
    while let Some(row) = rows.next()? {
        let id: Box<str> = row.get(0)?;
        while node.as_ref().is_some_and(|node| node.id.as_str() != &*id) {
            node = of.next();
        }
        if let Some(node) = &mut node {
            node.modules.push(ModuleRecord {
                index: row.get(1)?,
                title: row.get(2)?,
                given: row.get(3)?,
                kind: row.get(4)?,
                kind_version: row.get(5)?,
            });
        }
    }
    Ok(nodes)
}

fn read(row: &Row<'_>) -> Result<NodeRecord, Fault> {
    let disabled = match row.get::<_, Option<Box<str>>>("disabled_by")? {
        Some(by) => {
            let at = UnixMillis(row.get("disabled_at")?);
            Some(Disabling { by, why: row.get("disabled_why")?, at })
        }
        None => None,
    };
    let address = row.get::<_, Option<String>>("address")?.map(|address| address.parse());
    Ok(NodeRecord {
        id: parse_id(&row.get::<_, Box<str>>("id")?)?,
        key: row.get::<_, Option<[u8; 32]>>("key")?.map(NodeKey),
        title: row.get("title")?,
        place: row.get("place")?,
        admission: parse_admission(&row.get::<_, Box<str>>("admission")?)?,
        disabled,
        address: address.transpose().map_err(|why| Fault::unreadable("the address of a node", &why))?,
        capabilities: Capabilities(row.get("capabilities")?),
        keepalive_s: row.get("keepalive_s")?,
        board: row.get("board")?,
        firmware: row.get("firmware")?,
        first_seen: UnixMillis(row.get("first_seen")?),
        modules: Vec::new(),
    })
}

/// Reads the id of a node.
pub(crate) fn parse_id(text: &str) -> Result<NodeId, Fault> {
    NodeId::parse(text).ok_or_else(|| Fault::Unreadable(format!("{text:?} is no id of a node")))
}

fn admission_word(admission: AdmissionState) -> &'static str {
    match admission {
        AdmissionState::Pending => "pending",
        AdmissionState::Admitted => "admitted",
        AdmissionState::Revoked => "revoked",
    }
}

fn parse_admission(word: &str) -> Result<AdmissionState, Fault> {
    let all = [AdmissionState::Pending, AdmissionState::Admitted, AdmissionState::Revoked];
    let found = all.into_iter().find(|state| admission_word(*state) == word);
    found.ok_or_else(|| Fault::Unreadable(format!("{word:?} is no state of admission")))
}
