ALTER TABLE node ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';      -- JSON: short words, in order
ALTER TABLE node ADD COLUMN asleep_since INTEGER;                 -- when it stopped listening
ALTER TABLE node ADD COLUMN asleep_for_s INTEGER;                 -- for how long, as it declared

-- Version of the kind in the catalogue when the module was registered.
ALTER TABLE module ADD COLUMN catalogue_version INTEGER;

ALTER TABLE command ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE command ADD COLUMN state TEXT NOT NULL DEFAULT 'queued';
ALTER TABLE command ADD COLUMN ended_at INTEGER;                  -- NULL while it is under way
DROP INDEX command_ended;
DROP INDEX command_of_node;
UPDATE command SET (state, ended_at) = (
    SELECT step.state, CASE command.ended WHEN 1 THEN step.at END
    FROM command_step AS step WHERE step.command = command.id ORDER BY position DESC LIMIT 1
) WHERE EXISTS (SELECT 1 FROM command_step AS step WHERE step.command = command.id);
ALTER TABLE command DROP COLUMN ended;
CREATE INDEX command_ended ON command (ended_at, id);
CREATE INDEX command_of_node ON command (node, id);
CREATE INDEX command_in_state ON command (state, id);

-- What people changed. A number is never used again.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    author  TEXT NOT NULL,
    deed    TEXT NOT NULL,
    node    TEXT,
    title   TEXT NOT NULL,            -- what it was called then
    module  INTEGER,
    command BLOB,
    was     TEXT NOT NULL,
    became  TEXT NOT NULL,
    why     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_of_node ON audit (node, number);
CREATE INDEX audit_of_deed ON audit (deed, number);
