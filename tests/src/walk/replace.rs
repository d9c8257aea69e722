//! A person puts a new board in the place of an old one, in the browser: name, history and place move, the old board
//! is not let in again, and the new one goes on under the name.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, HubMessage};
use serde_json::json;

use super::{Walk, field, pages::browser};
use crate::{api::Api, hand_node::HandNode, wait::until};

const SOON: Duration = Duration::from_secs(20);

/// The old board and the new one.
const OLD: &str = "plain:walk-old-board";
const NEW: &str = "plain:walk-new-board";

/// Widths in pixels at which the difference is looked at.
const WIDTHS: [u32; 3] = [320, 768, 1280];

/// The difference is shown, and confirmed.
pub(super) fn in_browser(walk: &mut Walk) -> Result<String> {
    let (api, tcp) = (walk.hub()?.api.clone(), walk.hub()?.tcp);
    let can = Capabilities::KEEPS_SESSION;
    let (mut old, _) = HandNode::hello(tcp, "walk-old-board", 1, 0, can)?;
    api.post(&format!("/nodes/{OLD}/admit"), &json!({}))?;
    old.next()?;
    old.register("relay", 1, "Pump")?;
    for sequence in 1..=3 {
        old.report(1, sequence, 1, sequence.is_multiple_of(2).into())?;
    }
    api.post(&format!("/nodes/{OLD}/name"), &json!({ "title": "Well house", "place": "Yard" }))?;
    drop(old);
    let (mut new, _) = HandNode::hello(tcp, "walk-new-board", 1, 0, can)?;
    new.register("relay", 1, "Pump")?;

    let base = api.base().to_owned();
    let browser = browser(walk)?;
    browser.resize(1280, 900)?;
    browser.open(&format!("{base}/nodes/{OLD}"))?;
    browser.click(&format!("a[href='/nodes/{OLD}/replacement']"))?;
    browser.run(&format!("document.getElementById('by').value = '{NEW}'"))?;
    browser.click("form.filter button")?;
    let shown = until("the difference is shown", SOON, || {
        let text = browser.run("return document.querySelector('main').textContent")?;
        Ok(text.as_str().filter(|text| text.contains("What becomes of the modules")).map(str::to_owned))
    })?;
    ensure!(shown.contains("Pump") && shown.contains("relay"), "{shown}");
    for width in WIDTHS {
        browser.resize(width, 900)?;
        let wide = browser.run("return document.documentElement.scrollWidth")?;
        ensure!(wide.as_u64() <= Some(width.into()), "{wide} pixels wide in {width}");
        browser.picture(&format!("replacement-{width}"))?;
    }
    browser.enter("[name=why]", "the old one was struck by lightning")?;
    browser.click("form[method=post] button.main")?;
    until("the node has the new board", SOON, || {
        let node = api.node(NEW)?.context("the new board")?;
        Ok((node["title"] == "Well house" && node["admission"] == "admitted").then_some(()))
    })?;
    drop(new);
    moved(&api, tcp)
}

/// What the old board had is the new one's, which goes on with it.
fn moved(api: &Api, tcp: std::net::SocketAddr) -> Result<String> {
    // The page may have been asked between what the hub knows and what it has stored.
    let before = until("the history has moved", SOON, || {
        let readings = api.get(&format!("/readings?node={NEW}&module=0&channel=1"))?;
        let count = field(&readings, "/readings")?.as_array().context("readings")?.len();
        Ok((count == 3).then_some(count))
    })?;
    let old = api.node(OLD)?.context("the old board")?;
    ensure!(old["admission"] == "archived", "{old}");
    let (_, answer) = HandNode::hello(tcp, "walk-old-board", 2, 0, Capabilities::KEEPS_SESSION)?;
    let is_let_in = matches!(answer.message()?, HubMessage::Welcome(welcome) if welcome.admission == iot_proto::Admission::ADMITTED);
    ensure!(!is_let_in, "the old board is let in again: {answer:?}");
    let (mut new, answer) = HandNode::hello(tcp, "walk-new-board", 2, 0, Capabilities::KEEPS_SESSION)?;
    let HubMessage::Welcome(_) = answer.message()? else { bail!("no welcome: {answer:?}") };
    new.register("relay", 1, "Pump")?;
    new.report(2, 1, 1, true.into())?;
    let readings = api.get(&format!("/readings?node={NEW}&module=0&channel=1"))?;
    let after = field(&readings, "/readings")?.as_array().context("readings")?.len();
    ensure!(after == before + 1, "it goes on where the old one stopped: {readings}");
    Ok("name, place and 3 readings moved; the old board is not let in, the new one goes on".into())
}
