//! Hello, the inbox, approval, registration, kinds that are not supported, kinds of a user.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iot_proto::{Admission, Capabilities, ErrorCode, HubMessage, MessageKind, Ping};
use serde_json::{Value, json};

use super::{NODES, Walk, field};
use crate::{
    hand_node::{self, HandNode, Received},
    wait::until,
};

/// How long the whole fleet may take for a step.
const FLEET: Duration = Duration::from_secs(20);

/// Nodes of the fleet as the API shows them.
fn fleet_nodes(walk: &Walk) -> Result<Vec<Value>> {
    let nodes = walk.hub()?.api.get("/nodes")?;
    let nodes = field(&nodes, "/nodes")?.as_array().context("a list of nodes")?.clone();
    let of_fleet = |node: &Value| walk.nodes().any(|known| node["id"] == known.id.as_str());
    Ok(nodes.into_iter().filter(of_fleet).collect())
}

/// All nodes of the fleet say hello and wait in the inbox.
pub(super) fn hello(walk: &mut Walk) -> Result<String> {
    let waiting = until("all nodes wait", FLEET, || {
        let nodes = fleet_nodes(walk)?;
        let waiting = nodes.iter().filter(|node| node["admission"] == "pending").count();
        Ok((waiting == usize::try_from(NODES)?).then_some(waiting))
    })?;
    let (status, page) = walk.hub()?.api.page("/inbox")?;
    let first = walk.fleet.nodes().first().context("a node")?;
    ensure!(status == 200 && page.contains(&first.name), "the inbox names {}", first.name);
    Ok(format!("{waiting} nodes wait in the inbox"))
}

/// What a waiting node reports is refused and not kept.
pub(super) fn nothing_is_kept(walk: &mut Walk) -> Result<String> {
    let can = Capabilities::KEEPS_SESSION;
    let (mut node, welcome) = HandNode::hello(walk.hub()?.tcp, "walk-waits", 1, 0, can)?;
    let HubMessage::Welcome(welcome) = welcome.message()? else { anyhow::bail!("no welcome: {welcome:?}") };
    ensure!(welcome.admission == Admission::PENDING, "{welcome:?}");
    node.register("temperature", 1, "Waits")?;
    let answer = node.report(1, 1, 1, 21.5.into())?;
    let HubMessage::Error(error) = answer.message()? else { anyhow::bail!("stored: {answer:?}") };
    ensure!(error.code == ErrorCode::PENDING_APPROVAL, "{error:?}");
    let shown = walk.hub()?.api.node("plain:walk-waits")?.context("the node is shown")?;
    ensure!(field(&shown, "/reports")? == 0, "{shown}");
    ensure!(field(&shown, "/modules/0/properties/0/latest")?.is_null(), "{shown}");
    let (status, _) = walk.hub()?.api.post("/nodes/plain:walk-waits/reject", &json!({}))?;
    ensure!(status == 200 && walk.hub()?.api.node("plain:walk-waits")?.is_none(), "turned away: {status}");
    Ok(format!("report refused with {}", error.code))
}

/// A person admits one node on the page and the others by the API; all are online or between contacts.
pub(super) fn approval(walk: &mut Walk) -> Result<String> {
    let api = walk.hub()?.api.clone();
    for (at, node) in walk.nodes().enumerate() {
        let status = if at == 0 {
            api.form(&format!("/nodes/{}/admit", node.id), &[])?
        } else {
            api.post(&format!("/nodes/{}/admit", node.id), &json!({}))?.0
        };
        ensure!((200..400).contains(&status), "admit {}: {status}", node.name);
    }
    let online = until("all nodes are there", FLEET, || {
        let nodes = fleet_nodes(walk)?;
        let there = |node: &&Value| {
            node["admission"] == "admitted"
                && (node["presence"]["state"] == "online" || node["presence"]["state"] == "asleep")
        };
        let there = nodes.iter().filter(there).count();
        Ok((there == nodes.len()).then_some(there))
    })?;
    Ok(format!("{online} admitted and there, one by the page's form"))
}

/// Every module that the fleet carries is registered with its kind.
pub(super) fn registration(walk: &mut Walk) -> Result<String> {
    let count = until("all modules are registered", FLEET, || {
        let nodes = fleet_nodes(walk)?;
        let mut count = 0;
        for known in walk.nodes() {
            let Some(node) = nodes.iter().find(|node| node["id"] == known.id.as_str()) else {
                return Ok(None);
            };
            let modules = node["modules"].as_array().cloned().unwrap_or_default();
            let kinds: Vec<_> = modules.iter().filter_map(|module| module["kind"].as_str()).collect();
            if kinds != known.modules || modules.iter().any(|module| module["supported"] != true) {
                return Ok(None);
            }
            count += modules.len();
        }
        Ok(Some(count))
    })?;
    Ok(format!("{count} modules, each with its kind"))
}

