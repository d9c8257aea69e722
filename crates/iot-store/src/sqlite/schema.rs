//! The tables of the file, and how a file of an older hub becomes one of this hub.

use rusqlite_migration::{M, Migrations};

/// Marks a file as a hub's: `IOTH`.
pub(crate) const APPLICATION_ID: i32 = 0x494f_5448;

/// The newest schema that this hub knows.
pub(crate) const NEWEST: i32 = 2;

const STEPS: &[M<'static>] = &[M::up(include_str!("schema/1.sql")), M::up(include_str!("schema/2.sql"))];

/// Each step from one schema to the next.
pub(crate) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_can_be_applied() {
        MIGRATIONS.validate().unwrap();
        assert_eq!(STEPS.len(), usize::try_from(NEWEST).unwrap());
    }
}
