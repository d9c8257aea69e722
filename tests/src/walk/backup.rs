//! Backups: one from the page that can be downloaded, and one from the command line with which a hub that lost
//! everything comes back, and its nodes with it.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, HubMessage};
use iot_sim::{Fleet, FleetConfig};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};

use super::{Walk, field};
use crate::{
    api::Api,
    hand_node::HandNode,
    hub::{HubProcess, Ports, binaries},
    people::command,
    wait::until,
};

const SOON: Duration = Duration::from_secs(30);

/// Simulated nodes that have to come back: plain ones, and ones with keys.
const PLAIN: u32 = 7;
const KEYED: u32 = 3;
const NODES: u32 = PLAIN + KEYED;

/// Under what the hub's key is put into the backup.
const PASSPHRASE: &str = "four words of the walk";

/// A node that is led by hand.
const NAME: &str = "walk-restored";
const NODE: &str = "plain:walk-restored";
const BOOT: u32 = 9;

/// The button on the page makes a backup, which is downloaded and is whole.
pub(super) fn by_form(walk: &mut Walk) -> Result<String> {
    let api = &walk.hub()?.api;
    ensure!(api.form("/store/backup", &[])? == 303, "the form is taken");
    let made = until("the backup is listed", SOON, || {
        let listed = api.get("/backup")?;
        ensure!(listed["failed"].is_null(), "{listed}");
        Ok(listed["backups"].get(0).cloned())
    })?;
    let name = field(&made, "/name")?.as_str().context("a name")?;
    ensure!(api.page("/store")?.1.contains(name), "the page lists {name}");
    let file = walk.data_dir.path().join("downloaded.db");
    let bytes = api.download(field(&made, "/location")?.as_str().context("a location")?, &file)?;
    ensure!(made["bytes"] == bytes, "{bytes} bytes of {made}");
    let whole = hub(&["verify", &text(&file), "--json"])?;
    let checked = until("the hub has looked through its file", SOON, || {
        let store = api.get("/store")?;
        Ok(store.pointer("/check/last/found").cloned())
    })?;
    ensure!(checked == "whole", "the hub found {checked}");
    Ok(format!(
        "{bytes} bytes, {} readings; the hub's own file is whole too",
        field(&whole, "/contents/readings")?
    ))
}

/// Everything is lost but a backup that was made while the hub ran: the nodes come back without registering
/// anew, those with keys because the hub has its own key back, what was acknowledged before the backup is there, and what
/// came after it is a gap.
pub(super) fn restored(walk: &mut Walk) -> Result<String> {
    let machine = TempDir::new()?;
    let (data, backup) = (machine.path().join("data"), machine.path().join("backup.db"));
    let ports = Ports::fixed()?;
    let first = HubProcess::start_on(ports, &data, &["--registration", "open"])?;
    let plain = FleetConfig::new(first.tcp, PLAIN);
    let keyed = FleetConfig {
        hub_key: Some(first.key()?),
        seed: 92,
        first_address: Some(Ipv4Addr::new(127, 19, 0, 1)),
        ..FleetConfig::new(first.tcp, KEYED)
    };
    let fleets = [plain, keyed].map(|config| walk.runtime.block_on(Fleet::start(config)));
    let outcome = (|| {
        let told = before(&first, &data, &backup)?;
        let key = first.key()?;
        first.kill()?;
        fs::remove_dir_all(&data)?;
        let restored = put_back(machine.path(), &data, &backup)?;
        ensure!(restored["cancelled"] == 1 && restored["kept"].is_null(), "{restored}");
        let readmitted = field(&restored, "/readmitted/nodes")?.as_array().map(Vec::len);
        ensure!(readmitted == Some(usize::try_from(NODES)? + 1), "{restored}");
        // Who was not admitted before would have to wait now.
        let second = HubProcess::start_on(ports, &data, &["--registration", "approve"])?;
        ensure!(second.key()? == key, "the hub is the same to its nodes");
        after(&second, &told)?;
        ensure!(second.stop()?.success(), "the hub ends well");
        let whole = hub(&["verify", "--data-dir", &text(&data), "--json"])?;
        let missing = field(&whole, "/contents/missing_reports")?.as_u64();
        ensure!(missing >= Some(2), "the gap is stored: {whole}");
        ensure!(whole["contents"]["has_key"] == false, "the store has no key: {whole}");
        Ok(format!(
            "{PLAIN} plain nodes, {KEYED} with keys and one by hand are back; 2 reports after the backup are a gap"
        ))
    })();
    for fleet in fleets {
        walk.runtime.block_on(fleet?.stop());
    }
    outcome
}

/// Restores the backup with the hub's key, after a wrong passphrase and none were refused.
fn put_back(machine: &Path, data: &Path, backup: &Path) -> Result<Value> {
    let restore = ["restore", &text(backup), "--data-dir", &text(data), "--json"];
    let with = |words: &str| -> Result<String> {
        // Nobody else can read such a file, or the hub would refuse it.
        let file = NamedTempFile::new_in(machine)?;
        fs::write(&file, words)?;
        Ok(text(&file.keep()?.1))
    };
    let wrong = with("four words of another walk")?;
    let refused = run(&[&restore[..], &["--passphrase-file", &wrong]].concat())?;
    ensure!(refused.1.contains("passphrase is not the one"), "{refused:?}");
    let refused = run(&restore)?;
    ensure!(refused.1.contains("--passphrase-file"), "{refused:?}");
    ensure!(!data.exists(), "a restore that was refused has changed nothing");
    let right = with(PASSPHRASE)?;
    let restored = hub(&[&restore[..], &["--passphrase-file", &right]].concat())?;
    ensure!(restored["key"] == "restored", "{restored}");
    Ok(restored)
}