/// A module of a kind that the hub does not know is refused by name, and shown with what to do.
pub(super) fn unsupported_kind(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let can = Capabilities::KEEPS_SESSION;
    let (mut node, _) = HandNode::hello(hub.tcp, "walk-unsupported", 1, 0, can)?;
    hub.api.post("/nodes/plain:walk-unsupported/admit", &json!({}))?;
    node.next()?;
    let answer = node.register("flux-capacitor", 1, "Flux")?;
    let HubMessage::Registered(registered) = answer.message()? else { anyhow::bail!("{answer:?}") };
    let code = registered.verdicts.iter().next().context("a verdict")?.code;
    ensure!(code == ErrorCode::KIND_UNSUPPORTED, "{code}");
    let (_, page) = hub.api.page("/nodes/plain:walk-unsupported")?;
    ensure!(page.contains("flux-capacitor") && page.contains("not supported"), "the page says so");
    until("the log says so", FLEET, || {
        Ok((hub.logged("flux-capacitor is not supported") == 1).then_some(()))
    })?;
    let answer = node.register("temperature", 99, "Future")?;
    let HubMessage::Registered(registered) = answer.message()? else { anyhow::bail!("{answer:?}") };
    let newer = registered.verdicts.iter().next().context("a verdict")?.code;
    ensure!(newer == ErrorCode::KIND_VERSION_UNKNOWN, "{newer}");
    Ok(format!("{code}, {newer}"))
}

/// Puts a user's module kind into the data directory, and a broken one beside it.
pub(super) fn lay_out_user_kind(data_dir: &Path) -> Result<()> {
    let good = "kind = \"gong\"\nversion = 1\ntitle = \"Gong\"\nsummary = \"A gong\"\nicon = \"display\"\n\n\
        [[property]]\nchannel = 1\nname = \"struck\"\ntitle = \"Struck\"\ntype = \"int\"\nunit = \"times\"\n\
        range = [0, 1000]\nstep = 1\naccess = \"read-write\"\n";
    for (folder, text) in [("gong", good), ("broken-gong", "kind = \"broken-gong\"\nversion = 0\n")] {
        let folder = data_dir.join("modules").join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("module.toml"), text)?;
    }
    Ok(())
}

/// A kind from the data directory works without a rebuild; a broken one is named in the log.
pub(super) fn user_kind(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    ensure!(walk.data_dir.path().join("modules/gong").is_dir(), "the folder was laid out");
    ensure!(hub.logged("broken-gong/module.toml:") == 1, "the log names file and line of the broken kind");
    let (mut node, _) = HandNode::hello(hub.tcp, "walk-gong", 1, 0, Capabilities::KEEPS_SESSION)?;
    hub.api.post("/nodes/plain:walk-gong/admit", &json!({}))?;
    node.next()?;
    node.register("gong", 1, "Gong")?;
    node.report(1, 1, 1, 3.into())?;
    let module = hub.api.get("/nodes/plain:walk-gong/modules/0")?;
    ensure!(field(&module, "/properties/0/latest/value")? == 3, "{module}");
    let (status, files) = hub.api.page("/modules/gong/module.toml")?;
    ensure!(status == 200 && files.contains("A gong"), "the web server serves the same files");
    Ok("gong reports 3 times; broken-gong named with file and line".into())
}

/// A plain node is let in where it was when a person let it in, and nowhere else, until somebody accepts its new address.
pub(super) fn fixed_address(walk: &mut Walk) -> Result<String> {
    const NODE: &str = "plain:walk-moves";
    let (hub, can) = (walk.hub()?, Capabilities::KEEPS_SESSION);
    let (mut first, _) = HandNode::hello(hub.tcp, "walk-moves", 1, 0, can)?;
    hub.api.post(&format!("/nodes/{NODE}/admit"), &json!({}))?;
    first.next()?;
    let from = |last: u8| -> Result<(HandNode, Received)> {
        let mut node = HandNode::connect_from([127, 0, 66, last].into(), hub.tcp, FLEET)?;
        node.send(&hand_node::hello("walk-moves", 1, 0, can)?, true)?;
        let answer = node.next()?;
        Ok((node, answer))
    };
    let (_, answer) = from(7)?;
    let HubMessage::Error(error) = answer.message()? else { anyhow::bail!("let in elsewhere: {answer:?}") };
    ensure!(error.code == ErrorCode::WRONG_ADDRESS, "{error:?}");
    first.send(&Ping, true)?;
    ensure!(first.next()?.kind == MessageKind::PONG, "the node at its own address goes on");
    let (_, page) = hub.api.page(&format!("/nodes/{NODE}"))?;
    ensure!(page.contains("Accept 127.0.66.7") && page.contains("127.0.0.1"), "{page}");
    ensure!(hub.logged("walk-moves belongs to another address than 127.0.66.7") == 1, "the log says so");
    let status = hub.api.form(&format!("/nodes/{NODE}/address"), &[("address", "127.0.66.7")])?;
    ensure!(status == 303, "{status}");
    let (_, answer) = from(7)?;
    ensure!(answer.kind == MessageKind::WELCOME, "{answer:?}");
    let audit = hub.api.get(&format!("/audit?node={NODE}"))?;
    let deeds = field(&audit, "/audit")?.as_array().context("changes")?.clone();
    let deeds: Vec<_> = deeds.iter().filter_map(|change| change["deed"].as_str()).collect();
    ensure!(deeds == ["accept-address", "refuse", "admit"], "{deeds:?}");
    Ok(format!("elsewhere {}; accepted by the page's form", error.code))
}
