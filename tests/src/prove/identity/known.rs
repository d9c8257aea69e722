//! [`Known`]: what a hub knows of its nodes and commands, and [`Known::judge`]: what of that it cannot have from them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::cast::Cast;
use crate::{api::Api, prove::findings::Seen};

/// Fields of a node that go on by themselves while it is away.
const PASSING: &str = "presence";

/// Most characters of a value in words about it.
const BRIEF: usize = 120;

/// What a hub knows, by id.
#[derive(Debug)]
pub(super) struct Known {
    nodes: BTreeMap<String, Value>,
    /// Those under way.
    commands: BTreeMap<String, Value>,
}

/// What may change while attackers are at work.
#[derive(Debug)]
pub(super) struct Rules {
    /// Nodes that must stay as they were, in all that is known of them.
    still: BTreeSet<String>,
    /// Commands of nodes that are dialled in vain: each attempt is one of their steps.
    tried: BTreeSet<String>,
    /// Nodes that people want something of meanwhile, and wait until it is done.
    busy: BTreeSet<String>,
}

impl Rules {
    pub(super) fn of(cast: &Cast, tried: impl Iterator<Item = String>, busy: &[String]) -> Self {
        let still = cast.wards.iter().chain(&cast.revoked).map(|ward| ward.node.id.clone()).collect();
        Self { still, tried: tried.collect(), busy: busy.iter().cloned().collect() }
    }
}

impl Known {
    /// Asks a hub.
    pub(super) fn ask(api: &Api) -> Result<Self> {
        Ok(Self {
            nodes: by_id(&api.get("/nodes?archived=show")?["nodes"])?,
            commands: by_id(&api.get("/commands?state=queued,sent,accepted&limit=1000")?["commands"])?,
        })
    }

    /// What is known now and was not `before`, without what may be: those who said their own name or key, `came`, may
    /// wait for a person. Gives who waits.
    pub(super) fn judge(
        &self,
        before: &Self,
        came: &BTreeSet<String>,
        rules: &Rules,
        seen: &mut Seen,
    ) -> Vec<String> {
        let mut waiting = Vec::new();
        for (id, node) in &self.nodes {
            match before.nodes.get(id) {
                Some(known) if rules.still.contains(id) => unchanged(id, known, node, seen),
                Some(known) => unchanged(id, &standing(known), &standing(node), seen),
                None if came.contains(id) => {
                    let kept = [&node["admission"], &node["reports"], &node["duplicates"], &node["queued"]];
                    if kept != [&json!("pending"), &json!(0), &json!(0), &json!(0)] {
                        seen.tell(format!("{id}, whom nobody has let in, is {}", brief(node)));
                    }
                }
                None => seen.tell(format!("{id} has never come and is {}", brief(node))),
            }
            if node["admission"] == "pending" {
                waiting.push(id.clone());
            }
        }
        for id in before.nodes.keys().filter(|id| !self.nodes.contains_key(*id)) {
            seen.tell(format!("{id} is not known any more"));
        }
        let is_busy =
            |command: &Value| command["node"].as_str().is_some_and(|node| rules.busy.contains(node));
        for (id, command) in self.commands.iter().filter(|(_, command)| !is_busy(command)) {
            match before.commands.get(id) {
                Some(known) if rules.tried.contains(id) => {
                    unchanged(id, &known["state"], &command["state"], seen);
                }
                Some(known) => unchanged(id, known, command, seen),
                None => seen.tell(format!("command {id}, which nobody gave: {}", brief(command))),
            }
        }
        let ended = before.commands.iter().filter(|(id, _)| !self.commands.contains_key(*id));
        for (id, _) in ended.filter(|(_, command)| !is_busy(command)) {
            seen.tell(format!("command {id} has ended"));
        }
        waiting
    }

    /// The same without nodes that were turned away.
    pub(super) fn without(mut self, gone: &[String]) -> Self {
        self.nodes.retain(|id, _| !gone.contains(id));
        self
    }
}

fn by_id(all: &Value) -> Result<BTreeMap<String, Value>> {
    let all = all.as_array().context("a list")?;
    all.iter().map(|one| Ok((one["id"].as_str().context("an id")?.to_owned(), one.clone()))).collect()
}

