//! Nodes with their modules in plain columns.

use iot_core::{
    AdmissionState, NodeId,
    store::{Decision, KeyRecord, KeyState, ModuleRecord, NodeRecord, SleepRecord, Terms},
};
use iot_proto::{Capabilities, NodeKey, UnixMillis};
use rusqlite::{Connection, Row, params};

use super::{fault::Fault, terms};

/// Writes a node in place of what was known of it.
pub(crate) fn put(db: &Connection, node: &NodeRecord) -> Result<(), Fault> {
    let disabled = node.disabled.as_ref();
    let tags = serde_json::to_string(&node.tags).map_err(|why| Fault::unreadable("tags", &why))?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO node (id, title, place, admission, disabled_by, disabled_why, disabled_at,
             address, capabilities, keepalive_s, board, firmware, first_seen, tags, asleep_since, asleep_for_s,
             key)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        node.id.as_str(),
        node.title,
        node.place,
        node.admission.word(),
        disabled.map(|decision| &decision.by),
        disabled.map(|decision| &decision.why),
        disabled.map(|decision| decision.at.0),
        node.address.map(|address| address.to_string()),
        node.capabilities.0,
        node.keepalive_s,
        node.board,
        node.firmware,
        node.first_seen.0,
        tags,
        node.sleep.map(|sleep| sleep.since.0),
        node.sleep.map(|sleep| sleep.for_s),
        node.key.map(|key| key.0),
    ])?;
    terms::put(db, node)?;
    // Those of before went with the row that was replaced.
    let mut insert =
        db.prepare_cached("INSERT INTO node_key (key, node, position, state, at) VALUES (?, ?, ?, ?, ?)")?;
    for (position, KeyRecord { key, state, at }) in (0_i64..).zip(&node.keys) {
        insert.execute(params![key.0, node.id.as_str(), position, state.word(), at.0])?;
    }
    if let Some(number) = node.hub_key {
        let insert = "INSERT INTO known_hub_key (node, number) VALUES (?, ?)";
        db.prepare_cached(insert)?.execute(params![node.id.as_str(), number])?;
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO module (node, position, number, title, given, kind, kind_version, catalogue_version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (position, module) in (0_i64..).zip(&node.modules) {
        let ModuleRecord { index, title, given, kind, kind_version, registered_with } = module;
        let id = node.id.as_str();
        insert.execute(params![id, position, index, title, given, kind, kind_version, registered_with])?;
    }
    Ok(())
}

/// Deletes all of a node but its chunks, which [`super::upkeep`] deletes step by step.
pub(crate) fn forget(db: &Connection, node: &NodeId) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM node WHERE id = ?",
        "DELETE FROM command WHERE node = ?",
        "INSERT INTO forgotten (series) SELECT series.number FROM series JOIN source ON source.number = series.source WHERE node = ?",
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
    load_keys(db, &mut nodes)?;
    load_hub_keys(db, &mut nodes)?;
    terms::load(db, &mut nodes)?;
    let mut select = db.prepare(
        "SELECT node, number, title, given, kind, kind_version, catalogue_version
         FROM module ORDER BY node, position",
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
                registered_with: row.get(6)?,
            });
        }
    }
    Ok(nodes)
}

/// Gives the nodes, which are in the order of their ids, the keys that they have beside their own.
fn load_keys(db: &Connection, nodes: &mut [NodeRecord]) -> Result<(), Fault> {
    // A file of an older hub is looked at before it has the table.
    if !db.table_exists(None, "node_key")? {
        return Ok(());
    }
    let mut select = db.prepare("SELECT node, key, state, at FROM node_key ORDER BY node, position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (node, state): (Box<str>, Box<str>) = (row.get(0)?, row.get(2)?);
        let state = KeyState::from_word(&state)
            .ok_or_else(|| Fault::Unreadable(format!("{state:?} is no state of a key")))?;
        let record = KeyRecord { key: NodeKey(row.get(1)?), state, at: UnixMillis(row.get(3)?) };
        if let Ok(at) = nodes.binary_search_by(|known| known.id.as_str().cmp(&node))
            && let Some(node) = nodes.get_mut(at)
        {
            node.keys.push(record);
        }
    }
    Ok(())
}

/// Gives the nodes the numbers of the hub's keys that they are known to have.
fn load_hub_keys(db: &Connection, nodes: &mut [NodeRecord]) -> Result<(), Fault> {
    // A file of an older hub is looked at before it has the table.
    if !db.table_exists(None, "known_hub_key")? {
        return Ok(());
    }
    let mut select = db.prepare("SELECT node, number FROM known_hub_key")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let node: Box<str> = row.get(0)?;
        if let Ok(at) = nodes.binary_search_by(|known| known.id.as_str().cmp(&node))
            && let Some(node) = nodes.get_mut(at)
        {
            node.hub_key = Some(row.get(1)?);
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<NodeRecord, Fault> {
    let disabled = match row.get::<_, Option<Box<str>>>("disabled_by")? {
        Some(by) => {
            let at = UnixMillis(row.get("disabled_at")?);
            Some(Decision { by, why: row.get("disabled_why")?, at })
        }
        None => None,
    };
    let sleep = match (row.get("asleep_since")?, row.get("asleep_for_s")?) {
        (Some(since), Some(for_s)) => Some(SleepRecord { since: UnixMillis(since), for_s }),
        _ => None,
    };
    let tags = serde_json::from_str(&row.get::<_, String>("tags")?);
    let address = row.get::<_, Option<String>>("address")?.map(|address| address.parse());
    Ok(NodeRecord {
        id: parse_id(&row.get::<_, Box<str>>("id")?)?,
        key: row.get::<_, Option<[u8; 32]>>("key")?.map(NodeKey),
        keys: Vec::new(),
        hub_key: None,
        title: row.get("title")?,
        place: row.get("place")?,
        tags: tags.map_err(|why| Fault::unreadable("tags", &why))?,
        admission: parse_admission(&row.get::<_, Box<str>>("admission")?)?,
        disabled,
        terms: Terms::default(),
        sleep,
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

fn parse_admission(word: &str) -> Result<AdmissionState, Fault> {
    let found = AdmissionState::from_word(word);
    found.ok_or_else(|| Fault::Unreadable(format!("{word:?} is no state of admission")))
}
