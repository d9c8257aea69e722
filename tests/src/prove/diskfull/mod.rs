//! `diskfull`: the disk of the hub is filled under load, with a real file system that is full.
//!
//! The proof runs in a mount namespace of its own with a small tmpfs as the data directory. While the disk is
//! full nothing may be acknowledged, and the pages must stay up and say so; once there is room the hub has to
//! go on by itself, and what it ever acknowledged must be there, even after it was killed.

mod figures;
mod small_disk;
mod upload;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use self::{figures::Figures, small_disk::SmallDisk, upload::Upload};
use super::{
    frame::Frame,
    load::{self, Load},
    namespace::{self, Mounts, Namespace},
};
use crate::{
    hub::{HubProcess, Ports},
    out,
    wait::until,
};

/// How to fill the disk.
#[derive(Debug, Args)]
pub struct Options {
    /// How often the disk is filled
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    #[command(flatten)]
    frame: Frame<Plant>,
    #[command(flatten)]
    namespace: Namespace,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub keeps everything in memory
    Memory,
    /// A part of an upload stays on the disk, as of a hub that does not clear it
    Leftover,
}

/// Size of the disk in MiB: more than an upload must leave free.
const DISK_MIB: u32 = 128;

/// Bytes of a backup that is sent while the disk fills, and of its part that comes before.
const UPLOAD: usize = 4 * 1024 * 1024;
const BEFORE: usize = UPLOAD / 2;

/// Longest wait for a backup to be made.
const PATIENCE: Duration = Duration::from_secs(30);

/// The hub must say within this that it does not store, and store again within this once there is room.
const NOTICE: Duration = Duration::from_secs(5);

/// Bytes that are free when the hub starts: enough for that, and less than the room that it makes in its log.
const LEFT: u64 = 2 * 1024 * 1024;

/// How long the disk stays full after the hub has said so: several tries of the hub to store.
const FULL_FOR: Duration = Duration::from_secs(3);

/// Fills the disk as planned, prints what was found, and judges it.
///
/// # Errors
/// When the machine allows no mount, the hub does not start, or a promise was broken; with a planted fault,
/// when it was not found.
pub fn run(options: &Options) -> Result<()> {
    if !options.namespace.is_own() {
        return namespace::run_in_own(Mounts::Memory);
    }
    let figures = fill(options)?;
    options.frame.conclude(
        "diskfull",
        figures.to_findings(),
        |plant| match plant {
            Plant::Memory => {
                figures.acknowledged_while_full > 0 && figures.compared.lost > 0 && figures.not_refused > 0
            }
            Plant::Leftover => figures.left > 0,
        },
        "nothing was acknowledged that was not kept, no upload left anything, and the pages stayed up",
    )
}

fn fill(options: &Options) -> Result<Figures> {
    let disk = SmallDisk::mount(DISK_MIB)?;
    let ports = Ports::fixed()?;
    let plant = options.frame.plant;
    let store = if plant == Some(Plant::Memory) { "memory" } else { "disk" };
    let arguments = ["--registration", "open", "--store", store];
    // Else its log would have room for minutes, and it would rightly store on a full disk for as long.
    let ballast = disk.fill_but(LEFT)?;
    let hub = HubProcess::start_on(ports, disk.data_dir(), &arguments)?;
    drop(ballast);
    let (load, mut figures) = (Load::new(), Figures::default());
    let started = Instant::now();
    thread::scope(|scope| {
        let _end = load.end_when_dropped();
        load.live(scope, hub.tcp);
        for round in 1..=options.rounds {
            load.await_more()?;
            fill_once(&disk, &hub, (&load, plant), &mut figures)?;
            out::progress(&format!(
                "{round} of {} rounds, {} acknowledged",
                options.rounds,
                load.acknowledged()
            ));
        }
        load.await_more()?;
        if plant.is_none() { send_again(&hub, &mut figures) } else { Ok(()) }
    })?;
    figures.acknowledged = load.acknowledged();
    hub.kill()?;
    let hub = HubProcess::start_on(ports, disk.data_dir(), &arguments)?;
    figures.compared = load.compare(&hub.api, &mut figures.seen)?;
    figures.elapsed = started.elapsed();
    Ok(figures)
}

/// Fills the disk under an upload, looks at the hub while it is full, makes room, and waits for every node.
fn fill_once(
    disk: &SmallDisk,
    hub: &HubProcess,
    (load, plant): (&Load, Option<Plant>),
    figures: &mut Figures,
) -> Result<()> {
    let upload = begin_to_send(hub, figures)?;
    if plant == Some(Plant::Leftover) {
        fs::write(disk.data_dir().join("backups").join("upload.7.part"), [7; 4_096])?;
    }
    let ballast = disk.fill()?;
    figures.rounds += 1;
    notice(hub, figures);
    fail_to_send(hub, upload, figures)?;
    // What had come of the upload is room again.
    ballast.grow()?;
    notice(hub, figures);
    // What had been acknowledged before may still be on its way to the nodes.
    look(hub, figures)?;
    let before = load.acknowledged();
    let since = Instant::now();
    while since.elapsed() < FULL_FOR {
        look(hub, figures)?;
    }
    let name = json!({ "title": "Full", "place": "" });
    let named = hub.api.post(&format!("/nodes/{}/name", load::id(0)), &name)?;
    if named.0 != 503 {
        figures.breach(format!("a person who named a node on a full disk was answered {named:?}"));
    }
    fail_to_back_up(disk, hub, figures)?;
    let more = load.acknowledged() - before;
    if more > 0 {
        figures.acknowledged_while_full += more;
        figures.breach(format!("{more} readings were acknowledged while the disk was full"));
    }

    let at = load.each();
    drop(ballast);
    match load.await_again(&hub.api, &at, NOTICE) {
        Ok(after) => figures.recovered.push(after),
        Err(error) => figures.breach(format!("round {}: {error:#}", figures.rounds)),
    }
    Ok(())
}

