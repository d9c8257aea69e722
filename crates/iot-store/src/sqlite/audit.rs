//! What people changed, in plain columns: only ever added to, and the oldest goes when it is old enough.

use core::time::Duration;

use iot_core::{
    UnixMillis,
    audit::{AuditEntry, AuditQuery, AuditRecord, Deed, Target},
};
use iot_proto::CommandId;
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::{fault::Fault, nodes::parse_id, rows};

/// How long changes are kept: five years of 366 days.
pub(crate) const KEPT_FOR: Duration = Duration::from_hours(5 * 366 * 24);

/// Changes that are kept at most: with a command a minute more than two years fit, in some 400 MB.
pub(crate) const KEPT: i64 = 1_000_000;

/// Changes that one commit deletes at most for each that it adds.
const DELETE: i64 = 16;

/// Adds a change. Those that are too old or too many go, the oldest first.
pub(crate) fn put(
    db: &Connection,
    record: &AuditRecord,
    (kept, kept_for): (i64, Duration),
) -> Result<(), Fault> {
    let AuditRecord { at, by, deed, target, before, after, why } = record;
    db.prepare_cached(
        "INSERT INTO audit (at, author, deed, node, title, module, command, was, became, why)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        at.0,
        by,
        deed.word(),
        target.node.as_ref().map(iot_core::NodeId::as_str),
        target.title,
        target.module,
        target.command.map(|id| id.0),
        before,
        after,
        why,
    ])?;
    let newest = db.last_insert_rowid();
    let age = i64::try_from(kept_for.as_millis()).unwrap_or(i64::MAX);
    db.prepare_cached(
        "DELETE FROM audit WHERE number IN (SELECT number FROM audit ORDER BY number LIMIT ?1)
         AND (number <= ?2 OR at < ?3)",
    )?
    .execute([DELETE, newest - kept, at.0.saturating_sub(age)])?;
    Ok(())
}

/// The changes that are asked for, newest first.
pub(crate) fn page(db: &Connection, query: &AuditQuery) -> Result<Vec<AuditEntry>, Fault> {
    let AuditQuery { node, deed, by, from, to, before, limit } = query;
    let number = |number: &u64| Value::from(i64::try_from(*number).unwrap_or(i64::MAX));
    let conditions: [(&str, Option<Value>); 6] = [
        ("node = ?", node.as_ref().map(|node| node.as_str().to_owned().into())),
        ("deed = ?", deed.map(|deed| deed.word().to_owned().into())),
        ("instr(lower(author), lower(?)) > 0", by.as_ref().map(|by| by.to_string().into())),
        ("at >= ?", from.map(|from| from.0.into())),
        ("at < ?", to.map(|to| to.0.into())),
        ("number < ?", before.as_ref().map(number)),
    ];
    let asked = || conditions.iter().filter_map(|(words, value)| Some((*words, value.clone()?)));
    let words: Vec<_> = asked().map(|(words, _)| words).collect();
    let words = if words.is_empty() { "1".into() } else { words.join(" AND ") };
    let mut select =
        db.prepare_cached(&format!("SELECT * FROM audit WHERE {words} ORDER BY number DESC LIMIT ?"))?;
    let limit = Value::from(i64::try_from(*limit).unwrap_or(i64::MAX));
    let mut rows = select.query(params_from_iter(asked().map(|(_, value)| value).chain([limit])))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        rows::check(row)?;
        entries.push(read(row)?);
    }
    Ok(entries)
}

fn read(row: &Row<'_>) -> Result<AuditEntry, Fault> {
    let deed: Box<str> = row.get("deed")?;
    let node = row.get::<_, Option<Box<str>>>("node")?.map(|node| parse_id(&node)).transpose()?;
    let target = Target {
        node,
        title: row.get("title")?,
        module: row.get("module")?,
        command: row.get::<_, Option<[u8; 16]>>("command")?.map(CommandId),
    };
    let record = AuditRecord {
        at: UnixMillis(row.get("at")?),
        by: row.get("author")?,
        deed: Deed::from_word(&deed).ok_or_else(|| Fault::Unreadable(format!("{deed:?} is no deed")))?,
        target,
        before: row.get("was")?,
        after: row.get("became")?,
        why: row.get("why")?,
    };
    let number: i64 = row.get("number")?;
    Ok(AuditEntry { number: u64::try_from(number).unwrap_or(0), record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::migrations;

    fn changed(at: i64) -> AuditRecord {
        AuditRecord {
            at: UnixMillis(at),
            by: "Ada".into(),
            deed: Deed::Name,
            target: Target::default(),
            before: "".into(),
            after: "".into(),
            why: "".into(),
        }
    }

    fn times(db: &Connection) -> Vec<i64> {
        let query = AuditQuery { limit: 100, ..AuditQuery::default() };
        page(db, &query).unwrap().iter().map(|entry| entry.record.at.0).collect()
    }

    #[test]
    fn what_is_too_old_or_too_many_goes_and_nothing_else() {
        let mut db = Connection::open_in_memory().unwrap();
        migrations().to_latest(&mut db).unwrap();
        let (many, age) = (4, Duration::from_millis(50));
        for at in [10, 20, 30, 40, 50] {
            put(&db, &changed(at), (many, age)).unwrap();
        }
        assert_eq!(times(&db), [50, 40, 30, 20], "more than four are too many");
        put(&db, &changed(85), (many, age)).unwrap();
        assert_eq!(times(&db), [85, 50, 40], "30 is older than 50 before 85, and so is 20");
    }

    #[test]
    fn five_years_are_kept_whatever_happens_in_them() {
        assert!(KEPT_FOR >= Duration::from_hours(5 * 365 * 24 + 2 * 24) && KEPT >= 1_000_000);
    }
}
