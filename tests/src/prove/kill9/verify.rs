//! Compares the book with what the hub says through its API.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    book::{Book, Command, Ledger, Page, value},
    node::SENSOR,
};
use crate::{api::Api, prove::findings::Seen};

/// Readings asked for at one time, by their numbers. An answer has room for as many again, so that
/// duplicates cannot push others out of it.
const AT_ONCE: u32 = 5_000;
const LIMIT: u32 = 10_000;

/// Commands asked for at one time.
const COMMANDS: usize = 1_000;

/// After the last reading that there can be, in milliseconds since 1970.
const END_OF_TIME: i64 = 9_000_000_000_000;

/// How exactly a value comes back; two readings differ by more than a hundred times that.
const TOLERANCE: f64 = 1e-10;

/// Breaches of one look, each with what was seen.
#[derive(Debug, Default)]
pub(super) struct Breaches {
    /// What was acknowledged and is not there: readings, commands, nodes.
    pub(super) lost: u64,
    /// What is there and was never sent, or is not as it was sent.
    pub(super) phantom: u64,
    /// Readings that are there more than once.
    pub(super) duplicate: u64,
    /// Commands that ran more than once.
    pub(super) ran_twice: u64,
    /// Commands that did not end as their node saw them end.
    pub(super) inconsistent: u64,
    /// In words.
    pub(super) seen: Seen,
}

impl Breaches {
    /// Whether all is as the book has it.
    pub(super) fn is_empty(&self) -> bool {
        self.lost + self.phantom + self.duplicate + self.ran_twice + self.inconsistent == 0
    }
}

/// Which readings are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// From this number on.
    Since(u32),
    /// All, and what may lie before the first or far behind the last.
    Everything,
}

/// Looks at the readings of a node, and gives the number of the first one that was not yet due.
///
/// # Errors
/// When the API does not answer as it says.
pub(super) fn readings(
    api: &Api,
    book: &Book,
    number: u8,
    scope: Scope,
    breaches: &mut Breaches,
) -> Result<u32> {
    let Some(page) = book.pages.get(usize::from(number)) else { return Ok(0) };
    let due = page.acknowledged.load(Ordering::SeqCst);
    let mut look = Look { api, book, number, page, breaches };
    let mut at = match scope {
        Scope::Since(first) => first,
        Scope::Everything => {
            look.range((i64::MIN / 2, book.epoch), (0, 0))?;
            0
        }
    };
    while at < due {
        let end = due.min(at.saturating_add(AT_ONCE));
        look.range((book.measured(at), book.measured(end)), (at, end))?;
        at = end;
    }
    look.range((book.measured(due), END_OF_TIME), (due, due))?;
    Ok(due)
}

/// A look at the readings of one node.
struct Look<'a> {
    api: &'a Api,
    book: &'a Book,
    number: u8,
    page: &'a Page,
    breaches: &'a mut Breaches,
}

impl Look<'_> {
    /// Looks at what was measured in a range of time: the readings of these numbers must be there.
    fn range(&mut self, (from, to): (i64, i64), (first, end): (u32, u32)) -> Result<()> {
        let id = &self.page.id;
        let mut times: BTreeMap<u32, u64> = (first..end).map(|number| (number, 0)).collect();
        for reading in history(self.api, id, from, to)? {
            if let Some(number) = self.number_of(&reading) {
                *times.entry(number).or_default() += 1;
            } else {
                self.breaches.phantom += 1;
                self.breaches.seen.tell(format!("{id}: never sent: {reading}"));
            }
        }
        for (number, times) in times {
            let is_due = (first..end).contains(&number);
            if times == 0 && is_due {
                self.breaches.lost += 1;
                self.breaches.seen.tell(format!("{id}: reading {number} was acknowledged and is not there"));
            }
            if times > 1 {
                self.breaches.duplicate += times - 1;
                self.breaches.seen.tell(format!("{id}: reading {number} is there {times} times"));
            }
        }
        Ok(())
    }

    /// Which reading this is; `None` where its node never sent such a one.
    fn number_of(&self, reading: &Value) -> Option<u32> {
        let measured = reading.get("measured")?.as_i64()?;
        let number = u32::try_from(measured.checked_sub(self.book.epoch)?).ok()?;
        let is_sent = number < self.page.sent.load(Ordering::SeqCst);
        let is_right = (reading.get("value")?.as_f64()? - value(self.number, number)).abs() < TOLERANCE;
        (is_sent && is_right).then_some(number)
    }
}

