//! [`SqlitePeople`]: users, logins and tokens, on a connection of its own that writes beside the store's.
//!
//! Each change is one transaction that begins by taking SQLite's lock for writing: what the rules are asked about
//! cannot change until the answer is on disk, whoever else writes, the command line included.

use std::{
    net::IpAddr,
    path::Path,
    sync::{Mutex, PoisonError},
};

use iot_core::{
    UnixMillis,
    people::{
        By, Change, ChangeError, Known, Login, MAX_LOGINS, People, PeopleError, Role, SecretHash, Token,
        TokenLabel, Used, User, UserName, decide,
    },
    store::StoreError,
};
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::{
    SqliteStore, audit,
    fault::Fault,
    open::{self, OpenError, SqliteDisk},
};

/// Keeps users, logins and tokens in the file of a [`SqliteStore`], from any thread.
#[derive(Debug)]
pub struct SqlitePeople {
    path: Box<Path>,
    db: Mutex<Connection>,
    /// The store itself, where no hub runs that has it: nobody else may then come in between.
    _store: Option<Mutex<SqliteStore>>,
}

/// Why something was not done inside a transaction.
enum Stopped {
    Refused(PeopleError),
    Fault(Fault),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl SqlitePeople {
    /// Opens the file at `path`, or makes it, whether a hub has it or not.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        match SqliteStore::open(path) {
            Ok((store, _)) => {
                Ok(Self { _store: Some(Mutex::new(store)), ..Self::beside(path, SqliteDisk::default())? })
            }
            Err(OpenError::InUse { .. }) => Self::beside(path, SqliteDisk::default()),
            Err(error) => Err(error),
        }
    }

    /// Opens the file beside a store that has it.
    pub(crate) fn beside(path: &Path, disk: SqliteDisk) -> Result<Self, OpenError> {
        let opened = open::open_second_writer(path, disk);
        let db = opened.map_err(|fault| OpenError::Unusable { why: fault.explain(path).why })?;
        Ok(Self { path: path.into(), db: Mutex::new(db), _store: None })
    }

    fn explain(&self, fault: &Fault) -> StoreError {
        fault.explain(&self.path)
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        read(&db).map_err(|fault| self.explain(&fault))
    }

    /// Writes in one transaction, all of it or nothing.
    fn write(&self, write: impl FnOnce(&Connection) -> Result<(), Stopped>) -> Result<(), ChangeError> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let written = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Stopped::from)
            .and_then(|db| {
                write(&db)?;
                Ok(db.commit()?)
            });
        written.map_err(|stopped| match stopped {
            Stopped::Refused(refused) => ChangeError::Refused(refused),
            Stopped::Fault(fault) => ChangeError::NotStored(self.explain(&fault)),
        })
    }
}

impl People for SqlitePeople {
    fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(users)
    }

    fn login(&self, key: SecretHash) -> Result<Option<(Login, Role)>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT key, person, address, began, used, role FROM login JOIN person ON name = person WHERE key = ?",
            )?;
            let mut rows = select.query([key.0])?;
            rows.next()?.map(|row| Ok((read_login(row)?, role(row, 5)?))).transpose()
        })
    }

    fn has_logged_in_from(&self, user: &UserName, address: IpAddr) -> Result<bool, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached("SELECT 1 FROM login WHERE person = ? AND address = ?")?;
            Ok(select.exists([user.as_str(), &address.to_string()])?)
        })
    }

    fn token(&self, key: SecretHash) -> Result<Option<(Token, Role)>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT number, key, person, label, token.role, made, until, used, person.role
                 FROM token JOIN person ON name = person WHERE key = ?",
            )?;
            let mut rows = select.query([key.0])?;
            rows.next()?.map(|row| Ok((read_token(row)?, role(row, 8)?))).transpose()
        })
    }

    fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.read(tokens)
    }

    fn change(&self, change: &Change, by: By<'_>) -> Result<(), ChangeError> {
        self.write(|db| {
            let (users, tokens) = (users(db)?, tokens(db)?);
            let record =
                decide(change, Known { users: &users, tokens: &tokens }, by).map_err(Stopped::Refused)?;
            apply(db, change, by.at)?;
            Ok(audit::put(db, &record, (audit::KEPT, audit::KEPT_FOR))?)
        })
    }

    fn note_use(&self, used: Used, at: UnixMillis) -> Result<(), StoreError> {
        self.read(|db| {
            let (update, key) = match used {
                Used::Login(key) => ("UPDATE login SET used = ? WHERE key = ?", key),
                Used::Token(key) => ("UPDATE token SET used = ? WHERE key = ?", key),
            };
            db.prepare_cached(update)?.execute(params![at.0, key.0])?;
            Ok(())
        })
    }
}

