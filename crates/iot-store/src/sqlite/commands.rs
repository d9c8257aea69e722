//! Commands with their steps in plain columns, and how many that ended are kept.

use iot_core::{
    CommandState,
    store::CommandRecord,
    view::{CommandFilter, Step, Wanted},
};
use iot_proto::{CommandId, OwnedValue, UnixMillis};
use rusqlite::{
    Connection, OptionalExtension as _, Row, params, params_from_iter,
    types::{ToSqlOutput, Value},
};

use super::{cause, fault::Fault, nodes, rows, value};

/// Writes a command in place of what was known of it. `kept` counts those that have ended; where they are more
/// than `limit`, those that ended first go.
pub(crate) fn put(
    db: &Connection,
    command: &CommandRecord,
    kept: &mut usize,
    limit: usize,
) -> Result<(), Fault> {
    let was_ended = db
        .prepare_cached("SELECT ended_at IS NOT NULL FROM command WHERE id = ?")?
        .query_row([command.id.0], |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    let (verb, module, channel, (value_type, value)) = wanted_columns(&command.wanted);
    db.prepare_cached(
        "INSERT OR REPLACE INTO command (id, node, verb, module, channel, value_type, value, author, why,
             expires, attempts, state, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        command.id.0,
        command.node.as_str(),
        verb,
        module,
        channel,
        value_type,
        value,
        command.author,
        command.why,
        command.expires.0,
        command.attempts,
        command.state().word(),
        command.ended().map(|at| at.0),
    ])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO command_step (command, position, state, at, cause) VALUES (?, ?, ?, ?, ?)",
    )?;
    for (position, step) in (0_i64..).zip(&command.steps) {
        let cause = step.cause.as_ref().map(cause::write).transpose()?;
        insert.execute(params![command.id.0, position, step.state.word(), step.at.0, cause])?;
    }
    *kept = *kept - usize::from(was_ended) + usize::from(command.ended().is_some());
    if *kept > limit {
        let beyond = "DELETE FROM command WHERE id IN
            (SELECT id FROM command WHERE ended_at IS NOT NULL ORDER BY ended_at, id LIMIT ?)";
        let beyond =
            db.prepare_cached(beyond)?.execute([i64::try_from(*kept - limit).unwrap_or(i64::MAX)])?;
        *kept -= beyond;
    }
    Ok(())
}