/// Readings of a node in a range of time. A node that the hub does not know has none.
fn history(api: &Api, id: &str, from: i64, to: i64) -> Result<Vec<Value>> {
    let path =
        format!("/api/v1/readings?node={id}&module={SENSOR}&channel=1&from={from}&to={to}&limit={LIMIT}");
    let (status, text) = api.page(&path)?;
    if matches!(status, 404 | 409) {
        return Ok(Vec::new());
    }
    ensure!(status == 200, "GET {path}: {status}: {text}");
    let mut answer: Value = serde_json::from_str(&text).with_context(|| format!("GET {path}"))?;
    let readings = answer.get_mut("readings").map(Value::take).context("readings")?;
    serde_json::from_value(readings).context("readings")
}

/// Looks after the commands that have not been found ended, and how many of them are still under way.
///
/// # Errors
/// When the API does not answer as it says.
pub(super) fn commands(api: &Api, book: &Book, breaches: &mut Breaches) -> Result<usize> {
    let open = book.ledger().open();
    let answer = api.get(&format!("/commands?limit={COMMANDS}"))?;
    let listed = answer.get("commands").and_then(Value::as_array).context("commands")?;
    let text = |command: &Value, key| Some(command.get(key)?.as_str()?.to_string());
    let states: BTreeMap<_, _> =
        listed.iter().filter_map(|command| Some((text(command, "id")?, text(command, "state")?))).collect();
    let mut under_way = 0;
    for id in open {
        let state = match states.get(&id) {
            Some(state) => Some(state.clone()),
            None => state_of(api, &id)?,
        };
        let mut ledger = book.ledger();
        let Some(command) = ledger.commands.get_mut(&id) else { continue };
        match judge(command, state.as_deref()) {
            Verdict::UnderWay => under_way += 1,
            Verdict::Ended => command.settled = true,
            Verdict::Lost => {
                command.settled = true;
                breaches.lost += 1;
                breaches.seen.tell(format!("command {id} was acknowledged and is not known"));
            }
            Verdict::Wrong => {
                command.settled = true;
                breaches.inconsistent += 1;
                breaches.seen.tell(format!("command {id} is {state:?}, and ran on {:?}", command.runs));
            }
        }
    }
    Ok(under_way)
}

/// What is to be thought of a command.
enum Verdict {
    UnderWay,
    Ended,
    Lost,
    Wrong,
}

fn judge(command: &Command, state: Option<&str>) -> Verdict {
    match state {
        None => Verdict::Lost,
        Some("queued" | "sent" | "accepted") => Verdict::UnderWay,
        // Nodes never refuse: done means that it ran, and a newer command may have taken its place.
        Some("done") if !command.runs.is_empty() => Verdict::Ended,
        Some("cancelled") => Verdict::Ended,
        Some(_) => Verdict::Wrong,
    }
}

fn state_of(api: &Api, id: &str) -> Result<Option<String>> {
    let (status, text) = api.page(&format!("/api/v1/commands/{id}"))?;
    if status == 404 {
        return Ok(None);
    }
    let command: Value = serde_json::from_str(&text).with_context(|| format!("{status}: {text}"))?;
    Ok(command.get("state").and_then(Value::as_str).map(str::to_string))
}

/// Looks through the book itself: what ran twice, on the wrong node or unasked, and what was forgotten.
pub(super) fn ledger(ledger: &Ledger, breaches: &mut Breaches) {
    let mut unasked = 0;
    for (id, command) in &ledger.commands {
        if command.runs.len() > 1 {
            breaches.ran_twice += 1;
            breaches.seen.tell(format!("command {id} ran on {:?}", command.runs));
        }
        match command.acknowledged {
            Some(node) if command.runs.iter().any(|ran| *ran != node) => {
                breaches.phantom += 1;
                breaches.seen.tell(format!("command {id} was for {node} and ran on {:?}", command.runs));
            }
            Some(_) => {}
            None => unasked += 1,
        }
    }
    if unasked > ledger.unanswered {
        breaches.phantom += 1;
        let unanswered = ledger.unanswered;
        breaches.seen.tell(format!("{unasked} commands ran that at most {unanswered} people wanted"));
    }
    for forgotten in &ledger.forgotten {
        breaches.lost += 1;
        breaches.seen.tell(forgotten.clone());
    }
}
