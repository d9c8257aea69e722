//! A person restores a backup in the browser while the hub runs: what would be lost is shown, the hub starts again
//! without its process ending, nodes come back by themselves, and the page does too. A damaged backup stops nothing.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iot_proto::Capabilities;
use serde_json::{Value, json};

use super::{NODES, Walk, field, pages::browser};
use crate::{api::Api, browser::Browser, hand_node::HandNode, people::command, wait::until};

const SOON: Duration = Duration::from_secs(30);

/// A node that is admitted after the backup.
const LATER: &str = "plain:walk-later";

/// What a person writes beside it.
const WHY: &str = "the pump was named wrongly";

/// Widths in pixels at which the page before a restore is looked at.
const WIDTHS: [u32; 3] = [320, 768, 1280];

/// A backup that rotted is refused, the page says why, and no session notices.
pub(super) fn damaged_is_refused(walk: &mut Walk) -> Result<String> {
    let directory = walk.data_dir.path().join("backups");
    let api = &walk.hub()?.api;
    let whole = newest(api)?;
    let mut bytes = fs::read(directory.join(&whole))?;
    // Somewhere that counts: a page may well be free.
    bytes.chunks_mut(4_096).skip(1).step_by(3).for_each(|page| page.fill(0xA5));
    let rotten = "hub-20200101T000000Z.db";
    fs::write(directory.join(rotten), bytes)?;
    let sessions = walk.hub()?.logged("the hub stops for it");
    let (status, answer) = api.post(&format!("/backups/{rotten}/restore"), &json!({}))?;
    ensure!(status == 202, "{status}: {answer}");
    let why = until("the restore is refused", SOON, || {
        let store = api.get("/store")?;
        Ok(store.pointer("/restore/failed/why").and_then(Value::as_str).map(str::to_owned))
    })?;
    fs::remove_file(directory.join(rotten))?;
    ensure!(why.contains("damaged"), "{why}");
    ensure!(api.page("/store")?.1.contains("The store is as it was"), "the page says so");
    ensure!(walk.hub()?.logged("the hub stops for it") == sessions, "nothing was stopped");
    Ok("refused before anything stopped; the page says why".into())
}

/// A backup of the list is looked at, confirmed and restored.
pub(super) fn in_browser(walk: &mut Walk) -> Result<String> {
    let (api, tcp) = (walk.hub()?.api.clone(), walk.hub()?.tcp);
    let process = walk.hub()?.id();
    let first = walk.fleet.nodes().first().context("a node")?;
    let named = format!("plain:{}", first.name);
    let title = field(&api.get(&format!("/nodes/{named}"))?, "/title")?.clone();
    let (status, _) =
        api.post(&format!("/nodes/{named}/name"), &json!({ "title": "Named wrongly", "place": "" }))?;
    ensure!(status == 200, "named: {status}");
    let (_later, _) = HandNode::hello(tcp, "walk-later", 1, 0, Capabilities::KEEPS_SESSION)?;
    api.post(&format!("/nodes/{LATER}/admit"), &json!({}))?;

    let backup = newest(&api)?;
    let base = api.base().to_owned();
    let browser = browser(walk)?;
    browser.open(&format!("{base}/store"))?;
    browser.click(&format!("a[href='/store/restore/{backup}']"))?;
    let shown = until("what would be lost is shown", SOON, || {
        let text = browser.run("return document.querySelector('main').textContent")?;
        Ok(text.as_str().filter(|text| text.contains("What would be lost")).map(str::to_owned))
    })?;
    ensure!(shown.contains(LATER) && shown.contains("measured after it"), "{shown}");
    for width in WIDTHS {
        browser.resize(width, 900)?;
        let wide = browser.run("return document.documentElement.scrollWidth")?;
        ensure!(wide.as_u64() <= Some(width.into()), "{wide} pixels wide in {width}");
        browser.picture(&format!("restore-{width}"))?;
    }
    browser.enter("[name=why]", WHY)?;
    browser.click("form[method=post] button.risk")?;
    comes_back(browser, &base)?;

    ensure!(walk.hub()?.id() == process, "the process goes on");
    after(walk, &api, (&named, &title))
}

/// The page asks by itself who looks at it, and then says what was restored.
fn comes_back(browser: &Browser, base: &str) -> Result<()> {
    until("the page asks to log in, by itself", SOON, || {
        Ok((browser.run("return location.pathname")? == "/login").then_some(()))
    })?;
    browser.log_in(base, crate::people::OWNER)?;
    browser.open(&format!("{base}/store"))?;
    let said = browser.run("return document.querySelector('#restored').textContent")?;
    let said = said.as_str().context("what was restored")?;
    ensure!(said.contains("Restored by ada") && said.contains("hub.db.before-"), "{said}");
    for width in WIDTHS {
        browser.resize(width, 900)?;
        browser.picture(&format!("restored-{width}"))?;
    }
    let complaints = browser.complaints()?;
    // The browser itself notes each try to reach a hub that is not there, and the answer that nobody is logged in.
    let own = |line: &&String| !line.contains("Failed to load resource") && !line.contains("net::ERR_");
    let complaints: Vec<_> = complaints.iter().filter(own).collect();
    ensure!(complaints.is_empty(), "the console says: {complaints:?}");
    Ok(())
}

/// What the hub knows is what it knew then, who restored it stands in it, and all nodes are back.
fn after(walk: &Walk, api: &Api, (named, title): (&str, &Value)) -> Result<String> {
    until("the nodes are back by themselves", SOON, || {
        let nodes = api.get("/nodes")?;
        let nodes = field(&nodes, "/nodes")?.as_array().context("nodes")?.clone();
        let is_back = |node: &&Value| {
            let state = &node["presence"]["state"];
            node["admission"] == "admitted" && (state == "online" || state == "asleep")
        };
        Ok((nodes.iter().filter(is_back).count() >= usize::try_from(NODES)?).then_some(()))
    })?;
    ensure!(field(&api.get(&format!("/nodes/{named}"))?, "/title")? == title, "the name of then");
    let later = api.node(LATER)?;
    ensure!(later.is_none_or(|node| node["admission"] != "admitted"), "admitted after the backup");
    let audit = api.get("/audit?deed=restore")?;
    let entry = field(&audit, "/audit/0")?;
    ensure!(entry["by"] == "ada" && entry["why"] == WHY, "{entry}");
    let data = walk.data_dir.path();
    let kept = fs::read_dir(data)?.flatten().map(|entry| entry.path());
    let kept: Vec<_> = kept.filter(|path| path.display().to_string().contains("hub.db.before-")).collect();
    let [kept] = &*kept else { anyhow::bail!("what was there is kept once: {kept:?}") };
    command(data, &["verify", &kept.display().to_string()], "")?;
    Ok(format!("{NODES} nodes are back, in the same process; {} is kept and whole", kept.display()))
}

/// The name of the newest backup.
fn newest(api: &Api) -> Result<String> {
    let listed = api.get("/backup")?;
    Ok(field(&listed, "/backups/0/name")?.as_str().context("a name")?.to_owned())
}