/// Waits until the hub says that it does not store.
fn notice(hub: &HubProcess, figures: &mut Figures) {
    let filled = Instant::now();
    let said = until("the hub says that it does not store", NOTICE, || {
        Ok((hub.api.page("/healthz")?.0 == 503).then(|| filled.elapsed()))
    });
    match said {
        Ok(after) => figures.noticed.push(after),
        Err(error) => figures.breach(format!("round {}: {error:#}", figures.rounds)),
    }
}

/// Sends a part of a backup while there is room.
fn begin_to_send(hub: &HubProcess, figures: &mut Figures) -> Result<Upload> {
    let mut upload = Upload::announce(&hub.api, UPLOAD)?;
    upload.send(&vec![7; BEFORE]);
    let comes = until("a part of the upload has come", NOTICE, || {
        let told = hub.api.get("/backup")?;
        Ok(told["upload"]["under_way"]["percent"].as_u64().filter(|percent| *percent >= 25))
    });
    if let Err(error) = comes {
        figures.breach(format!("{error:#}"));
    }
    Ok(upload)
}

/// The rest of it is refused for want of room, and so is one that begins now. The hub says so on its page.
fn fail_to_send(hub: &HubProcess, mut upload: Upload, figures: &mut Figures) -> Result<()> {
    upload.send(&vec![7; UPLOAD - BEFORE]);
    let half = upload.answer()?;
    let mut another = Upload::announce(&hub.api, UPLOAD)?;
    another.send(&vec![7; UPLOAD]);
    for (status, text) in [half, another.answer()?] {
        figures.uploads += 1;
        if status != 507 || !text.contains("stay free for what nodes report") {
            figures.not_refused += 1;
            figures.breach(format!("an upload on a full disk was answered {text:?}"));
        }
    }
    let told = until("no upload is under way", NOTICE, || {
        let told = hub.api.get("/backup")?;
        Ok(told["upload"]["under_way"].is_null().then_some(told))
    })?;
    if told["upload"]["refused"].is_null() {
        figures.breach(format!("the page does not say that an upload was refused: {told}"));
    }
    Ok(())
}

/// Where there is room again a backup is made, and taken when it is sent.
fn send_again(hub: &HubProcess, figures: &mut Figures) -> Result<()> {
    let (status, begun) = hub.api.post("/backup", &json!({}))?;
    ensure!(status == 202, "a backup begins: {status}: {begun}");
    let made = until("a backup is made", PATIENCE, || {
        let told = hub.api.get("/backup")?;
        Ok(told["backups"][0]["location"].as_str().map(str::to_owned))
    })?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("backup.db");
    hub.api.download(&made, &file)?;
    let bytes = fs::read(&file)?;
    let mut upload = Upload::announce(&hub.api, bytes.len())?;
    upload.send(&bytes);
    let (status, text) = upload.answer()?;
    if status != 201 {
        figures.breach(format!("an upload once there is room was answered {text:?}"));
    }
    Ok(())
}

/// A backup on a full disk fails, says why and leaves nothing behind; and no upload has left anything either.
fn fail_to_back_up(disk: &SmallDisk, hub: &HubProcess, figures: &mut Figures) -> Result<()> {
    if hub.api.post("/backup", &json!({}))?.0 == 409 {
        figures.breach("no backup is begun".into());
        return Ok(());
    }
    let told = until("the backup has failed", NOTICE, || {
        let told = hub.api.get("/backup")?;
        Ok(told["percent"].is_null().then_some(told))
    })?;
    let left = fs::read_dir(disk.data_dir().join("backups")).map_or(0, Iterator::count);
    if told["failed"].is_null() || left > 0 {
        figures.left += u64::try_from(left)?;
        figures.breach(format!("backups and uploads on a full disk: {left} files, {told}"));
    }
    Ok(())
}

/// Opens pages as a person does, and sees whether they say that nothing is being stored.
fn look(hub: &HubProcess, figures: &mut Figures) -> Result<()> {
    for path in ["/", "/nodes", "/store", "/api/v1/store"] {
        let asked = Instant::now();
        let (status, text) = hub.api.page(path)?;
        figures.pages.push(asked.elapsed());
        if status != 200 {
            figures.breach(format!("{path} was answered with {status} on a full disk"));
        } else if !text.contains("make room") {
            figures.breach(format!("{path} does not say that the disk is full"));
        }
    }
    Ok(())
}
