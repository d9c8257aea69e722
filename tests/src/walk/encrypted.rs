//! Nodes that have keys: simulated ones, and one in Python with a Noise library that has nothing to do with
//! those of the hub and of the simulated nodes.

use std::{net::Ipv4Addr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iot_sim::{Control, Fleet, FleetConfig};
use serde_json::json;

use super::{NODE_PORT, Walk, field};
use crate::{python, wait::until};

/// The library, and the version that this was written with.
const LIBRARY: &str = "noiseprotocol==0.3.1";

const SOON: Duration = Duration::from_secs(20);

/// They wait, are admitted by their ids, report and obey: in their sessions, and dialled by their keys. One changes its
/// key, and stays the same node.
pub(super) fn fleet(walk: &mut Walk) -> Result<String> {
    let in_session = with_fleet(walk, 90, Ipv4Addr::new(127, 17, 0, 1), 0)?;
    let dialled = with_fleet(walk, 91, Ipv4Addr::new(127, 18, 0, 1), 100)?;
    Ok(format!("in a session: {in_session}; dialled: {dialled}"))
}

/// Runs a few nodes with keys, and switches the relay of one of them; gives its id.
fn with_fleet(walk: &mut Walk, seed: u64, first: Ipv4Addr, visitors: u8) -> Result<String> {
    let hub = walk.hub()?;
    let config = FleetConfig {
        hub_key: Some(hub.key()?),
        seed,
        first_address: Some(first),
        node_port: Some(NODE_PORT),
        visitors,
        visit_every: Duration::from_secs(1),
        ..FleetConfig::new(hub.tcp, 4)
    };
    let fleet = walk.runtime.block_on(Fleet::start(config))?;
    for node in fleet.nodes() {
        until("the node waits in the inbox", SOON, || hub.api.node(&node.id))?;
        let (status, _) = hub.api.post(&format!("/nodes/{}/admit", node.id), &json!({}))?;
        ensure!(status == 200, "admit {}: {status}", node.id);
        until("the node reports", SOON, || {
            let node = hub.api.node(&node.id)?.context("the node")?;
            Ok(node["reports"].as_u64().filter(|reports| *reports > 0))
        })?;
    }
    let (node, module) = fleet
        .nodes()
        .iter()
        .find_map(|node| Some((node.id.clone(), node.modules.iter().position(|kind| *kind == "relay")?)))
        .context("a relay")?;
    for on in [true, false] {
        let command = hub.api.set(&node, u8::try_from(module)?, "on", &json!(on))?;
        ensure!(field(&command, "/state")? == "done", "{command}");
    }
    let first = fleet.nodes().first().context("a node")?.id.clone();
    if visitors == 0 {
        walk.runtime.block_on(fleet.control(0, Control::ChangeKey))?;
        until("the node has changed its key", SOON, || {
            let keys = field(&hub.api.node(&first)?.context("its id stays")?, "/keys")?.clone();
            Ok((keys[0]["id"] != first.as_str() && keys[1]["state"] == "former").then_some(()))
        })?;
    }
    let stats = walk.runtime.block_on(fleet.stop());
    ensure!(stats.protocol_errors == 0, "{stats:?}");
    Ok(node)
}

/// A node in Python makes the handshake of the protocol's text, and says so much that both directions take
/// their next key.
pub(super) fn python(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/iot-proto/examples/encrypted.py");
    let output = Command::new(python::with("noise", &[LIBRARY])?.join("python3"))
        .arg(script)
        .args([hub.tcp.ip().to_string(), hub.tcp.port().to_string(), hub.key()?.to_string()])
        .args(["--pings", "65600"])
        .output()
        .context("start Python")?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success(),
        "{}: {said}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let id = said.split_whitespace().next().context("the id of the node")?;
    let node = hub.api.node(id)?.context("the hub knows the node by the id that it has computed")?;
    ensure!(field(&node, "/admission")? == "pending", "{node}");
    Ok(said)
}
