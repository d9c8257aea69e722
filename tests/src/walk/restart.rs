//! What the hub has stored outlives it, whether it was stopped or killed.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, HubMessage};
use serde_json::{Value, json};

use super::{Walk, field, start_hub};
use crate::{api::Api, hand_node::HandNode, wait::until};

/// A node that has reported, and does not report any more.
const NODE: &str = "plain:walk-reports";

const SOON: Duration = Duration::from_secs(10);

/// Notes what the hub knows, once no command is under way.
pub(super) fn note(walk: &mut Walk) -> Result<String> {
    let api = &walk.hub()?.api;
    let noted = until("all commands have ended", SOON, || {
        let known = known(api)?;
        let commands = field(&known, "/commands")?.as_array().context("commands")?.clone();
        let waits =
            |command: &Value| ["queued", "sent", "accepted"].iter().any(|state| command["state"] == *state);
        ensure!(!commands.is_empty(), "no command was kept: {known}");
        Ok((!commands.iter().any(waits)).then_some(known))
    })?;
    let count = |what| field(&noted, what).map(|list| list.as_array().map_or(0, Vec::len));
    let seen = format!("{} nodes, {} commands", count("/nodes")?, count("/commands")?);
    walk.noted = Some(noted);
    Ok(seen)
}

/// The hub starts again in the same data directory and knows what it knew.
pub(super) fn after_stop(walk: &mut Walk) -> Result<String> {
    let hub = start_hub(walk.data_dir.path())?;
    let before = walk.noted.as_ref().context("what was noted")?;
    let after = known(&hub.api)?;
    for part in ["/nodes", "/modules", "/readings", "/commands"] {
        let (before, after) = (field(before, part)?, field(&after, part)?);
        ensure!(before == after, "{part}: before {before}, after {after}");
    }
    walk.hub = Some(hub);
    Ok("nodes, admissions, modules, latest values, history and commands".into())
}

/// A value is acknowledged, the hub is killed and started again: the value is there, and a repeated
/// report is known as one.
pub(super) fn after_kill(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub.take().context("the hub")?;
    let mut node = HandNode::hello(hub.tcp, "walk-reports", 8, 0, Capabilities::KEEPS_SESSION)?.0;
    let answer = node.report(8, 1, 1, (-0.5).into())?;
    let HubMessage::ReportAck(ack) = answer.message()? else { bail!("{answer:?}") };
    ensure!(ack.stored == 1 && ack.rejected.is_empty(), "{ack:?}");
    drop(hub);
    let hub = start_hub(walk.data_dir.path())?;
    let shown = hub.api.get(&format!("/nodes/{NODE}/modules/0"))?;
    ensure!(field(&shown, "/properties/0/latest/value")? == -0.5, "{shown}");
    let mut node = HandNode::hello(hub.tcp, "walk-reports", 8, 0, Capabilities::KEEPS_SESSION)?.0;
    node.report(8, 1, 1, (-0.5).into())?;
    let known = known(&hub.api)?;
    ensure!(field(&known, "/readings")?.as_array().map(Vec::len) == Some(2), "{known}");
    let status = hub.stop()?;
    ensure!(status.success(), "the hub ended with {status}");
    Ok("-0.5 °C is there; sent again it is known".into())
}

/// What has to be the same after a restart: who is in, the modules with their latest values and the
/// history of one node, and all commands.
fn known(api: &Api) -> Result<Value> {
    let nodes = api.get("/nodes")?;
    let nodes = field(&nodes, "/nodes")?.as_array().context("nodes")?.clone();
    let admitted = nodes.iter().filter(|node| node["admission"] == "admitted");
    let nodes: Vec<_> = admitted.map(|node| json!([node["id"], node["title"], node["first_seen"]])).collect();
    let module = api.get(&format!("/nodes/{NODE}/modules/0"))?;
    let readings = api.get(&format!("/readings?node={NODE}&module=0&channel=1"))?;
    let commands = api.get("/commands")?;
    Ok(json!({
        "nodes": nodes,
        "modules": [module["title"], module["kind"], field(&module, "/properties/0/latest")?],
        "readings": field(&readings, "/readings")?,
        "commands": field(&commands, "/commands")?,
    }))
}
