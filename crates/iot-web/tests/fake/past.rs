//! What has happened in the scene: commands, changes, notices, and what was measured.

use iot_core::{
    CommandState, IotError,
    audit::{AuditEntry, AuditRecord, Deed, Target},
    catalogue::History,
    store::{Bucket, ReadingQuery, RollupQuery},
    view::{CommandView, NodeView, Notice, PropertyView, ReadingView, Step, Wanted},
};
use iot_proto::{CommandId, ErrorCode, OwnedValue, UnixMillis};

use super::{
    id,
    scene::{HOSTILE, MINUTE, ago},
    value,
};

/// Commands in every state, newest first.
pub(crate) fn commands() -> Vec<CommandView> {
    use CommandState as S;
    let blocked = IotError::Node {
        code: ErrorCode::BLOCKED,
        detail: "the vent stopped at 35 % with 1.9 A <b>now</b>".into(),
    };
    let set = |module, channel, value| Wanted::Set { module, channel, value };
    let mut commands = vec![
        command(1, "pump-house", 0, "Pump 2", set(0, 1, OwnedValue::Bool(true)), "State: On"),
        command(2, "south-bay-3", 0, "Grow light", set(0, 2, OwnedValue::Int(65)), "Level: 65 %"),
        command(3, "south-bay-3", 0, "Grow light", set(0, 1, OwnedValue::Bool(true)), "State: On"),
        command(4, "pump-house", 3, "Roof vent east", set(3, 1, OwnedValue::Int(60)), "Position: 60 %"),
        command(
            5,
            "north-bay-1",
            3,
            "Vent fan",
            Wanted::Invoke { module: 3, channel: 2, argument: Some(OwnedValue::Int(500)) },
            "Pulse: 500 ms",
        ),
        command(6, "well", 0, "Water", Wanted::Get { module: 0, channel: 1 }, "Level: measure now"),
        command(7, "x", 0, HOSTILE, set(0, 1, OwnedValue::Text(HOSTILE.into())), HOSTILE),
    ];
    let lives: [(&[CommandState], Option<IotError>); 7] = [
        (&[S::Queued, S::Sent, S::Accepted], None),
        (&[S::Queued], None),
        (&[S::Queued], None),
        (&[S::Queued, S::Sent, S::Accepted, S::Failed], Some(blocked)),
        (&[S::Queued, S::Sent, S::Accepted, S::Done], None),
        (&[S::Queued, S::Expired], Some(IotError::Expired)),
        (&[S::Queued, S::Cancelled], Some(IotError::Cancelled { by: HOSTILE.into() })),
    ];
    for (command, (states, cause)) in commands.iter_mut().zip(lives) {
        command.state = *states.last().expect("every life has a step");
        command.steps = states
            .iter()
            .zip(0..)
            .map(|(state, at)| Step { state: *state, at: ago(2 * MINUTE - at * 300), cause: None })
            .collect();
        command.steps.last_mut().expect("as above").cause = cause;
    }
    commands
}

fn command(number: u8, node: &str, module: u8, title: &str, wanted: Wanted, summary: &str) -> CommandView {
    let titles = [
        ("pump-house", "Pump house"),
        ("south-bay-3", "South bay 3"),
        ("north-bay-1", "North bay 1"),
        ("well", "Well"),
    ];
    let node_title = titles.iter().find(|(name, _)| *name == node).map_or(HOSTILE, |(_, title)| title);
    CommandView {
        id: CommandId([number; 16]),
        node: id(node),
        node_title: node_title.into(),
        is_node_unverified: false,
        module: Some((module, title.into())),
        wanted,
        summary: summary.into(),
        author: "admin".into(),
        why: if number == 7 { HOSTILE.into() } else { "frost tonight".into() },
        state: CommandState::Queued,
        steps: Vec::new(),
        expires: ago(-90 * MINUTE),
        attempts: 2,
    }
}

/// What people changed, newest first: more than fit one page.
pub(crate) fn changes() -> Vec<AuditEntry> {
    let change = |number: u64, deed, name: &str, title: &str, words: [&str; 3]| AuditEntry {
        number,
        record: AuditRecord {
            at: ago(i64::try_from(1_000 - number).expect("few") * MINUTE),
            by: "ada".into(),
            deed,
            target: Target { node: Some(id(name)), title: title.into(), ..Target::default() },
            before: words[0].into(),
            after: words[1].into(),
            why: words[2].into(),
        },
    };
    let mut changes: Vec<_> = (1..=60)
        .map(|number| change(number, Deed::Command, "pump-house", "Pump 2", ["", "Pump 2: State On", ""]))
        .collect();
    changes.push(change(61, Deed::Name, "well", "Old well", ["Old well", "Well", "as it is signed"]));
    changes.push(change(62, Deed::Name, "x", HOSTILE, [HOSTILE, HOSTILE, HOSTILE]));
    changes.push(change(63, Deed::Forget, "gone", "Gone", ["admitted, 2 modules", "", "sold"]));
    changes.reverse();
    changes
}

