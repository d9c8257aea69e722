-- Which of the hub's keys each node is known to have, where that is known: the newest of them, by its number.
CREATE TABLE known_hub_key (
    node     TEXT PRIMARY KEY REFERENCES node ON DELETE CASCADE,
    number   INTEGER NOT NULL,         -- from 1
    checksum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
