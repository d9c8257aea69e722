//! The tables of the file, and how a file of an older hub becomes one of this hub.

use rusqlite_migration::{M, Migrations};

/// Marks a file as a hub's: `IOTH`.
pub(crate) const APPLICATION_ID: i32 = 0x494f_5448;

/// The newest schema that this hub knows.
pub(crate) const NEWEST: i32 = 3;

const STEPS: &[M<'static>] = &[
    M::up(include_str!("schema/1.sql")),
    M::up(include_str!("schema/2.sql")),
    M::up(include_str!("schema/3.sql")),
];

/// Each step from one schema to the next.
pub(crate) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

#[cfg(test)]
mod tests {
    use iot_core::CommandState;
    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::{commands, nodes};

    #[test]
    fn what_a_hub_of_the_first_schema_wrote_is_there_after_the_steps() {
        let mut db = Connection::open_in_memory().unwrap();
        Migrations::from_slice(&STEPS[..1]).to_latest(&mut db).unwrap();
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
        MIGRATIONS.to_latest(&mut db).unwrap();
        let node = nodes::load(&db).unwrap().remove(0);
        assert!(node.tags.is_empty() && node.sleep.is_none() && node.modules[0].registered_with.is_none());
        assert_eq!(commands::count_ended(&db).unwrap(), 1);
        let filter = iot_core::view::CommandFilter {
            states: vec![CommandState::Done],
            limit: 9,
            ..Default::default()
        };
        let done = commands::page(&db, &filter).unwrap();
        assert_eq!(done[0].ended(), Some(iot_core::UnixMillis(4)));
        assert_eq!(commands::load(&db, 0).unwrap()[0].state(), CommandState::Sent);
    }

    #[test]
    fn every_migration_can_be_applied() {
        MIGRATIONS.validate().unwrap();
        assert_eq!(STEPS.len(), usize::try_from(NEWEST).unwrap());
    }
}
