//! Commands with their steps in plain columns, and how many that ended are kept.

use iot_core::{
    CommandState,
    store::CommandRecord,
    view::{Step, Wanted},
};
use iot_proto::{CommandId, OwnedValue, UnixMillis};
use rusqlite::{Connection, Row, params, types::ToSqlOutput};

use super::{cause, fault::Fault, nodes, value};

/// Writes a command in place of what was known of it. Where more than `ended_limit` have ended, the
/// oldest of them goes.
pub(crate) fn put(db: &Connection, command: &CommandRecord, ended_limit: usize) -> Result<(), Fault> {
    let ended = !command.state().is_under_way();
    let (verb, module, channel, (value_type, value)) = wanted_columns(&command.wanted);
    db.prepare_cached("INSERT OR REPLACE INTO command VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            command.id.0,
            command.node.as_str(),
            verb,
            module,
            channel,
            value_type,
            value,
            command.author,
            command.expires.0,
            command.attempts,
            ended,
        ],
    )?;
    let mut insert = db.prepare_cached("INSERT INTO command_step VALUES (?, ?, ?, ?, ?)")?;
    for (position, step) in (0_i64..).zip(&command.steps) {
        let cause = step.cause.as_ref().map(cause::write).transpose()?;
        insert.execute(params![command.id.0, position, step.state.word(), step.at.0, cause])?;
    }
    if ended {
        let beyond = "DELETE FROM command WHERE id IN
            (SELECT id FROM command WHERE ended = 1 ORDER BY id DESC LIMIT -1 OFFSET ?)";
        db.prepare_cached(beyond)?.execute([i64::try_from(ended_limit).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

/// All commands that are kept, oldest first.
pub(crate) fn load(db: &Connection) -> Result<Vec<CommandRecord>, Fault> {
    let mut commands = Vec::new();
    let mut select = db.prepare("SELECT * FROM command ORDER BY id")?;
    let mut select_steps =
        db.prepare("SELECT state, at, cause FROM command_step WHERE command = ? ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let mut command = read(row)?;
        let mut steps = select_steps.query([command.id.0])?;
        while let Some(step) = steps.next()? {
            let cause = step.get::<_, Option<String>>(2)?.map(|cause| cause::read(&cause)).transpose()?;
            let state = parse_state(&step.get::<_, Box<str>>(0)?)?;
            command.steps.push(Step { state, at: UnixMillis(step.get(1)?), cause });
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
