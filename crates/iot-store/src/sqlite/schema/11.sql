-- Which nodes were let in although they could show nothing, and by whose word: those that are so, and no others.
CREATE TABLE unverified (
    node         TEXT PRIMARY KEY REFERENCES node ON DELETE CASCADE,
    admitted_by  TEXT NOT NULL,
    admitted_why TEXT NOT NULL,
    admitted_at  INTEGER NOT NULL,
    checksum     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
