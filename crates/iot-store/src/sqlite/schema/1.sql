-- Times are milliseconds since 1970-01-01T00:00:00Z.
PRAGMA application_id = 0x494f5448;

-- One row: whether the hub that had this file last closed it.
CREATE TABLE state (clean INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (0);

CREATE TABLE node (
    id           TEXT PRIMARY KEY,
    title        TEXT NOT NULL,
    admission    TEXT NOT NULL,
    disabled_by  TEXT,
    disabled_why TEXT,
    disabled_at  INTEGER,
    address      TEXT,
    capabilities INTEGER NOT NULL,
    keepalive_s  INTEGER NOT NULL,
    board        TEXT NOT NULL,
    firmware     TEXT NOT NULL,
    first_seen   INTEGER NOT NULL
) STRICT;

CREATE TABLE module (
    node         TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
    place        INTEGER NOT NULL, -- in the order of the node's modules
    number       INTEGER NOT NULL,
    title        TEXT NOT NULL,
    kind         TEXT NOT NULL,
    kind_version INTEGER NOT NULL,
    PRIMARY KEY (node, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
    id         BLOB PRIMARY KEY,      -- the 16 bytes of a UUID, version 7
    node       TEXT NOT NULL,
    verb       TEXT NOT NULL,         -- set, get, invoke, identify, restart
    module     INTEGER,
    channel    INTEGER,
    value_type TEXT,                  -- bool, int, float, text
    value      ANY,                   -- what to set, the argument, or seconds to identify for
    author     TEXT NOT NULL,
    expires    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    ended      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX command_of_node ON command (node);
CREATE INDEX command_ended ON command (ended, id);

CREATE TABLE command_step (
    command BLOB NOT NULL REFERENCES command ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    state   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    cause   TEXT,                     -- JSON
    PRIMARY KEY (command, place)
) STRICT, WITHOUT ROWID;

-- Numbers that stand for nodes and series in the rows below. None is ever used again.
CREATE TABLE source (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    node   TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE series (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    source  INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    module  INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    UNIQUE (source, module, channel)
) STRICT;

-- The last runs of each node; as of the journal's first row.
CREATE TABLE run (
    source  INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    boot    INTEGER NOT NULL,
    highest INTEGER NOT NULL,
    PRIMARY KEY (source, place)
) STRICT, WITHOUT ROWID;

-- Reports that provably never came.
CREATE TABLE gap (
    source  INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    boot    INTEGER NOT NULL,
    before  INTEGER NOT NULL,         -- the sequence that came instead
    missing INTEGER NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (source, boot, before)
) STRICT, WITHOUT ROWID;

-- The latest reading of each series; as of the journal's first row.
CREATE TABLE latest (
    series     INTEGER PRIMARY KEY REFERENCES series ON DELETE CASCADE,
    value_type TEXT NOT NULL,
    value      ANY NOT NULL,
    measured   INTEGER NOT NULL,
    arrived    INTEGER NOT NULL
) STRICT;

-- One row for each commit with reports, until it is folded into chunks.
CREATE TABLE journal (
    id       INTEGER PRIMARY KEY,
    items    INTEGER NOT NULL,        -- reports and readings
    earliest INTEGER,                 -- measurement
    latest   INTEGER,
    entries  BLOB NOT NULL
) STRICT;

-- Readings of one series, by when they were measured.
CREATE TABLE chunk (
    id       INTEGER PRIMARY KEY,     -- ascends with the commits
    series   INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest   INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    sealed   INTEGER NOT NULL,        -- full: never written again
    columns  BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_by_series ON chunk (series, latest, earliest);
CREATE INDEX chunk_open ON chunk (series, id, readings) WHERE sealed = 0;
CREATE INDEX chunk_by_age ON chunk (latest);

-- Series whose node is gone and whose chunks still have to be deleted.
CREATE TABLE forgotten (series INTEGER PRIMARY KEY) STRICT;
