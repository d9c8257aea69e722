//! What a registered node costs that says nothing: resident memory of the hub, by the growth that many bring.

use std::time::Duration;

use anyhow::Result;

use super::{
    figure::{Bar, Figure},
    load::Load,
    server::{Peer, Server},
};
use crate::{out, wait::until};

/// Nodes that are connected. The hub and the load need a file each for every one, of the 20,000 that many
/// machines give.
const NODES: usize = 15_000;

/// How long the hub may take to come to rest.
const REST: Duration = Duration::from_secs(20);

/// Connects and registers many nodes, and gives the memory that each of them takes.
///
/// # Errors
/// When not all are welcomed, or the hub does not come to rest.
pub fn run(hub: Peer) -> Result<Vec<Figure>> {
    let server = Server::start(hub)?;
    let before = server.usage()?.resident_kib;
    let _load = Load::connect(server.address, hub.wire(), NODES)?;
    // At rest when a second has brought no work.
    let mut last = server.usage()?;
    let after = until("the hub comes to rest", REST, || {
        std::thread::sleep(Duration::from_secs(1));
        let now = server.usage()?;
        let is_at_rest = now.cpu.saturating_sub(last.cpu) < Duration::from_millis(50);
        last = now;
        Ok(is_at_rest.then_some(now.resident_kib))
    })?;
    out::progress(&format!("idle: {before} KiB without nodes, {after} KiB with {NODES}"));
    let nodes = f64::from(u32::try_from(NODES)?);
    let bytes = f64::from(u32::try_from(after.saturating_sub(before))?) * 1024.0 / nodes;
    let name = "15,000 idle nodes: resident memory of each";
    Ok(vec![Figure::once(name, bytes, "bytes").must_be(Bar::AtMost(2_048.0))])
}
