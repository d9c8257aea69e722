//! [`registry`]: nodes and people of a backup that an older hub made, as this hub reads them.
//!
//! Their tables are copied into memory and brought to the newest schema there, by the steps that a hub takes when it
//! starts on such a file. The backup is only read. Readings stay where they are: nobody has to convert them to see whom
//! a backup lets in.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    fault::Fault,
    rows,
    schema::{bring_up, migrations},
};

/// What nodes and people are read from; what a row refers to stands before it.
const TABLES: [&str; 7] = ["node", "module", "node_key", "known_hub_key", "terms", "person", "token"];

/// The tables of nodes and people that `backup` has, in memory and of the newest schema.
pub(crate) fn registry(backup: &Connection, schema: i32) -> Result<Connection, Fault> {
    let mut memory = Connection::open_in_memory()?;
    rows::allow(&memory)?;
    let made = usize::try_from(schema).ok().map(|schema| migrations().to_version(&mut memory, schema));
    match made {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(Fault::unreadable("its schema", &error)),
        None => return Err(Fault::Unreadable(format!("{schema} is no schema"))),
    }
    for table in TABLES {
        // Some come with later schemas.
        if backup.table_exists(None, table)? {
            copy(backup, &memory, table, schema)?;
        }
    }
    bring_up(&mut memory)?;
    Ok(memory)
}

/// Copies the rows of a table, none of which may be damaged: written anew they would have new checksums.
fn copy(from: &Connection, to: &Connection, table: &str, schema: i32) -> Result<(), Fault> {
    let mut select = from.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = select.column_count();
    let places = vec!["?"; columns].join(", ");
    let mut insert = to.prepare(&format!("INSERT INTO {table} VALUES ({places})"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if schema >= rows::SINCE {
            rows::check(row)?;
        }
        let values = (0..columns).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()?;
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use iot_core::{UnixMillis, people::Role};

    use super::*;
    use crate::{
        Arrival, SqliteStore, compare,
        sqlite::{nodes, people, schema::NEWEST},
    };

    /// A backup as a hub of this schema made it, with a node and, where it knew of people, a user.
    fn of_schema(path: &Path, schema: i32) -> Connection {
        let mut db = Connection::open(path).unwrap();
        rows::allow(&db).unwrap();
        migrations().to_version(&mut db, usize::try_from(schema).unwrap()).unwrap();
        db.execute_batch(
            "INSERT INTO node (id, title, place, admission, capabilities, keepalive_s, board, firmware, first_seen)
                 VALUES ('plain:a', 'Gate', '', 'admitted', 0, 30, '', '', 7);
             INSERT INTO module (node, position, number, title, kind, kind_version)
                 VALUES ('plain:a', 0, 0, 'Relay 0', 'relay', 1);
             UPDATE state SET clean = 1;",
        )
        .unwrap();
        if db.table_exists(None, "person").unwrap() {
            let add =
                "INSERT INTO person (name, role, password, since) VALUES ('ada', 'admin', '$argon2id$', 9)";
            db.execute(add, []).unwrap();
        }
        db
    }

    #[test]
    fn a_backup_of_every_older_schema_tells_whom_it_lets_in_and_is_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _history) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
        for schema in 1..NEWEST {
            let path = directory.path().join(format!("{schema}.db"));
            let db = of_schema(&path, schema);
            let knows_people = db.table_exists(None, "person").unwrap();
            drop(db);
            let before = fs::read(&path).unwrap();
            let told = compare(&path, &directory.path().join("hub.db"), UnixMillis(0));
            let told = told.unwrap_or_else(|error| panic!("{schema}: {error}"));
            assert_eq!((told.then.nodes, told.then.modules), (1, 1), "{schema}");
            assert_eq!(told.then.users, usize::from(knows_people), "{schema}");
            assert_eq!(&*told.let_in[0].title, "Gate", "{schema}");
            assert!(fs::read(&path).unwrap() == before, "{schema}: looking changes nothing");
        }
        drop(store);
    }

    #[test]
    fn a_backup_of_an_older_hub_that_comes_from_elsewhere_is_of_this_ones_schema_then() {
        let directory = tempfile::tempdir().unwrap();
        for schema in 1..NEWEST {
            let path = directory.path().join(format!("{schema}.db"));
            drop(of_schema(&path, schema));
            let mut arrival = Arrival::begin(&directory.path().join("upload")).unwrap();
            arrival.write(&fs::read(&path).unwrap()).unwrap();
            let arrived = arrival.check(&mut |_| {}).unwrap_or_else(|error| panic!("{schema}: {error}"));
            assert_eq!((arrived.contents.schema, arrived.contents.nodes), (NEWEST, 1), "{schema}");
        }
    }

    #[test]
    fn a_damaged_row_is_not_given_a_new_checksum() {
        let db = of_schema(Path::new(":memory:"), rows::SINCE);
        let memory = registry(&db, rows::SINCE).unwrap();
        assert_eq!(nodes::load(&memory).unwrap().len(), 1);
        assert_eq!(people::users(&memory).unwrap()[0].role, Role::Admin);
        db.execute_batch("DROP TRIGGER node_updated; UPDATE node SET admission = 'revoked'").unwrap();
        let fault = registry(&db, rows::SINCE).unwrap_err();
        assert!(fault.is_damage() && fault.to_string().contains("checksum"), "{fault}");
    }
}
