//! A node that falls silent: overdue, asked, lost, and back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, ErrorCode, HubMessage, MessageKind};
use serde_json::json;

use super::{Walk, field};
use crate::{hand_node::HandNode, wait::until};

/// Shortest keepalive that a node may wish, in seconds: overdue after 7.5, lost after 22.5.
const KEEPALIVE_S: u32 = 5;

/// How long after it fell silent the node is lost at the latest.
const LOST: Duration = Duration::from_secs(30);

/// A node that says nothing any more, and since when.
#[derive(Debug)]
pub(super) struct Quiet {
    node: HandNode,
    since: Instant,
}

/// The node says hello and nothing more.
pub(super) fn fall_silent(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let (mut node, welcome) =
        HandNode::hello(hub.tcp, "walk-quiet", 1, KEEPALIVE_S, Capabilities::KEEPS_SESSION)?;
    let HubMessage::Welcome(welcome) = welcome.message()? else { bail!("no welcome: {welcome:?}") };
    ensure!(welcome.keepalive_s == KEEPALIVE_S, "{welcome:?}");
    hub.api.post("/nodes/plain:walk-quiet/admit", &json!({}))?;
    node.next()?;
    let shown = hub.api.node("plain:walk-quiet")?.context("the node")?;
    ensure!(field(&shown, "/presence/state")? == "online", "{shown}");
    walk.quiet = Some(Quiet { node, since: Instant::now() });
    Ok(format!("online; keepalive of {KEEPALIVE_S} s agreed"))
}

/// It is lost when its keepalives are over, its session ends with the reason, and it comes back.
pub(super) fn lost_and_back(walk: &mut Walk) -> Result<String> {
    let Quiet { mut node, since } = walk.quiet.take().context("the silent node")?;
    let hub = walk.hub()?;
    let left = LOST.saturating_sub(since.elapsed());
    let lost = until("the silent node is lost", left, || {
        let shown = hub.api.node("plain:walk-quiet")?.context("the node")?;
        Ok((field(&shown, "/presence/state")? == "lost").then_some(shown))
    })?;
    let said = node.until_end()?;
    ensure!(said.iter().any(|frame| frame.kind == MessageKind::PING), "it was asked whether it is there");
    let close = said.last().context("a goodbye")?;
    let HubMessage::Close(close) = close.message()? else { bail!("no close: {said:?}") };
    ensure!(close.code == ErrorCode::SILENT, "{close:?}");
    let (_, page) = hub.api.page("/")?;
    ensure!(page.contains("Walk quiet"), "the first page says that it needs someone");
    let (_back, _) = HandNode::hello(hub.tcp, "walk-quiet", 2, KEEPALIVE_S, Capabilities::KEEPS_SESSION)?;
    let shown = hub.api.node("plain:walk-quiet")?.context("the node")?;
    ensure!(field(&shown, "/presence/state")? == "online", "{shown}");
    Ok(format!("lost: {}; asked before; back online", field(&lost, "/presence/reason")?))
}
