//! Reports: shown on page and API, live, and never counted twice.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, HubMessage};
use serde_json::json;

use super::{Walk, field};
use crate::{hand_node::HandNode, wait::until};

const SOON: Duration = Duration::from_secs(10);

/// A node of this name, admitted, with one temperature module.
fn thermometer(walk: &Walk, name: &str) -> Result<HandNode> {
    let hub = walk.hub()?;
    let (mut node, _) = HandNode::hello(hub.tcp, name, 7, 0, Capabilities::KEEPS_SESSION)?;
    hub.api.post(&format!("/nodes/plain:{name}/admit"), &json!({}))?;
    node.next()?;
    node.register("temperature", 1, "Cellar")?;
    Ok(node)
}

/// A value that was acknowledged is on the page, in the API and in the history; a rejected one is not.
pub(super) fn shown(walk: &mut Walk) -> Result<String> {
    let mut node = thermometer(walk, "walk-reports")?;
    let answer = node.report(7, 1, 1, 21.5.into())?;
    let HubMessage::ReportAck(ack) = answer.message()? else { bail!("{answer:?}") };
    ensure!(ack.stored == 1 && ack.rejected.is_empty(), "{ack:?}");
    let api = &walk.hub()?.api;
    let module = api.get("/nodes/plain:walk-reports/modules/0")?;
    ensure!(field(&module, "/properties/0/latest/value")? == 21.5, "{module}");
    let (status, page) = api.page("/nodes/plain:walk-reports")?;
    ensure!(status == 200 && page.contains("21.5") && page.contains("°C"), "the page shows 21.5 °C");
    let answer = node.report(7, 2, 1, 999.0.into())?;
    let HubMessage::ReportAck(ack) = answer.message()? else { bail!("{answer:?}") };
    ensure!(ack.rejected.len() == 1, "999 °C is no temperature: {ack:?}");
    let history = api.get("/readings?node=plain:walk-reports&module=0&channel=1")?;
    let readings = field(&history, "/readings")?.as_array().context("readings")?;
    ensure!(readings.len() == 1, "{history}");
    Ok("21.5 °C shown; 999 °C refused by name".into())
}

/// The live feed tells of a value as soon as it is stored.
pub(super) fn live(walk: &mut Walk) -> Result<String> {
    let mut node = thermometer(walk, "walk-live")?;
    let (base, name) = (walk.hub()?.api.address(), walk.hub()?.api.name_line());
    let mut feed = TcpStream::connect(base)?;
    feed.set_read_timeout(Some(SOON))?;
    write!(feed, "GET /events HTTP/1.1\r\nHost: {base}\r\n{name}Accept: text/event-stream\r\n\r\n")?;
    let mut lines = BufReader::new(feed).lines();
    let head = lines.next().context("an answer")??;
    ensure!(head.contains("200"), "{head}");
    // The head has been answered, so whatever happens from now on is told.
    node.report(7, 1, 1, 18.25.into())?;
    for line in lines {
        let line = line?;
        if line.starts_with("data:") && line.contains("walk-live") && line.contains("18.25") {
            return Ok("18.25 told at once".into());
        }
    }
    bail!("the feed ended without the reading")
}

/// A report that comes twice is acknowledged twice and stored once; one that never came is counted.
pub(super) fn duplicate(walk: &mut Walk) -> Result<String> {
    let mut node = thermometer(walk, "walk-duplicate")?;
    for sequence in [1, 1, 4, 2] {
        let answer = node.report(7, sequence, 1, 5.0.into())?;
        let HubMessage::ReportAck(ack) = answer.message()? else { bail!("{answer:?}") };
        ensure!(ack.stored >= sequence, "{ack:?}");
    }
    let api = &walk.hub()?.api;
    let shown = until("the counts are right", SOON, || {
        let node = api.get("/nodes/plain:walk-duplicate")?;
        let right = node["reports"] == 2 && node["duplicates"] == 2 && node["lost_reports"] == 2;
        Ok(right.then_some(node))
    })?;
    let history = api.get("/readings?node=plain:walk-duplicate&module=0&channel=1")?;
    ensure!(field(&history, "/readings")?.as_array().map(Vec::len) == Some(2), "{history}");
    Ok(format!(
        "{} stored, {} duplicates, {} provably lost",
        shown["reports"], shown["duplicates"], shown["lost_reports"]
    ))
}
