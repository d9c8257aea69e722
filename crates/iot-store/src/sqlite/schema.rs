//! The tables of the file, and how a file of an older hub becomes one of this hub.

mod chunk_1;

use rusqlite::{Connection, Transaction, params};
use rusqlite_migration::{HookError, HookResult, M, Migrations};

use super::{fault::Fault, rollup, rows, upkeep::merge};

/// Marks a file as a hub's: `IOTH`.
pub(crate) const APPLICATION_ID: i32 = 0x494f_5448;

/// The newest schema that this hub knows.
pub(crate) const NEWEST: i32 = 13;

/// Each step from one schema to the next.
pub(crate) fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("schema/1.sql")),
        M::up_with_hook(include_str!("schema/2.sql"), |db: &Transaction<'_>| -> HookResult {
            pack_anew(db).map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up(include_str!("schema/3.sql")),
        M::up(include_str!("schema/4.sql")),
        M::up(include_str!("schema/5.sql")),
        M::up_with_hook(include_str!("schema/6.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin(db).map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up_with_hook(include_str!("schema/7.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin_table(db, "sealed_key").map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up_with_hook(include_str!("schema/8.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin_table(db, "node_key").map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up_with_hook(include_str!("schema/9.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin_table(db, "terms").map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up_with_hook(include_str!("schema/10.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin_table(db, "known_hub_key").map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up_with_hook(include_str!("schema/11.sql"), |db: &Transaction<'_>| -> HookResult {
            rows::begin_table(db, "unverified").map_err(|fault| HookError::Hook(fault.to_string()))
        }),
        M::up(include_str!("schema/12.sql")),
        M::up(include_str!("schema/13.sql")),
    ])
}

/// Takes the steps that a file still lacks.
pub(crate) fn bring_up(db: &mut Connection) -> Result<(), Fault> {
    migrations().to_latest(db).map_err(|error| {
        if let rusqlite_migration::Error::RusqliteError { err, .. } = error {
            return Fault::Sql(err);
        }
        Fault::unreadable("its schema", &error)
    })
}

/// Packs the chunks of schema 1 as they are packed since, and rolls them up.
fn pack_anew(db: &Transaction<'_>) -> Result<(), Fault> {
    let mut select = db.prepare("SELECT number FROM series ORDER BY number")?;
    let all: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut select = db.prepare("SELECT columns FROM chunk_1 WHERE series = ? ORDER BY id")?;
    for series in all {
        let mut rows = select.query(params![series])?;
        while let Some(row) = rows.next()? {
            let readings = chunk_1::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            rollup::add(db, series, &readings)?;
            merge::add(db, series, readings)?;
        }
    }
    drop(select);
    Ok(db.execute_batch("DROP TABLE chunk_1")?)
}

#[cfg(test)]
mod tests {
    use iot_core::{
        CommandState, NodeId, Series, UnixMillis,
        store::{History as _, ReadingQuery, Resolution, RollupQuery, Store as _},
        view::ReadingView,
    };
    use iot_proto::{Finite, Name, OwnedValue};

    use super::*;
    use crate::{
        SqliteStore,
        sqlite::{chunk, commands, nodes},
    };
    #[test]
    fn what_a_hub_of_the_first_schema_wrote_is_there_after_the_steps() {
        let mut db = Connection::open_in_memory().unwrap();
        migrations().to_version(&mut db, 1).unwrap();
        db.execute_batch(
            "INSERT INTO node VALUES ('plain:a', 'A', '', 'revoked', NULL, NULL, NULL, NULL, 1, 0, '', '', 7);
             INSERT INTO module VALUES ('plain:a', 0, 0, 'Relay 0', NULL, 'relay', 1);
             INSERT INTO command VALUES
                 (x'01010101010101010101010101010101', 'plain:a', 'restart', NULL, NULL, NULL, NULL, 'Ada', 9, 1, 1),
                 (x'02020202020202020202020202020202', 'plain:a', 'restart', NULL, NULL, NULL, NULL, 'Ada', 9, 1, 0);
             INSERT INTO command_step VALUES
                 (x'01010101010101010101010101010101', 0, 'sent', 3, NULL),
                 (x'01010101010101010101010101010101', 1, 'done', 4, NULL),
                 (x'02020202020202020202020202020202', 0, 'sent', 5, NULL);",
        )
        .unwrap();
        migrations().to_version(&mut db, 3).unwrap();
        let of_schema_3: String =
            db.query_row("SELECT group_concat(state) FROM command", [], |row| row.get(0)).unwrap();
        assert_eq!(of_schema_3, "done,sent");
        migrations().to_latest(&mut db).unwrap();
        let node = nodes::load(&db).unwrap().remove(0);
        assert_eq!(node.key, None);
        assert!(node.tags.is_empty() && node.sleep.is_none() && node.modules[0].registered_with.is_none());
        assert_eq!(commands::count_ended(&db).unwrap(), 1);
        let filter = iot_core::view::CommandFilter {
            states: vec![CommandState::Done],
            limit: 9,
            ..Default::default()
        };
        let done = commands::page(&db, &filter).unwrap();
        assert_eq!(done[0].ended(), Some(UnixMillis(4)));
        assert_eq!(commands::load(&db, 0).unwrap()[0].state(), CommandState::Sent);
    }

    #[test]
    fn every_migration_can_be_applied() {
        migrations().validate().unwrap();
        let mut db = Connection::open_in_memory().unwrap();
        migrations().to_latest(&mut db).unwrap();
        let schema: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(schema, NEWEST);
    }

    /// Readings of four types, in chunks of which the second has readings from before the first.
    fn of_schema_1(channel: i64) -> Vec<Vec<ReadingView>> {
        let reading = |at: i64| {
            let value = match channel {
                0 => OwnedValue::Bool(at % 3 == 0),
                1 => OwnedValue::Int(at * at),
                2 => OwnedValue::Float(Finite::new(f64::from(i32::try_from(at).unwrap()) / 10.0).unwrap()),
                _ => OwnedValue::Text(format!("text {at}").into()),
            };
            ReadingView {
                value,
                measured: UnixMillis(at * 60_000),
                arrived: UnixMillis(at * 60_000 + at % 9),
            }
        };
        vec![(100..1_700).map(reading).collect(), (0..30).map(reading).collect()]
    }

    #[test]
    fn a_file_of_schema_1_has_the_same_readings_and_nodes_afterwards_and_is_rolled_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        let mut old = Connection::open(&path).unwrap();
        migrations().to_version(&mut old, 1).unwrap();
        let (first, last) = (of_schema_1(1)[0][0].clone(), of_schema_1(1)[0].last().unwrap().clone());
        old.execute_batch(
            "INSERT INTO node VALUES ('plain:a', 'A', '', 'admitted', NULL, NULL, NULL, NULL, 0, 30, '', '', 7);
             INSERT INTO source VALUES (5, 'plain:a');
             INSERT INTO run VALUES (5, 0, 77, 12);
             INSERT INTO gap VALUES (5, 77, 9, 2, 1234);",
        )
        .unwrap();
        for channel in 0..4_i64 {
            old.execute("INSERT INTO series VALUES (?, 5, 0, ?)", [channel + 10, channel]).unwrap();
            for readings in of_schema_1(channel) {
                let (earliest, latest) = (readings[0].measured.0, readings.last().unwrap().measured.0);
                let columns = chunk_1::encode(&readings);
                let row = params![channel + 10, earliest, latest, chunk::count(&readings), columns];
                old.execute("INSERT INTO chunk VALUES (NULL, ?, ?, ?, ?, 0, ?)", row).unwrap();
            }
        }
        let (measured, arrived) = (last.measured.0, last.arrived.0);
        old.execute("INSERT INTO latest VALUES (11, 'int', 5, ?, ?)", [measured, arrived]).unwrap();
        drop(old);

        let (mut store, history) = SqliteStore::open(&path).unwrap();
        let snapshot = store.load().unwrap();
        assert_eq!(snapshot.nodes[0].title.as_ref(), "A");
        assert_eq!((snapshot.sequences[0].1.0, snapshot.sequences[0].2), (77, 12));
        assert_eq!(snapshot.latest[0].1.value, OwnedValue::Int(5));
        let node = NodeId::plain(Name::new("a").unwrap());
        let (from, to) = (UnixMillis(0), UnixMillis(i64::MAX));
        for channel in 0..4_i64 {
            let mut all = of_schema_1(channel).concat();
            all.sort_by_key(|reading| reading.measured);
            let series = Series { node: node.clone(), module: 0, channel: u8::try_from(channel).unwrap() };
            let query = ReadingQuery { series: series.clone(), from, to, limit: usize::MAX };
            assert_eq!(history.readings(&query).unwrap(), all, "channel {channel}");
            let query = RollupQuery { series, resolution: Resolution::Hour, from, to: first.measured };
            let counts: Vec<_> = history.rollup(&query).unwrap().iter().map(|hour| hour.count).collect();
            // The first hour has half its minutes, the second those from 100 on.
            let expected = if channel == 3 { vec![] } else { vec![30, 20] };
            assert_eq!(counts, expected, "channel {channel}");
        }
    }
}