/// Does what the rules have allowed.
fn apply(db: &Connection, change: &Change, now: UnixMillis) -> Result<(), Fault> {
    match change {
        Change::Claim(user) | Change::AddUser(user) => {
            let User { name, role, password, since } = user;
            db.prepare_cached("INSERT INTO person (name, role, password, since) VALUES (?, ?, ?, ?)")?
                .execute(params![name.as_str(), role.word(), password, since.0])?;
        }
        Change::RemoveUser(name) => {
            // Logins and tokens go with it.
            db.prepare_cached("DELETE FROM person WHERE name = ?")?.execute([name.as_str()])?;
        }
        Change::SetRole(name, role) => {
            let update = "UPDATE person SET role = ? WHERE name = ?";
            db.prepare_cached(update)?.execute([role.word(), name.as_str()])?;
        }
        Change::SetPassword { user, password, keep } => {
            let update = "UPDATE person SET password = ? WHERE name = ?";
            db.prepare_cached(update)?.execute([password, user.as_str()])?;
            db.prepare_cached("DELETE FROM login WHERE person = ? AND key IS NOT ?")?
                .execute(params![user.as_str(), keep.map(|key| key.0)])?;
        }
        Change::LogIn(login) => log_in(db, login, now)?,
        Change::LogOut(login) => {
            db.prepare_cached("DELETE FROM login WHERE key = ?")?.execute([login.key.0])?;
        }
        Change::AddToken(token) => {
            let Token { number: _, key, user, label, role, made, until, used } = token;
            db.prepare_cached("DELETE FROM token WHERE until <= ?")?.execute([now.0])?;
            db.prepare_cached(
                "INSERT INTO token (key, person, label, role, made, until, used) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                key.0,
                user.as_str(),
                label.as_str(),
                role.word(),
                made.0,
                until.0,
                used.map(|used| used.0)
            ])?;
        }
        Change::RevokeToken(token) => {
            let number = i64::try_from(token.number).unwrap_or(i64::MAX);
            db.prepare_cached("DELETE FROM token WHERE number = ?")?.execute([number])?;
        }
        Change::Upload { .. } | Change::Download { .. } | Change::Refuse { .. } => {}
    }
    Ok(())
}

/// Keeps a login. Those that have ended go, and so does the one that was used least lately where there are many.
fn log_in(db: &Connection, login: &Login, now: UnixMillis) -> Result<(), Fault> {
    let Login { key, user, address, began, used } = login;
    let mut select =
        db.prepare_cached("SELECT key, person, address, began, used FROM login WHERE person = ?")?;
    let mut rows = select.query([user.as_str()])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        kept.push(read_login(row)?);
    }
    kept.sort_by_key(|login| (!login.is_valid(now), core::cmp::Reverse(login.used)));
    let lasting = kept.iter().take(MAX_LOGINS - 1).take_while(|login| login.is_valid(now)).count();
    for gone in kept.iter().skip(lasting) {
        db.prepare_cached("DELETE FROM login WHERE key = ?")?.execute([gone.key.0])?;
    }
    db.prepare_cached("INSERT INTO login (key, person, address, began, used) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![key.0, user.as_str(), address.to_string(), began.0, used.0])?;
    Ok(())
}

/// Everybody, by name.
pub(crate) fn users(db: &Connection) -> Result<Vec<User>, Fault> {
    let mut select = db.prepare_cached("SELECT name, role, password, since FROM person ORDER BY name")?;
    let mut rows = select.query([])?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        let since = UnixMillis(row.get(3)?);
        users.push(User { name: name(row, 0)?, role: role(row, 1)?, password: row.get(2)?, since });
    }
    Ok(users)
}

pub(crate) fn tokens(db: &Connection) -> Result<Vec<Token>, Fault> {
    let mut select = db.prepare_cached(
        "SELECT number, key, person, label, role, made, until, used FROM token ORDER BY number",
    )?;
    let mut rows = select.query([])?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next()? {
        tokens.push(read_token(row)?);
    }
    Ok(tokens)
}

fn read_login(row: &Row<'_>) -> Result<Login, Fault> {
    let address: Box<str> = row.get(2)?;
    Ok(Login {
        key: SecretHash(row.get(0)?),
        user: name(row, 1)?,
        address: address.parse().map_err(|why| Fault::unreadable("the address of a login", &why))?,
        began: UnixMillis(row.get(3)?),
        used: UnixMillis(row.get(4)?),
    })
}

fn read_token(row: &Row<'_>) -> Result<Token, Fault> {
    let number: i64 = row.get(0)?;
    let label: Box<str> = row.get(3)?;
    Ok(Token {
        number: u64::try_from(number).unwrap_or(0),
        key: SecretHash(row.get(1)?),
        user: name(row, 2)?,
        label: TokenLabel::new(&label).map_err(|why| Fault::unreadable("a label", &why))?,
        role: role(row, 4)?,
        made: UnixMillis(row.get(5)?),
        until: UnixMillis(row.get(6)?),
        used: row.get::<_, Option<i64>>(7)?.map(UnixMillis),
    })
}

fn name(row: &Row<'_>, column: usize) -> Result<UserName, Fault> {
    let name: Box<str> = row.get(column)?;
    UserName::new(&name).map_err(|why| Fault::unreadable("a name", &why))
}

fn role(row: &Row<'_>, column: usize) -> Result<Role, Fault> {
    let word: Box<str> = row.get(column)?;
    Role::from_word(&word).ok_or_else(|| Fault::Unreadable(format!("{word:?} is no role")))
}