/// How many commands have ended and are kept.
pub(crate) fn count_ended(db: &Connection) -> Result<usize, Fault> {
    let count: i64 =
        db.query_row("SELECT count(*) FROM command WHERE ended_at IS NOT NULL", [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The commands that are under way, and the last ones that ended, by id.
pub(crate) fn load(db: &Connection, ended: usize) -> Result<Vec<CommandRecord>, Fault> {
    let select = "SELECT * FROM command WHERE ended_at IS NULL UNION ALL
        SELECT * FROM (SELECT * FROM command WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT ?)
        ORDER BY id";
    let limit = Value::from(i64::try_from(ended).unwrap_or(i64::MAX));
    select_all(db, select, vec![limit])
}

/// The commands that are asked for, newest first.
pub(crate) fn page(db: &Connection, filter: &CommandFilter) -> Result<Vec<CommandRecord>, Fault> {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    let mut only = |condition: String, value: Option<Value>| {
        conditions.push(condition);
        values.extend(value);
    };
    if let Some(node) = &filter.node {
        only("node = ?".into(), Some(node.as_str().to_owned().into()));
    }
    if let Some(module) = filter.module {
        only("module = ?".into(), Some(i64::from(module).into()));
    }
    if let Some(before) = filter.before {
        only("id < ?".into(), Some(before.0.to_vec().into()));
    }
    if !filter.states.is_empty() {
        // Words of the hub's own, so that they can stand in the statement.
        let words: Vec<_> = filter.states.iter().map(|state| format!("'{}'", state.word())).collect();
        only(format!("state IN ({})", words.join(", ")), None);
    }
    let all = if conditions.is_empty() { "1".into() } else { conditions.join(" AND ") };
    values.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
    select_all(db, &format!("SELECT * FROM command WHERE {all} ORDER BY id DESC LIMIT ?"), values)
}

/// One command.
pub(crate) fn find(db: &Connection, id: CommandId) -> Result<Option<CommandRecord>, Fault> {
    let id = Value::from(id.0.to_vec());
    Ok(select_all(db, "SELECT * FROM command WHERE id = ?", vec![id])?.pop())
}

fn select_all(db: &Connection, select: &str, values: Vec<Value>) -> Result<Vec<CommandRecord>, Fault> {
    let mut commands = Vec::new();
    let mut select = db.prepare_cached(select)?;
    let mut select_steps =
        db.prepare_cached("SELECT * FROM command_step WHERE command = ? ORDER BY position")?;
    let mut rows = select.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        rows::check(row)?;
        let mut command = read(row)?;
        let mut steps = select_steps.query([command.id.0])?;
        while let Some(step) = steps.next()? {
            rows::check(step)?;
            let cause =
                step.get::<_, Option<String>>("cause")?.map(|cause| cause::read(&cause)).transpose()?;
            let state = parse_state(&step.get::<_, Box<str>>("state")?)?;
            command.steps.push(Step { state, at: UnixMillis(step.get("at")?), cause });
        }
        commands.push(command);
    }
    Ok(commands)
}

fn read(row: &Row<'_>) -> Result<CommandRecord, Fault> {
    Ok(CommandRecord {
        id: CommandId(row.get("id")?),
        node: nodes::parse_id(&row.get::<_, Box<str>>("node")?)?,
        wanted: read_wanted(row)?,
        author: row.get("author")?,
        why: row.get("why")?,
        steps: Vec::new(),
        expires: UnixMillis(row.get("expires")?),
        attempts: row.get("attempts")?,
    })
}

type ValueColumns<'a> = (Option<&'static str>, Option<ToSqlOutput<'a>>);

fn wanted_columns(wanted: &Wanted) -> (&'static str, Option<u8>, Option<u8>, ValueColumns<'_>) {
    let columns = |value| {
        let (value_type, value) = value::to_columns(value);
        (Some(value_type), Some(value))
    };
    match wanted {
        Wanted::Set { module, channel, value } => ("set", Some(*module), Some(*channel), columns(value)),
        Wanted::Get { module, channel } => ("get", Some(*module), Some(*channel), (None, None)),
        Wanted::Invoke { module, channel, argument } => {
            let argument = argument.as_ref().map_or((None, None), columns);
            ("invoke", Some(*module), Some(*channel), argument)
        }
        Wanted::Identify { for_s } => ("identify", None, None, (Some("int"), Some(i64::from(*for_s).into()))),
        Wanted::Restart => ("restart", None, None, (None, None)),
    }
}

fn read_wanted(row: &Row<'_>) -> Result<Wanted, Fault> {
    let value = match row.get::<_, Option<Box<str>>>("value_type")? {
        Some(value_type) => Some(value::from_columns(&value_type, row.get_ref("value")?)?),
        None => None,
    };
    let verb: Box<str> = row.get("verb")?;
    let at = || Ok::<_, Fault>((row.get("module")?, row.get("channel")?));
    Ok(match (&*verb, value) {
        ("set", Some(value)) => {
            let (module, channel) = at()?;
            Wanted::Set { module, channel, value }
        }
        ("get", None) => {
            let (module, channel) = at()?;
            Wanted::Get { module, channel }
        }
        ("invoke", argument) => {
            let (module, channel) = at()?;
            Wanted::Invoke { module, channel, argument }
        }
        ("identify", Some(OwnedValue::Int(for_s))) => {
            let for_s =
                u16::try_from(for_s).map_err(|why| Fault::unreadable("how long to identify", &why))?;
            Wanted::Identify { for_s }
        }
        ("restart", None) => Wanted::Restart,
        (verb, _) => return Err(Fault::Unreadable(format!("{verb:?} is not what a command wants"))),
    })
}

fn parse_state(word: &str) -> Result<CommandState, Fault> {
    CommandState::from_word(word)
        .ok_or_else(|| Fault::Unreadable(format!("{word:?} is no state of a command")))
}
