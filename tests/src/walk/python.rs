//! The node in Python that newcomers start from, as it is in the repository.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Walk, field};
use crate::wait::until;

const SOON: Duration = Duration::from_secs(15);

/// It waits, is admitted, registers, reports, obeys one command, and goes.
pub(super) fn node(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/iot-proto/examples/node.py");
    let known: Vec<_> = ids(walk)?;
    let mut python = Command::new("python3")
        .arg(&script)
        .args([hub.tcp.ip().to_string(), hub.tcp.port().to_string(), "--once".into()])
        .stdout(Stdio::null())
        .spawn()
        .context("start python3")?;
    let id = until("the Python node waits in the inbox", SOON, || {
        Ok(ids(walk)?.into_iter().find(|id| !known.contains(id)))
    })?;
    hub.api.admit_and_permit(&id)?;
    until("the Python node reports", SOON, || {
        let node = hub.api.node(&id)?.context("the node")?;
        Ok(node["reports"].as_u64().filter(|reports| *reports > 0))
    })?;
    let command = hub.api.set(&id, 0, "on", &json!(true))?;
    ensure!(field(&command, "/state")? == "done", "{command}");
    let status = until("the Python node ends", SOON, || Ok(python.try_wait()?))?;
    ensure!(status.success(), "{status}");
    Ok(format!("{id}: admitted, reported, obeyed, gone"))
}

fn ids(walk: &Walk) -> Result<Vec<String>> {
    let nodes = walk.hub()?.api.get("/nodes")?;
    let nodes = field(&nodes, "/nodes")?.as_array().context("nodes")?.clone();
    Ok(nodes.iter().filter_map(|node| Some(node["id"].as_str()?.to_string())).collect())
}
