//! A person sends a backup to the hub in the browser: one that is none is refused on the page, and a whole one leads to what
//! restoring it would change. Both with the page's script; what a browser does without it, others look at.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{Walk, field, pages::browser};
use crate::{api::Api, wait::until};

const SOON: Duration = Duration::from_secs(30);

/// The field of the form, and its button.
const FIELD: &str = "#upload [name=backup]";
const BUTTON: &str = "#upload button";

/// A picture is refused, and a backup taken, which is in the list then.
pub(super) fn in_browser(walk: &mut Walk) -> Result<String> {
    let api = walk.hub()?.api.clone();
    let made = newest(&api)?;
    let backups = walk.data_dir.path().join("backups");
    let files = tempfile::tempdir()?;
    let (picture, copy) = (files.path().join("picture.db"), files.path().join("copy.db"));
    fs::write(&picture, vec![0xFF; 100_000])?;
    fs::copy(backups.join(&made), &copy)?;
    let base = api.base().to_owned();
    let browser = browser(walk)?;
    browser.open(&format!("{base}/store"))?;
    browser.enter(FIELD, &picture.display().to_string())?;
    browser.click(BUTTON)?;
    let why = until("the page says why it is refused", SOON, || {
        let said = browser.run("return document.querySelector('#not-taken')?.textContent ?? null")?;
        Ok(said.as_str().map(str::to_owned))
    })?;
    ensure!(why.contains("not made by a hub"), "{why}");
    ensure!(browser.run("return location.pathname")? == "/store", "the page stays");
    ensure!(newest(&api)? == made && fs::read_dir(&backups)?.count() == kept(&api)?, "nothing is left of it");

    browser.enter(FIELD, &copy.display().to_string())?;
    browser.click(BUTTON)?;
    let sent = until("it shows what restoring would change", SOON, || {
        let path = browser.run("return location.pathname")?;
        let name = path.as_str().and_then(|path| path.strip_prefix("/store/restore/"));
        Ok(name.map(str::to_owned))
    })?;
    ensure!(sent.starts_with("uploaded-"), "{sent}");
    ensure!(fs::read(backups.join(&sent))? == fs::read(copy)?, "it is what was sent");
    let audit = api.get("/audit?deed=upload")?;
    let entry = field(&audit, "/audit/0")?;
    ensure!(entry["by"] == "ada" && entry["after"] == format!("the backup {sent}"), "{entry}");
    // The browser itself notes the answer that the picture was refused.
    let complaints = browser.complaints()?;
    let complaints: Vec<_> =
        complaints.iter().filter(|line| !line.contains("Failed to load resource")).collect();
    ensure!(complaints.is_empty(), "the console says: {complaints:?}");
    Ok(format!("a picture is refused on the page; {sent} is in the list"))
}

/// The name of the newest backup.
fn newest(api: &Api) -> Result<String> {
    let listed = api.get("/backup")?;
    Ok(field(&listed, "/backups/0/name")?.as_str().context("a name")?.to_owned())
}

/// How many backups there are.
fn kept(api: &Api) -> Result<usize> {
    let listed = api.get("/backup")?;
    Ok(field(&listed, "/backups")?.as_array().map_or(0, Vec::len))
}