/// Module and words of what is wanted.
pub(crate) fn summary(node: &NodeView, wanted: &Wanted) -> (Option<(u8, Box<str>)>, Box<str>) {
    let title = |index: u8| {
        node.modules.iter().find(|module| module.index == index).map(|module| (index, module.title.clone()))
    };
    match wanted {
        Wanted::Set { module, channel, value } => {
            let properties =
                node.modules.iter().filter(|view| view.index == *module).flat_map(|view| &view.properties);
            let mut found = properties.filter(|view| view.property.channel == *channel);
            let words = found.next().map(|view| {
                format!("{}: {}", view.property.title, view.property.value.text_with_unit(value))
            });
            (title(*module), words.unwrap_or_default().into())
        }
        Wanted::Get { module, .. } => (title(*module), "Tell".into()),
        Wanted::Invoke { module, .. } => (title(*module), "Run".into()),
        Wanted::Identify { .. } => (None, "Identify".into()),
        Wanted::Restart => (None, "Restart".into()),
    }
}

/// What happened, newest first.
pub(crate) fn notices() -> Vec<Notice> {
    let notice = |minutes, node, text: &str| Notice {
        at: ago(minutes * MINUTE),
        node: Some(id(node)),
        text: text.into(),
    };
    vec![
        notice(0, "pump-house", "Pump house accepted “Pump 2: on” from admin."),
        notice(3, "south-bay-3", "South bay 3 fell asleep for 10 min."),
        notice(22, "pump-house", "Roof vent east failed: blocked."),
        notice(72, "cold-store", "Cold store lost: no keepalive for 90 s."),
        notice(400, "x", HOSTILE),
        notice(2_000, "forgotten", "A node that is gone was here."),
    ]
}

/// Readings every minute up to the latest, with a gap and late ones in it.
pub(crate) fn readings(view: &PropertyView, query: &ReadingQuery) -> Vec<ReadingView> {
    let Some(latest) = &view.latest else { return Vec::new() };
    let every = if view.property.history == History::Every { MINUTE } else { 23 * MINUTE };
    let readings = (0..24 * 60 * MINUTE / every).rev().filter_map(|at| {
        let measured = UnixMillis(latest.measured.0 - at * every);
        let minutes = at * every / MINUTE;
        if (70..100).contains(&minutes) || measured < query.from || measured >= query.to {
            return None;
        }
        let wave = f64::from(i32::try_from(minutes).unwrap_or(0)) / 60.0;
        let value = if at == 0 { latest.value.clone() } else { value(&view.property.value, wave) };
        let late = if (64..70).contains(&minutes) { 41 * MINUTE } else { 200 };
        Some(ReadingView { value, measured, arrived: UnixMillis(measured.0 + late) })
    });
    let readings: Vec<_> = readings.collect();
    let skip = readings.len().saturating_sub(query.limit);
    readings.into_iter().skip(skip).collect()
}

/// A wave a day, with two days in which nothing came.
pub(crate) fn buckets(view: &PropertyView, query: &RollupQuery) -> Vec<Bucket> {
    const DAY: i64 = 86_400_000;
    let Some(latest) = &view.latest else { return Vec::new() };
    let width = query.resolution.millis();
    let starts = std::iter::successors(Some(query.resolution.start_of(query.from).0), |at| Some(at + width));
    let starts = starts.take_while(|at| *at < query.to.0.min(latest.measured.0));
    let is_there = |at: &i64| !(2..4).contains(&((query.to.0 - at) / DAY));
    let bucket = |at: i64| {
        let part = f64::from(i32::try_from(at.rem_euclid(DAY) / 1_000).unwrap_or(0)) / 86_400.0;
        let mean = 21.5 + 4.0 * (part * core::f64::consts::TAU).sin();
        Bucket { start: UnixMillis(at), count: 4, min: mean - 0.5, max: mean + 1.5, sum: mean * 4.0 }
    };
    starts.filter(is_there).map(bucket).collect()
}
