//! Checksums of rows in plain columns, which people read with the `sqlite3` shell: each row has one of all its values.
//!
//! The file computes them itself: triggers call a function of the hub's wherever a row is written, so that nothing
//! that writes has to know of them. Another program cannot write such a row, because it lacks the function. What is
//! packed has its own checksum, which is told by [`super::checksum`].

use rusqlite::{
    Connection, Row, Transaction,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

use super::{checksum::Values, fault::Fault};

/// The first schema whose rows have checksums.
pub(crate) const SINCE: i32 = 6;

/// Tables by whose rows and indexes a hub finds all others, so that they are looked at whole when it starts. The
/// ledger is the largest: 100,000 commands take less than half a second.
pub(crate) const SMALL: [&str; 18] = [
    "state",
    "node",
    "module",
    "node_key",
    "known_hub_key",
    "terms",
    "unverified",
    "command",
    "command_step",
    "source",
    "series",
    "run",
    "latest",
    "forgotten",
    "person",
    "login",
    "token",
    "sealed_key",
];

/// Tables of which a hub reads what is asked for, and those of constants that only the views need.
pub(crate) const LARGE: [&str; 6] = ["gap", "bucket", "audit", "position", "byte", "power"];

/// The column that has the checksum of the others, and the function that computes it.
const COLUMN: &str = "checksum";
const FUNCTION: &str = "row_checksum";

/// Lets a connection write rows.
pub(crate) fn allow(db: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function(FUNCTION, -1, flags, |values: &Context<'_>| {
        let mut sum = Values::default();
        (0..values.len()).for_each(|at| sum.add(values.get_raw(at)));
        Ok(sum.finish())
    })
}

/// Gives each row its checksum, from now on and in the rows that are there. A step of the schema that adds columns
/// has to do it again.
pub(crate) fn begin(db: &Transaction<'_>) -> Result<(), Fault> {
    for table in SMALL.into_iter().chain(LARGE) {
        // Some come with later schemas.
        if db.table_exists(None, table)? {
            begin_table(db, table)?;
        }
    }
    Ok(())
}

/// The same for one table. A step of the schema that adds a table has to do it; to compute the sums of others anew
/// would hide their damage.
pub(crate) fn begin_table(db: &Transaction<'_>, table: &str) -> Result<(), Fault> {
    allow(db)?;
    let columns = "SELECT group_concat('\"' || name || '\"', ', ') FROM pragma_table_info(?) WHERE name <> ?";
    let columns: String = db.query_row(columns, [table, COLUMN], |row| row.get(0))?;
    let key = "SELECT iif(wr, (SELECT group_concat('\"' || name || '\" = new.\"' || name || '\"', ' AND ')
                               FROM pragma_table_info(?1) WHERE pk > 0), 'rowid = new.rowid')
               FROM pragma_table_list(?1) WHERE schema = 'main'";
    let key: String = db.query_row(key, [table], |row| row.get(0))?;
    let set = format!("UPDATE {table} SET {COLUMN} = {FUNCTION}({columns})");
    Ok(db.execute_batch(&format!(
        "DROP TRIGGER IF EXISTS {table}_inserted;
         DROP TRIGGER IF EXISTS {table}_updated;
         {set};
         CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} BEGIN {set} WHERE {key}; END;
         CREATE TRIGGER {table}_updated AFTER UPDATE OF {columns} ON {table} BEGIN {set} WHERE {key}; END;"
    ))?)
}

/// Refuses a row that is not as it was written. It must have all columns of its table, and no others.
pub(crate) fn check(row: &Row<'_>) -> Result<(), Fault> {
    let columns = row.as_ref();
    let stated = columns.column_index(COLUMN)?;
    let mut sum = Values::default();
    for at in (0..columns.column_count()).filter(|at| *at != stated) {
        sum.add(row.get_ref(at)?);
    }
    if row.get_ref(stated)? == ValueRef::Integer(sum.finish()) {
        return Ok(());
    }
    Err(Fault::Unreadable("a row has another checksum than its values".into()))
}

/// Refuses a table that has such a row.
pub(crate) fn check_all(db: &Connection, table: &str) -> Result<(), Fault> {
    let mut select = db.prepare(&format!("SELECT * FROM {table}"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        check(row).map_err(|fault| Fault::Unreadable(format!("in the table {table} {fault}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::migrations;

    fn file() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        migrations().to_latest(&mut db).unwrap();
        db.execute_batch(
            "INSERT INTO source (node) VALUES ('plain:a');
             INSERT INTO series (source, module, channel) VALUES (1, 0, 1);
             INSERT INTO latest (series, value_type, value, measured, arrived) VALUES (1, 'float', 2.5, 7, 8);
             INSERT INTO bucket (series, start, count, min, max, sum) VALUES (1, 0, 1, -0.0, 4, 1e300);
             INSERT INTO run (source, position, boot, highest) VALUES (1, 0, 9, 9);
             UPDATE series SET folded = 12;
             INSERT INTO bucket (series, start, count, min, max, sum) VALUES (1, 0, 1, 0.5, 0.5, 1)
                 ON CONFLICT (series, start) DO UPDATE SET count = count + 1, max = 5, sum = -0.0;",
        )
        .unwrap();
        db
    }

    #[test]
    fn a_row_that_is_written_or_changed_has_the_checksum_of_its_values() {
        let db = file();
        for table in SMALL.into_iter().chain(LARGE) {
            check_all(&db, table).unwrap();
        }
    }

    #[test]
    fn every_table_has_checksums_of_rows_or_of_what_is_packed_in_them() {
        let db = file();
        let mut select = db
            .prepare("SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'")
            .unwrap();
        let names: Vec<String> =
            select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let is_known = |name: &String| {
            let known = ["journal", "chunk", "rollup", "sqlite_schema", "sqlite_sequence"].into_iter();
            known.chain(SMALL).chain(LARGE).any(|known| known == name)
        };
        assert!(names.iter().all(is_known), "{names:?}");
    }

    #[test]
    fn a_value_that_is_another_one_is_refused_whatever_its_column() {
        let db = file();
        db.execute_batch("DROP TRIGGER series_updated; DROP TRIGGER latest_updated;").unwrap();
        for (table, column, value) in
            [("series", "module", "1"), ("series", "number", "2"), ("latest", "value", "2")]
        {
            db.execute_batch(&format!(
                "SAVEPOINT a; PRAGMA defer_foreign_keys = ON; UPDATE {table} SET {column} = {value}"
            ))
            .unwrap();
            assert!(check_all(&db, table).is_err(), "{column} of {table}");
            db.execute_batch("ROLLBACK TO a; RELEASE a").unwrap();
            check_all(&db, table).unwrap();
        }
    }
}
