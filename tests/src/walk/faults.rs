//! Bad input: the peer gets a named error, the log says it once, and nobody else notices.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, ErrorCode, HubMessage, MessageKind, Ping};
use iot_sim::Control;
use serde_json::json;

use super::Walk;
use crate::{
    hand_node::{HandNode, Received},
    wait::until,
};

const SOON: Duration = Duration::from_secs(5);

fn node(walk: &Walk, name: &str) -> Result<HandNode> {
    let hub = walk.hub()?;
    let (mut node, _) = HandNode::hello(hub.tcp, name, 9, 0, Capabilities::KEEPS_SESSION)?;
    hub.api.post(&format!("/nodes/plain:{name}/admit"), &json!({}))?;
    node.next()?;
    Ok(node)
}

/// The error that a frame carries.
fn code(received: &Received) -> Result<ErrorCode> {
    let message = received.message()?;
    let HubMessage::Error(error) = message else { bail!("no error: {message:?}") };
    Ok(error.code)
}

/// The log says something of a node exactly once.
fn logged_once(walk: &Walk, node: &str, what: &str) -> Result<()> {
    let hub = walk.hub()?;
    let text = |line: &&String| line.contains(node) && line.contains(what);
    until(&format!("the log says {what} of {node}"), SOON, || {
        Ok((hub.lines_of("WARN").iter().filter(text).count() >= 1).then_some(()))
    })?;
    let times = hub.lines_of("WARN").iter().filter(text).count();
    ensure!(times == 1, "the log says {what} {times} times: {:?}", hub.lines_of("WARN"));
    Ok(())
}

/// A kind that nobody knows costs that message; the session goes on.
pub(super) fn unknown_kind(walk: &mut Walk) -> Result<String> {
    let mut hand = node(walk, "walk-unknown-kind")?;
    hand.frame(MessageKind(0x7777), &[1, 2, 3])?;
    let code = code(&hand.next()?)?;
    ensure!(code == ErrorCode::UNSUPPORTED_MESSAGE, "{code}");
    hand.send(&Ping, true)?;
    ensure!(hand.next()?.kind == MessageKind::PONG, "the session goes on");
    logged_once(walk, "walk-unknown-kind", "0x7777")?;
    Ok(format!("{code}; the session goes on"))
}

/// A body that is none of its kind costs that message; the session goes on.
pub(super) fn malformed(walk: &mut Walk) -> Result<String> {
    let mut hand = node(walk, "walk-malformed")?;
    hand.frame(MessageKind::REPORT, &[0xFF; 40])?;
    let code = code(&hand.next()?)?;
    ensure!(code == ErrorCode::MALFORMED_MESSAGE, "{code}");
    hand.send(&Ping, true)?;
    ensure!(hand.next()?.kind == MessageKind::PONG, "the session goes on");
    logged_once(walk, "walk-malformed", "report")?;
    Ok(format!("{code}; the session goes on"))
}

/// Bytes that are no frame cost the session, with the reason first.
pub(super) fn broken_frame(walk: &mut Walk) -> Result<String> {
    let mut hand = node(walk, "walk-broken")?;
    hand.raw(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")?;
    let said = hand.until_end()?;
    let code = code(said.first().context("a reason")?)?;
    ensure!(code == ErrorCode::BROKEN_FRAME, "{code}");
    ensure!(said.last().is_some_and(|last| last.kind == MessageKind::CLOSE), "{said:?}");
    logged_once(walk, "walk-broken", "does not begin a frame")?;
    Ok(format!("{code}, close, end"))
}

/// A frame beyond the limit costs the session; before hello that is 1,024 bytes.
pub(super) fn too_long(walk: &mut Walk) -> Result<String> {
    let mut hand = HandNode::connect(walk.hub()?.tcp)?;
    hand.raw(&[0xC1, 1, 0, 0, 1, 0, 0xFF, 0xFF, 1, 0, 0, 0])?;
    let said = hand.until_end()?;
    let code = code(said.first().context("a reason")?)?;
    ensure!(code == ErrorCode::FRAME_TOO_LONG, "{code}");
    Ok(format!("{code}, close, end"))
}

/// Hundreds of such peers leave nothing behind: no open file, no session, no memory.
pub(super) fn nothing_leaks(walk: &mut Walk) -> Result<String> {
    const ROUNDS: usize = 200;
    const SLACK_KIB: u64 = 4 * 1024;
    let hub = walk.hub()?;
    let fault = |at: usize| -> Result<()> {
        let mut hand = match at % 4 {
            0 => HandNode::hello(hub.tcp, "walk-leak", 1, 0, Capabilities::KEEPS_SESSION)?.0,
            _ => HandNode::connect(hub.tcp)?,
        };
        match at % 4 {
            1 => hand.raw(&[0; 64])?,
            2 => hand.raw(&[0xC1, 1, 0, 0])?,
            3 => hand.frame(MessageKind(0x7777), &[0; 900])?,
            _ => hand.frame(MessageKind::REPORT, &[0xFF; 40])?,
        }
        Ok(())
    };
    (0..ROUNDS).try_for_each(fault)?;
    let (files, memory) = (hub.open_files()?, hub.usage()?.resident_kib);
    (0..ROUNDS * 4).try_for_each(fault)?;
    let left = until("connections are gone", Duration::from_secs(20), || {
        let left = hub.open_files()?;
        Ok((left <= files).then_some(left))
    })?;
    let grown = hub.usage()?.resident_kib.saturating_sub(memory);
    ensure!(grown < SLACK_KIB, "{grown} KiB more after {} faults", ROUNDS * 4);
    Ok(format!("{} faults: {left} files open as before, {grown} KiB more", ROUNDS * 4))
}

/// With every fault above, and one node of the fleet that misbehaves: no other loses its session.
pub(super) fn others_did_not_notice(walk: &mut Walk) -> Result<String> {
    let before = walk.fleet.stats();
    walk.runtime.block_on(async {
        walk.fleet.control(0, Control::UnknownKind).await?;
        walk.fleet.control(1, Control::DuplicateReport).await?;
        walk.fleet.control(2, Control::Raw(vec![0; 64])).await
    })?;
    let reports = before.acknowledged + 200;
    let after = until("the fleet goes on reporting", Duration::from_secs(20), || {
        let stats = walk.fleet.stats();
        Ok((stats.acknowledged >= reports).then_some(stats))
    })?;
    let cut = |stats: &iot_sim::Stats| stats.disconnects.values().sum::<u64>();
    let visits = after.connects - before.connects;
    ensure!(after.given_up == before.given_up, "no report was given up: {after:?}");
    Ok(format!(
        "{} reports acknowledged meanwhile; {} connections ended, {visits} made (visits included)",
        after.acknowledged - before.acknowledged,
        cut(&after) - cut(&before)
    ))
}
