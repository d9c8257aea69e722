//! The hub stops: nodes are told when to come back, nothing was an error, and it ends by itself.

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, ErrorCode, HubMessage};

use super::Walk;
use crate::hand_node::HandNode;

/// SIGTERM: a goodbye with a time to every node, exit code 0, no line of the level ERROR in the whole log.
pub(super) fn graceful(walk: &mut Walk) -> Result<String> {
    let (mut node, _) = HandNode::hello(walk.hub()?.tcp, "walk-stop", 1, 0, Capabilities::KEEPS_SESSION)?;
    let errors = walk.hub()?.lines_of("ERROR");
    let hub = walk.hub.take().context("the hub")?;
    let status = hub.stop()?;
    let said = node.until_end()?;
    let close = said.last().context("a goodbye")?;
    let HubMessage::Close(close) = close.message()? else { bail!("no close: {said:?}") };
    ensure!(close.code == ErrorCode::STOPPING, "{close:?}");
    ensure!(close.retry_after_ms >= 1000, "{close:?}");
    ensure!(status.success(), "the hub ended with {status}");
    ensure!(errors.is_empty(), "the log has errors: {errors:?}");
    Ok(format!("come back in {} ms; {status}", close.retry_after_ms))
}
