-- Who may use the hub. Secrets are never here: of passwords an Argon2id string, of others their SHA-256.
CREATE TABLE person (
    name     TEXT PRIMARY KEY,
    role     TEXT NOT NULL,
    password TEXT NOT NULL,           -- PHC string
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people have from logging in until logging out.
CREATE TABLE login (
    key     BLOB PRIMARY KEY,         -- SHA-256 of what is in the cookie
    person  TEXT NOT NULL REFERENCES person ON DELETE CASCADE,
    address TEXT NOT NULL,
    began   INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_of_person ON login (person);

-- What programs show instead of a password. A number is never used again.
CREATE TABLE token (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    key     BLOB NOT NULL UNIQUE,
    person  TEXT NOT NULL REFERENCES person ON DELETE CASCADE,
    label   TEXT NOT NULL,
    role    TEXT NOT NULL,
    made    INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    used    INTEGER
) STRICT;
CREATE INDEX token_of_person ON token (person);
