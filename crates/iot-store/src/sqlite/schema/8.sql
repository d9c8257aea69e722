-- Keys of nodes beside the ones that they must prove: those that they announced, and those that they had. A key that
-- is here belongs to no other node, however long ago its own had it.
CREATE TABLE node_key (
    key      BLOB PRIMARY KEY,         -- 32 bytes
    node     TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
    position INTEGER NOT NULL,
    state    TEXT NOT NULL,            -- next, former
    at       INTEGER NOT NULL,         -- since when
    checksum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX key_of_node ON node_key (node);
