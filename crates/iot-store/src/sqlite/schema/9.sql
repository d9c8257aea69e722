-- On what terms nodes are let in that prove nothing: those that have any, and no others.
CREATE TABLE terms (
    node          TEXT PRIMARY KEY REFERENCES node ON DELETE CASCADE,
    home          TEXT,                -- the address at which it is let in
    permitted_by  TEXT,                -- who permits commands to it; NULL where nobody does
    permitted_why TEXT,
    permitted_at  INTEGER,
    stranger      TEXT,                -- the address at which somebody else said its name
    stranger_at   INTEGER,
    noted_at      INTEGER,             -- when that was last put into the audit
    checksum      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
