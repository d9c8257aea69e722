//! The page of the hub's own key: which keys there are, which nodes lack the newest, and what can be done next.

use askama::Template;
use http::StatusCode;
use iot_core::{
    NumberedKey,
    view::{HubKeysView, LackingView},
};

use super::shell::{Shell, rendered};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    web::Web,
    wording::{self, Words},
};

/// Nodes that are named at most.
const NAMED: usize = 50;

#[derive(Template)]
#[template(path = "hub-key.html")]
struct HubKeyPage {
    shell: Shell,
    /// What was not done, and what to do.
    refused: Option<(String, &'static str)>,
    id: String,
    keys: Vec<KeyRow>,
    heading: &'static str,
    progress: String,
    /// How many nodes lack the newest key.
    lack: usize,
    lack_words: String,
    lacking: Vec<NodeRow>,
    more: usize,
    step: Step,
}

struct KeyRow {
    number: u8,
    standing: String,
    digits: String,
}

struct NodeRow {
    id: String,
    title: Box<str>,
    heard: String,
}

/// What can be done next.
enum Step {
    Announce,
    Change {
        number: u8,
    },
    /// Nothing, as long as the key before is taken.
    Wait,
}

/// `GET /hub-key`, and what a form there is answered with where it was refused.
///
/// # Errors
/// As the backend's.
pub(crate) async fn hub_key<B: Backend>(web: &Web<B>, refused: Option<&WebError>) -> Result<Reply, WebError> {
    let (view, words) = (web.backend.hub_keys().await?, web.words());
    let mut lacking: Vec<_> = view.lacking.iter().map(|node| row(node, &words)).collect();
    lacking.truncate(NAMED);
    let (heading, progress, step) = next(&view, &words);
    let page = HubKeyPage {
        shell: Shell::load(web, "store").await?,
        refused: refused.map(|error| (wording::sentence(&error.to_string()), error.advice())),
        id: view.keys.id.to_string(),
        keys: keys(&view, &words),
        heading,
        progress,
        lack: view.lack,
        lack_words: lack(view.lack),
        more: view.lack - lacking.len(),
        lacking,
        step,
    };
    Ok(rendered(refused.map_or(StatusCode::OK, WebError::status), &page))
}

fn keys(view: &HubKeysView, words: &Words) -> Vec<KeyRow> {
    let row = |key: &NumberedKey, standing: String| KeyRow {
        number: key.number,
        standing,
        digits: key.key.id().to_string(),
    };
    let since = |key: &NumberedKey, what: &str| match key.since {
        Some(since) => format!("{what} since {}", words.time(since)),
        None => what.to_owned(),
    };
    let keys = &view.keys;
    let former = |key: &NumberedKey| row(key, format!("taken until {}", words.time(key.taken_until())));
    let next = keys.next.as_ref().map(|key| row(key, since(key, "announced")));
    let rows =
        [Some(row(&keys.current, since(&keys.current, "in use"))), next, keys.former.as_ref().map(former)];
    rows.into_iter().flatten().collect()
}

/// What goes on, in words, and what can be done next.
fn next(view: &HubKeysView, words: &Words) -> (&'static str, String, Step) {
    let of_all = format!("{} of {} have", view.have, wording::count(view.have + view.lack, "node", "nodes"));
    match (&view.keys.next, &view.keys.former) {
        (Some(next), _) => {
            let number = next.number;
            let told =
                format!("{of_all} stored key {number}. The others are told it in their next sessions.");
            ("A next key is announced", told, Step::Change { number })
        }
        (None, Some(former)) => {
            let until = words.time(former.taken_until());
            let told = format!(
                "{of_all} the key that is in use. Those that lack it must come before {until}; after that they must join again."
            );
            ("The key was changed", told, Step::Wait)
        }
        (None, None) if view.lack > 0 => {
            let told = format!(
                "{of_all} the key that is in use, as far as the hub knows. Those that lack it and do not come back must join again."
            );
            ("Change the key", told, Step::Announce)
        }
        (None, None) => {
            let told = "Changing it limits how long a key is of use to whoever gets hold of it.".to_owned();
            ("Change the key", told, Step::Announce)
        }
    }
}

fn lack(count: usize) -> String {
    if count == 1 { "1 node lacks it".to_owned() } else { format!("{count} nodes lack it") }
}

fn row(node: &LackingView, words: &Words) -> NodeRow {
    NodeRow {
        id: node.node.to_string(),
        title: node.title.clone(),
        heard: node.last_heard.map_or_else(|| "not since the hub started".to_owned(), |at| words.time(at)),
    }
}