/// What has to be there again.
struct Told {
    readings: Value,
    done: String,
    under_way: String,
}

/// Reports, commands, a backup while the hub runs, and what comes after it.
fn before(hub_process: &HubProcess, data: &Path, backup: &Path) -> Result<Told> {
    let api = &hub_process.api;
    let (mut node, _) = HandNode::hello(hub_process.tcp, NAME, BOOT, 0, Capabilities::KEEPS_SESSION)?;
    node.register("relay", 1, "Pump")?;
    for sequence in 1..=3 {
        report(&mut node, sequence)?;
    }
    let (status, answer) = api.post(&format!("/nodes/{NODE}/permit"), &json!({ "why": "a pump" }))?;
    ensure!(status == 200, "{status}: {answer}");
    let done = switch(api, true)?;
    node.obey()?;
    ends(api, &done, "done")?;
    until("every simulated node has reported", SOON, || reported(api))?;
    let under_way = switch(api, false)?;
    let readings = readings(api)?;
    let made = command(data, &["backup", &text(backup), "--with-key", "--json"], PASSPHRASE)?;
    let made: Value = serde_json::from_str(&made)?;
    ensure!(field(&made, "/contents/nodes")? == &json!(NODES + 1), "{made}");
    ensure!(made["contents"]["has_key"] == true, "{made}");
    let again = run(&["backup", &text(backup), "--data-dir", &text(data)])?;
    ensure!(again.1.contains("is there already"), "a backup is not overwritten: {again:?}");
    let in_use = run(&["restore", &text(backup), "--data-dir", &text(data), "--force"])?;
    ensure!(in_use.1.contains("in use"), "a hub that runs is left alone: {in_use:?}");

    node.obey()?;
    ends(api, &under_way, "done")?;
    report(&mut node, 4)?;
    report(&mut node, 5)?;
    Ok(Told { readings, done, under_way })
}

/// The hub has what the backup had, and the nodes go on.
fn after(hub: &HubProcess, told: &Told) -> Result<()> {
    let api = &hub.api;
    until("every simulated node is back and reports", SOON, || reported(api))?;
    ensure!(readings(api)? == told.readings, "{} instead of {}", readings(api)?, told.readings);
    let known = |id: &str| api.get(&format!("/commands/{id}"));
    ensure!(known(&told.done)?["state"] == "done", "{}", known(&told.done)?);
    ensure!(known(&told.under_way)?["state"] == "cancelled", "{}", known(&told.under_way)?);

    let (mut node, answer) = HandNode::hello(hub.tcp, NAME, BOOT, 0, Capabilities::KEEPS_SESSION)?;
    let HubMessage::Welcome(welcome) = answer.message()? else { bail!("{answer:?}") };
    ensure!(welcome.stored == 3, "what came after the backup is gone: {welcome:?}");
    // The answer to the report is the first that comes: no command runs again.
    report(&mut node, 6)?;
    let shown = api.get(&format!("/nodes/{NODE}"))?;
    ensure!(shown["admission"] == "admitted" && shown["lost_reports"] == 2, "{shown}");
    ensure!(shown["permission"] == "given" && shown["permitted"]["why"] == "a pump", "{shown}");
    Ok(())
}

fn report(node: &mut HandNode, sequence: u32) -> Result<()> {
    let answer = node.report(BOOT, sequence, 1, sequence.is_multiple_of(2).into())?;
    let HubMessage::ReportAck(ack) = answer.message()? else { bail!("{answer:?}") };
    ensure!(ack.stored == sequence && ack.rejected.is_empty(), "{ack:?}");
    Ok(())
}

/// Switches the relay and gives the command's id.
fn switch(api: &Api, on: bool) -> Result<String> {
    let path = format!("/nodes/{NODE}/modules/0/properties/on");
    let (status, answer) = api.post(&path, &json!({ "value": on }))?;
    ensure!(status == 202, "{status}: {answer}");
    Ok(field(&answer, "/command")?.as_str().context("an id")?.into())
}

fn ends(api: &Api, command: &str, state: &str) -> Result<()> {
    until("the command ends", SOON, || {
        Ok((api.get(&format!("/commands/{command}"))?["state"] == state).then_some(()))
    })
}

fn readings(api: &Api) -> Result<Value> {
    Ok(field(&api.get(&format!("/readings?node={NODE}&module=0&channel=1"))?, "/readings")?.clone())
}

/// Whether every simulated node is admitted, has reported, and is online or asleep as it said.
fn reported(api: &Api) -> Result<Option<()>> {
    let nodes = api.get("/nodes")?;
    let nodes = field(&nodes, "/nodes")?.as_array().context("nodes")?.clone();
    let is_back = |node: &&Value| {
        node["admission"] == "admitted" && node["reports"].as_u64() > Some(0) && node["id"] != NODE
    };
    let back = nodes.iter().filter(is_back).count();
    Ok((back == usize::try_from(NODES)?).then_some(()))
}

/// Runs the hub's command line, and gives what it says as JSON.
fn hub(arguments: &[&str]) -> Result<Value> {
    let (said, error) = run(arguments)?;
    serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {error}"))
}

/// Runs the hub's command line: what it says, and what it complains of.
fn run(arguments: &[&str]) -> Result<(String, String)> {
    let program: PathBuf = binaries()?.join("iot-server");
    let ended =
        Command::new(&program).args(arguments).output().with_context(|| program.display().to_string())?;
    Ok((String::from_utf8(ended.stdout)?, String::from_utf8(ended.stderr)?))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
