//! [`Ledger`]: what the model knows of commands: who wanted them, what the disk has of them, who ran them.

use std::collections::{BTreeMap, BTreeSet};

use iot_core::{
    Answer, CommandState, IotError, NodeId, Ticket,
    store::CommandRecord,
    view::{Step, Wanted},
};
use iot_node::proto::{BootId, CommandId, OwnedValue};

use super::{course::Course, device::NAMES};

/// What somebody wants.
#[derive(Debug)]
struct Wish {
    at: u64,
    ticket: Ticket,
    node: NodeId,
    wanted: Wanted,
}

/// A command that is on disk.
#[derive(Debug)]
struct Known {
    record: CommandRecord,
    /// When somebody wanted it, in the world's time.
    wanted_at: u64,
}

/// What is known of commands.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What people wanted, and no command on disk answers to yet.
    wishes: Vec<Wish>,
    known: BTreeMap<CommandId, Known>,
    /// Everything that was ever on disk, and for whom.
    ever: BTreeMap<CommandId, NodeId>,
    runs: BTreeSet<(CommandId, BootId)>,
    ran: BTreeSet<CommandId>,
    /// When a device last reported a value of its relay.
    reported: BTreeMap<(NodeId, bool), u64>,
    /// When the hub started, and by how much its monotonic clock has jumped since.
    pub(super) hub_started: u64,
    pub(super) ahead: u64,
    /// Commands that people were told to be on disk.
    pub(super) acknowledged: u64,
    /// Commands that came to an end, by how.
    pub(super) ended: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// Somebody wants something of a node.
    pub(super) fn wants(&mut self, at: u64, ticket: Ticket, node: &NodeId, wanted: &Wanted) {
        self.wishes.push(Wish { at, ticket, node: node.clone(), wanted: wanted.clone() });
    }

    /// Somebody is told what became of a wish.
    pub(super) fn answered(
        &mut self,
        course: &mut Course,
        ticket: Ticket,
        answer: &Result<Answer, IotError>,
    ) {
        // What could not be stored at once may be stored later, unless the hub ends before.
        if matches!(answer, Err(why) if !matches!(why, IotError::NotStored { .. })) {
            self.wishes.retain(|wish| wish.ticket != ticket);
        }
        if let Ok(Answer::Command(id)) = answer {
            self.acknowledged += 1;
            course.note(id, || format!("person {ticket:?} is told that {id} is taken"));
            if !self.ever.contains_key(id) {
                course.breach(|| format!("{id} is acknowledged and not on disk"));
            }
        }
    }

    /// A device reported a value of its relay.
    pub(super) fn reports(&mut self, now: u64, name: usize, value: bool) {
        if let Some(id) = NAMES.get(name).and_then(|name| NodeId::parse(&format!("plain:{name}"))) {
            self.reported.insert((id, value), now);
        }
    }

    /// A device runs a command.
    pub(super) fn ran(&mut self, course: &mut Course, node: Option<&NodeId>, boot: BootId, id: CommandId) {
        match self.ever.get(&id) {
            Some(meant) if Some(meant) == node => {}
            Some(meant) => course.breach(|| format!("{id} is for {meant} and runs on {node:?}")),
            None => course.breach(|| format!("{id} runs and is not on disk")),
        }
        if !self.runs.insert((id, boot)) {
            course.breach(|| format!("{id} runs again in the run {boot:?} of {node:?}"));
        }
        self.ran.insert(id);
    }

    /// A command is on disk as it is now.
    pub(super) fn committed(&mut self, course: &mut Course, record: &CommandRecord) {
        let id = record.id;
        let state = record.state();
        course.note((id, state.word(), record.attempts), || format!("on disk: {id} {}", state.word()));
        let before: &[Step] = if let Some(known) = self.known.get(&id) {
            if (&known.record.node, &known.record.wanted, &known.record.author)
                != (&record.node, &record.wanted, &record.author)
            {
                course.breach(|| format!("{id} was {:?} and is {record:?}", known.record));
            }
            &known.record.steps
        } else {
            let fits = |wish: &Wish| (&wish.node, &wish.wanted) == (&record.node, &record.wanted);
            let wish = self.wishes.iter().position(fits);
            let Some(Wish { at: wanted_at, .. }) = wish.map(|at| self.wishes.remove(at)) else {
                return course.breach(|| format!("nobody wanted {record:?}"));
            };
            self.ever.insert(id, record.node.clone());
            self.known.insert(id, Known { record: record.clone(), wanted_at });
            &[]
        };
        check_steps(course, id, before, &record.steps);
        let Some(known) = self.known.get_mut(&id) else { return };
        let has_ended = known.record.state().is_under_way() && !state.is_under_way();
        known.record = record.clone();
        let wanted_at = known.wanted_at;
        if has_ended {
            *self.ended.entry(state.word()).or_default() += 1;
        }
        if has_ended && state == CommandState::Done {
            self.check_done(course, record, wanted_at);
        }
        if has_ended && state == CommandState::Expired {
            self.check_expired(course, record, wanted_at);
        }
    }

    /// A command expires when its time is over. Over a restart only the wall clock tells, so nothing is judged then.
    fn check_expired(&self, course: &mut Course, record: &CommandRecord, wanted_at: u64) {
        let taken = record.steps.first().map_or(record.expires, |step| step.at);
        let whole = u64::try_from(record.expires.0 - taken.0).unwrap_or(0);
        let passed = course.now - wanted_at + self.ahead;
        if wanted_at >= self.hub_started && passed < whole {
            course.breach(|| format!("{} expires after {passed} ms of {whole}", record.id));
        }
    }

    /// Done means: the node ran it and, where a value was wanted, reported that value afterwards.
    fn check_done(&self, course: &mut Course, record: &CommandRecord, wanted_at: u64) {
        let id = record.id;
        if !self.ran.contains(&id) {
            course.breach(|| format!("{id} is done and never ran"));
        }
        if let Wanted::Set { value: OwnedValue::Bool(value), .. } = record.wanted {
            let reported = self.reported.get(&(record.node.clone(), value));
            if reported.is_none_or(|at| *at < wanted_at) {
                course.breach(|| format!("{id} is done, and {value} was not reported since: {reported:?}"));
            }
        }
    }

    /// All of a node is forgotten.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.known.retain(|_, known| known.record.node != *node);
    }

    /// What the store gives back of commands is what it was given.
    pub(super) fn verify(&self, course: &mut Course, found: &[CommandRecord]) {
        let found: BTreeMap<_, _> = found.iter().map(|record| (record.id, record)).collect();
        for (id, known) in &self.known {
            if found.get(id) != Some(&&known.record) {
                let found = found.get(id);
                course.breach(|| format!("the disk was given {:?} and gives back {found:?}", known.record));
            }
        }
        if let Some(id) = found.keys().find(|id| !self.known.contains_key(id)) {
            course.breach(|| format!("the disk was not given {id}, or its node is forgotten"));
        }
    }

    /// Commands on disk that have not ended.
    pub(super) fn under_way(&self) -> usize {
        self.known.values().filter(|known| known.record.state().is_under_way()).count()
    }

    /// Commands on disk, oldest first.
    pub(super) fn ids(&self) -> Vec<CommandId> {
        self.known.keys().copied().collect()
    }
}

/// Steps are never taken back, and each follows from the one before.
fn check_steps(course: &mut Course, id: CommandId, before: &[Step], after: &[Step]) {
    let same = |(before, after): (&Step, &Step)| before.state == after.state && before.at == after.at;
    if after.len() < before.len() || !before.iter().zip(after).all(same) {
        course.breach(|| format!("{id} had {before:?} and has {after:?}"));
    }
    let allowed = after.windows(2).all(|pair| match pair {
        [first, second] => may_follow(first.state, second.state),
        _ => true,
    });
    if !allowed || after.first().is_none_or(|step| step.state != CommandState::Queued) {
        course.breach(|| format!("{id} goes through {after:?}"));
    }
}

/// The states of a command, and what may follow each.
fn may_follow(from: CommandState, to: CommandState) -> bool {
    use CommandState::{Accepted, Queued, Sent};
    match from {
        // A node's word may come after the hub has stopped waiting for it.
        Queued => to != Queued,
        Sent => to != Sent,
        Accepted => !matches!(to, Queued | Sent | Accepted),
        CommandState::Done | CommandState::Failed | CommandState::Expired | CommandState::Cancelled => false,
    }
}
