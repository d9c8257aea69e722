//! The hub changes its key: nodes that were told go over to it by themselves, and the one that was away is left behind
//! when the time of the old key is over.

use std::{fs, net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iot_sim::{Control, Fleet, FleetConfig};
use serde_json::json;
use tempfile::TempDir;

use super::{Walk, field};
use crate::{
    hub::{HubProcess, Ports},
    wait::until,
};

const SOON: Duration = Duration::from_secs(20);

/// Nodes, of which the last is away while the key is changed.
const NODES: usize = 4;

/// 31 days.
const LONG_AGO_MS: i64 = 31 * 86_400_000;

/// Announces, sees who lacks the key, forces the change, and starts the hub again when the old key is over.
pub(super) fn changed(walk: &mut Walk) -> Result<String> {
    let machine = TempDir::new()?;
    let ports = Ports::fixed()?;
    let hub = HubProcess::start_on(ports, machine.path(), &["--registration", "open"])?;
    let config = FleetConfig {
        hub_key: Some(hub.key()?),
        seed: 94,
        first_address: Some(Ipv4Addr::new(127, 21, 0, 1)),
        ..FleetConfig::new(hub.tcp, u32::try_from(NODES)?)
    };
    let fleet = walk.runtime.block_on(Fleet::start(config))?;
    let outcome = change(walk, hub, &fleet).and_then(|()| {
        age_former(machine.path())?;
        let hub = HubProcess::start_on(ports, machine.path(), &["--registration", "open"])?;
        afterwards(walk, &hub, &fleet)?;
        ensure!(hub.stop()?.success(), "the hub ends well");
        Ok(format!("{} nodes went over, the one that was away is refused", NODES - 1))
    });
    walk.runtime.block_on(fleet.stop());
    outcome
}

/// Changes the key while one node is away, and stops the hub.
fn change(walk: &Walk, hub: HubProcess, fleet: &Fleet) -> Result<()> {
    for node in fleet.nodes() {
        is_online(&hub, &node.id)?;
    }
    walk.runtime.block_on(fleet.control(NODES - 1, Control::Stop))?;
    let (status, answer) = hub.api.post("/hub-key/announce", &json!({ "why": "the walk" }))?;
    ensure!(status == 200, "announce: {status}, {answer}");
    let seen = until("all but one have the key", SOON, || {
        let seen = hub.api.get("/hub-key")?;
        Ok((seen["lack"] == 1).then_some(seen))
    })?;
    let away = fleet.nodes().last().context("a node")?.id.clone();
    ensure!(*field(&seen, "/lacking/0/node")? == away.as_str() && seen["have"] == NODES - 1, "{seen}");
    let (status, _) = hub.api.post("/hub-key/change", &json!({}))?;
    ensure!(status == 409, "changed although a node lacks the key: {status}");
    let forced = json!({ "lacking": 1, "why": "it is broken" });
    let (status, answer) = hub.api.post("/hub-key/change", &forced)?;
    ensure!(status == 200, "change: {status}, {answer}");
    for node in 0..NODES - 1 {
        walk.runtime.block_on(fleet.control(node, Control::Cut))?;
    }
    for node in fleet.nodes().iter().take(NODES - 1) {
        is_online(&hub, &node.id)?;
    }
    ensure!(hub.stop()?.success(), "the hub ends well");
    Ok(())
}

/// As if the key had been changed long ago.
fn age_former(data_dir: &Path) -> Result<()> {
    let path = data_dir.join("identity.key");
    let keys = fs::read_to_string(&path)?;
    let since = keys.lines().find_map(|line| line.strip_prefix("former 1 ")?.split(' ').next());
    let since = since.with_context(|| "there is no key before")?;
    let long_ago = (since.parse::<i64>()? - LONG_AGO_MS).to_string();
    fs::write(&path, keys.replacen(&format!("former 1 {since} "), &format!("former 1 {long_ago} "), 1))?;
    Ok(())
}

/// The hub has its new key alone: who went over is back, and who did not is refused.
fn afterwards(walk: &Walk, hub: &HubProcess, fleet: &Fleet) -> Result<()> {
    until("the key before has ended", SOON, || {
        Ok(hub.api.get("/hub-key")?["former"].is_null().then_some(()))
    })?;
    until("the audit has it: announced, changed, ended", SOON, || {
        let audit = hub.api.get("/audit?deed=change-hub-key")?;
        let entries = field(&audit, "/audit")?.as_array().map(Vec::len);
        Ok((entries == Some(3)).then_some(()))
    })?;
    walk.runtime.block_on(fleet.control(NODES - 1, Control::Resume))?;
    for node in fleet.nodes().iter().take(NODES - 1) {
        is_online(hub, &node.id)?;
    }
    until("the other is refused", SOON, || {
        Ok((hub.logged("an encrypted connection ends") > 0).then_some(()))
    })?;
    let away = hub.api.node(&fleet.nodes().last().context("a node")?.id)?.context("the node")?;
    ensure!(*field(&away, "/presence/state")? != "online", "{away}");
    Ok(())
}

fn is_online(hub: &HubProcess, node: &str) -> Result<()> {
    until("the node is online", SOON, || {
        let node = hub.api.node(node)?;
        Ok(node
            .filter(|node| node.pointer("/presence/state").is_some_and(|state| state == "online"))
            .map(drop))
    })
}