/// What of a node no message of its own changes after it has come.
fn standing(node: &Value) -> Value {
    ["admission", "title", "place", "tags", "first_seen"].map(|field| node[field].clone()).to_vec().into()
}

/// Tells where something is not as it was.
fn unchanged(id: &str, before: &Value, now: &Value, seen: &mut Seen) {
    let (Some(fields), Some(known)) = (now.as_object(), before.as_object()) else {
        if before != now {
            seen.tell(format!("{id}: {}, and was {}", brief(now), brief(before)));
        }
        return;
    };
    for (name, value) in fields.iter().filter(|(name, _)| *name != PASSING) {
        if known.get(name) != Some(value) {
            let was = known.get(name).unwrap_or(&Value::Null);
            seen.tell(format!("{id}: {name} is {}, and was {}", brief(value), brief(was)));
        }
    }
    let is_there = |node: &Value| matches!(node[PASSING]["state"].as_str(), Some("online" | "connecting"));
    if is_there(now) && !is_there(before) {
        seen.tell(format!("{id} is {}", now[PASSING]));
    }
}

/// As much of it as a person wants to read.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= BRIEF { text } else { text.chars().take(BRIEF).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(state: &str, admission: &str, queued: u32) -> Known {
        let presence = json!({ "state": state, "since": queued });
        let node = json!({ "id": "a", "admission": admission, "presence": presence, "reports": 0, "duplicates": 0,
            "queued": queued });
        let commands = BTreeMap::from([("c".into(), json!({ "id": "c", "state": "queued" }))]);
        Known { nodes: BTreeMap::from([("a".into(), node)]), commands }
    }

    fn judge(before: &Known, now: &Known, came: &[&str], still: &[&str]) -> String {
        let came = came.iter().map(ToString::to_string).collect();
        let still = still.iter().map(ToString::to_string).collect();
        let rules = Rules { still, tried: BTreeSet::new(), busy: ["b".to_owned()].into() };
        let mut seen = Seen::default();
        now.judge(before, &came, &rules, &mut seen);
        if seen.is_empty() { String::new() } else { seen.to_string() }
    }

    #[test]
    fn a_node_that_is_away_may_only_grow_older() {
        let before = known("overdue", "admitted", 1);
        assert_eq!(judge(&before, &known("lost", "admitted", 1), &[], &["a"]), "");
        assert!(judge(&before, &known("online", "admitted", 1), &[], &["a"]).contains("online"));
        assert!(
            judge(&before, &known("lost", "admitted", 2), &[], &["a"]).contains("queued is 2, and was 1")
        );
        assert_eq!(
            judge(&before, &known("online", "admitted", 2), &[], &[]),
            "",
            "one that is there may report"
        );
        assert!(judge(&before, &known("online", "revoked", 2), &[], &[]).contains("revoked"));
    }

    #[test]
    fn whoever_came_may_wait_and_nobody_else_may_be_known() {
        let (before, waits) =
            (Known { nodes: BTreeMap::new(), ..known("", "", 0) }, known("online", "pending", 0));
        assert_eq!(judge(&before, &waits, &["a"], &[]), "");
        assert!(judge(&before, &waits, &[], &[]).contains("never come"));
        assert!(judge(&before, &known("online", "admitted", 0), &["a"], &[]).contains("nobody has let in"));
        assert!(judge(&waits, &before, &[], &[]).contains("not known any more"));
    }

    #[test]
    fn commands_stay_as_they_are() {
        let (before, mut now) = (known("lost", "admitted", 1), known("lost", "admitted", 1));
        now.commands.insert("c".into(), json!({ "id": "c", "state": "accepted" }));
        now.commands.insert("d".into(), json!({ "id": "d", "state": "queued" }));
        let seen = judge(&before, &now, &[], &["a"]);
        assert!(seen.contains("c: state is \"accepted\""), "{seen}");
        assert!(seen.contains("command d, which nobody gave"), "{seen}");
        now.commands.insert("e".into(), json!({ "id": "e", "node": "b" }));
        assert_eq!(judge(&before, &now, &[], &["a"]), seen, "who gave it waits for it");
        now.commands.clear();
        assert!(judge(&before, &now, &[], &["a"]).contains("command c has ended"));
    }
}
