//! On what terms nodes are let in that prove nothing or that nobody has verified, in plain columns: a row for each node
//! that has any.

use std::net::{AddrParseError, IpAddr};

use iot_core::store::{Decision, NodeRecord, Stranger, Terms};
use iot_proto::UnixMillis;
use rusqlite::{Connection, Row, params};

use super::fault::Fault;

/// Writes the terms of a node of which there is no row.
pub(super) fn put(db: &Connection, node: &NodeRecord) -> Result<(), Fault> {
    let Terms { home, unverified, commands, stranger } = &node.terms;
    if let Some(Decision { by, why, at }) = unverified {
        db.prepare_cached(
            "INSERT INTO unverified (node, admitted_by, admitted_why, admitted_at) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![node.id.as_str(), by, why, at.0])?;
    }
    if home.is_none() && commands.is_none() && stranger.is_none() {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO terms (node, home, permitted_by, permitted_why, permitted_at, stranger, stranger_at, noted_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        node.id.as_str(),
        home.map(|home| home.to_string()),
        commands.as_ref().map(|decision| &decision.by),
        commands.as_ref().map(|decision| &decision.why),
        commands.as_ref().map(|decision| decision.at.0),
        stranger.map(|stranger| stranger.address.to_string()),
        stranger.map(|stranger| stranger.at.0),
        stranger.map(|stranger| stranger.noted.0),
    ])?;
    Ok(())
}

/// Gives the nodes, which are in the order of their ids, their terms.
pub(super) fn load(db: &Connection, nodes: &mut [NodeRecord]) -> Result<(), Fault> {
    each(db, "terms", nodes, |row, terms| {
        *terms = read(row)?;
        Ok(())
    })?;
    each(db, "unverified", nodes, |row, terms| {
        let (by, why) = (row.get("admitted_by")?, row.get("admitted_why")?);
        terms.unverified = Some(Decision { by, why, at: UnixMillis(row.get("admitted_at")?) });
        Ok(())
    })
}

/// Gives each row of a table to the terms of its node.
fn each(
    db: &Connection,
    table: &str,
    nodes: &mut [NodeRecord],
    give: impl Fn(&Row<'_>, &mut Terms) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // A file of an older hub is looked at before it has the table.
    if !db.table_exists(None, table)? {
        return Ok(());
    }
    let mut select = db.prepare(&format!("SELECT * FROM {table}"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let node = row.get::<_, Box<str>>("node")?;
        if let Ok(at) = nodes.binary_search_by(|known| known.id.as_str().cmp(&node))
            && let Some(node) = nodes.get_mut(at)
        {
            give(row, &mut node.terms)?;
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Terms, Fault> {
    let at = |column| row.get::<_, i64>(column).map(UnixMillis);
    let commands = match row.get("permitted_by")? {
        Some(by) => Some(Decision { by, why: row.get("permitted_why")?, at: at("permitted_at")? }),
        None => None,
    };
    let stranger = match address(row, "stranger")? {
        Some(address) => Some(Stranger { address, at: at("stranger_at")?, noted: at("noted_at")? }),
        None => None,
    };
    Ok(Terms { home: address(row, "home")?, unverified: None, commands, stranger })
}

fn address(row: &Row<'_>, column: &str) -> Result<Option<IpAddr>, Fault> {
    let address = row.get::<_, Option<String>>(column)?.map(|text| text.parse());
    address
        .transpose()
        .map_err(|why: AddrParseError| Fault::unreadable("an address in the terms of a node", &why))
}
