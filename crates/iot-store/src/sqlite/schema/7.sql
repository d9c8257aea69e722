-- The hub's own key, sealed under a passphrase: in a backup that was made with one, and nowhere else.
CREATE TABLE sealed_key (
    hub      TEXT PRIMARY KEY,         -- the id of the hub that has this key
    sealed   BLOB NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
