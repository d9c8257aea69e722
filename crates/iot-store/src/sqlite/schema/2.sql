-- How far the journal has been folded: its rows up to this one no longer count for the node or series.
ALTER TABLE source ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
