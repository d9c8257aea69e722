//! People who switch relays through the API, and note which commands the hub took.

use std::{sync::atomic::Ordering, thread, time::Duration};

use serde_json::json;

use super::{
    book::{Book, Page},
    node::RELAY,
    stage::{Place, Stage},
};
use crate::prove::chance::Chance;

/// Commands that may be acknowledged and not yet looked after. The hub forgets the oldest of a thousand that
/// have ended, and none may be among them before it was looked after.
const OPEN: usize = 400;

/// Time between two commands of one person, at most.
const PAUSE: Duration = Duration::from_millis(6);

/// Commands until the run is over.
pub(super) fn command(book: &Book, stage: &Stage, mut chance: Chance) {
    while let Some(place) = stage.await_hub() {
        thread::sleep(chance.within(PAUSE));
        let choice = usize::try_from(chance.below(book.pages.len().try_into().unwrap_or(0)));
        let node = choice.unwrap_or_default();
        let page = book.pages.get(node).filter(|page| page.registered.load(Ordering::SeqCst));
        if let Some(page) = page.filter(|_| !stage.is_resting() && book.ledger().count_open() < OPEN) {
            switch(book, &place, (node, page), chance.one_in(2));
        }
    }
}

/// Sends one command and notes what came of it.
fn switch(book: &Book, place: &Place, (node, page): (usize, &Page), on: bool) {
    let path = format!("/nodes/{}/modules/{RELAY}/properties/on", page.id);
    let answer = place.api.post(&path, &json!({ "value": on }));
    let mut ledger = book.ledger();
    match answer {
        Ok((202, answer)) => match answer.get("command").and_then(|id| id.as_str()) {
            Some(id) => ledger.acknowledge(id.to_string(), node),
            None => ledger.trouble = format!("a command without an id: {answer}"),
        },
        // The hub may say that it is busy, or stopping.
        Ok((429 | 503, _)) => {}
        Ok((status, answer)) => ledger.forgotten.push(format!("POST {path}: {status}: {answer}")),
        Err(_) => ledger.unanswered += 1,
    }
}
