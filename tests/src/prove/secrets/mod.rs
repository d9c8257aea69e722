//! `prove secrets`: no secret is in logs, addresses, errors or backups, files are the hub's alone, and no peer writes a
//! line of the log.
//!
//! The real binary is given some fifty secrets and gives out others; then all that it has written and answered is
//! searched for each of them, in every form that text takes on its way.

mod asked;
mod book;
mod deeds;
mod forge;
mod modes;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::{asked::Asked, book::Book, deeds::Deeds};
use super::{chance::Chance, findings::Findings, frame::Frame};
use crate::{
    hub::{HubProcess, Launch, Ports},
    wait::until,
};

/// What may be known of the hub's private key, and where.
const KEY_FILE: &str = "identity.key";

/// How long the hub may take to log its code.
const SOON: Duration = Duration::from_secs(10);

/// How.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Where the secrets begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// A cookie in the log, a token in a file that others can read, a password in an answer, two lines of a peer
    Careless,
}

/// What a hub has left behind, and what it was given.
#[derive(Debug)]
struct Left {
    book: Book,
    /// What it is called, and what is in it.
    places: Vec<(String, Vec<u8>)>,
    log: String,
    /// A cookie, the line of a head with a token, and a password.
    known: [String; 3],
}

/// Runs the proof and judges it.
///
/// # Errors
/// When a hub cannot be run, a promise is broken, or a planted fault was not found.
pub fn run(options: &Options) -> Result<()> {
    let directory = TempDir::new()?;
    let data_dir = directory.path().join("data");
    let mut left = live(options, &data_dir)?;
    if options.frame.is_planted() {
        plant(&mut left, &data_dir)?;
    }
    let files = modes::all_below(&data_dir)?;
    let loose = modes::loose(&files)?;
    left.keep_files(&data_dir, "after the end")?;
    let (lines, forged) = forge::forged(&left.log);
    let log = left.log.clone().into_bytes();
    left.places.push(("the log".into(), log));
    let Left { mut book, places, .. } = left;
    book.search(places.iter().map(|(place, bytes)| (place.as_str(), bytes.as_slice())))?;
    let (loosened, started) =
        if options.frame.is_planted() { (0, Vec::new()) } else { modes::loosened(&data_dir)? };
    let mut findings = Findings::default();
    for what in [&book.seen, &loose, &started, &forged].into_iter().flat_map(|all| all.iter().take(3)) {
        findings.breach(what.clone());
    }
    findings.tell("secrets", book.len());
    findings.tell("places", book.places);
    findings.tell("searched_bytes", book.searched);
    findings.zero("found", book.found);
    findings.tell("files", files.len());
    findings.zero("loose", loose.len());
    findings.tell("loosened", loosened);
    findings.zero("started", started.len());
    findings.tell("lines", lines);
    findings.zero("forged", forged.len());
    options.frame.conclude(
        "secrets",
        findings,
        |Plant::Careless| book.found == 3 && loose.len() == 1 && forged.len() == 2,
        "none was found, every file is the hub's alone, every line of the log its own",
    )
}

/// A hub lives from its claim to its end, with all that can be done with secrets.
fn live(options: &Options, data_dir: &Path) -> Result<Left> {
    let launch = Launch { log: Some("trace"), ..Launch::default() };
    let mut hub =
        HubProcess::launch_as_it_is(launch, Ports::default(), data_dir, &["--registration", "open"])?;
    let code = until("the log has the code", SOON, || Ok(value_of(&hub.written(), "claim_code")))?;
    let (mut asked, mut book) = (Asked::new(hub.api.address()), Book::default());
    let key = fs::read_to_string(data_dir.join(KEY_FILE))?.trim().to_owned();
    book.note("the hub's private key", &key, &key);
    let mut deeds = Deeds {
        asked: &mut asked,
        book: &mut book,
        chance: Chance::new(options.seed, 0),
        cookie: String::new(),
        bearer: String::new(),
    };
    deeds.claim(&code)?;
    hub.tcp = hub.announced("tcp_addr")?;
    deeds.users(data_dir)?;
    forge::say(&hub, deeds.asked, &deeds.cookie)?;
    deeds.wrongly()?;
    deeds.look_at_everything()?;
    deeds.back_up(&hub, data_dir)?;
    let known =
        [deeds.cookie.clone(), deeds.bearer.clone(), deeds.password("a password that was never used")];
    let mut left = Left { book, places: asked.answers, log: String::new(), known };
    for name in ["environ", "cmdline"] {
        let bytes = fs::read(format!("/proc/{}/{name}", hub.id()))?;
        left.places.push((format!("{name} of the process"), bytes));
    }
    left.keep_files(data_dir, "while it runs")?;
    let (ended, log) = hub.stop_and_tell()?;
    ensure!(ended.success(), "the hub has not stopped in good order");
    // The code is meant to be there once, at the start. By now it is worth nothing.
    left.log = log.replacen(&code, "", 1);
    Ok(left)
}

impl Left {
    /// Keeps what every file has in it. The key is left out of its own file, once.
    fn keep_files(&mut self, data_dir: &Path, when: &str) -> Result<()> {
        for path in modes::all_below(data_dir)?.into_iter().filter(|path| path.is_file()) {
            let mut bytes = fs::read(&path)?;
            if path.ends_with(KEY_FILE) {
                bytes.drain(..bytes.len().min(64));
            }
            self.places.push((format!("{} {when}", path.display()), bytes));
        }
        Ok(())
    }
}

/// What a record of the log has under a key.
fn value_of(log: &str, key: &str) -> Option<String> {
    let mut records = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.find_map(|record| Some(record.get(key)?.as_str()?.to_owned()))
}

/// The faults: each must be found.
fn plant(left: &mut Left, data_dir: &Path) -> Result<()> {
    let [cookie, bearer, password] = &left.known;
    let record = json!({ "timestamp": "2026-01-01T00:00:00Z", "level": "DEBUG", "cookie": cookie });
    left.log.push_str(&[&record.to_string(), "ERROR all is lost", forge::FORGED, ""].join("\n"));
    left.places.push(("a page".into(), STANDARD.encode(format!("ada:{password}")).into_bytes()));
    let hidden = book::hex(bearer.trim_end().as_bytes());
    let path = data_dir.join("forgotten.txt");
    fs::write(&path, hidden)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o644))?)
}
