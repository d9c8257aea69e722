//! The page of the store: whether everything is being stored, whether the file is whole, and the backups.

use std::{path::Path, time::Duration};

use askama::Template;
use http::StatusCode;
use iot_core::{
    IotError,
    audit::{AuditEntry, AuditQuery, Deed},
    people::Role,
};

use super::shell::{Shell, rendered};
use crate::{
    Backend, BackupFile, CheckView, Found, Restoring, StoreView, Uploading, body::Reply, error::WebError,
    web::Web, wording::Words,
};

#[derive(Template)]
#[template(path = "store.html")]
struct StorePage {
    shell: Shell,
    heading: &'static str,
    lede: String,
    /// Whether there is a file at all.
    on_disk: bool,
    check: Check,
    backup: Option<u8>,
    /// Whether the one who looks may take the hub's key along.
    may_seal: bool,
    failed: Option<String>,
    upload: Option<Uploading>,
    /// Why the last upload was refused.
    not_taken: Option<String>,
    /// What an upload may be.
    most: String,
    restoring: Option<Restoring>,
    not_restored: Option<String>,
    restored: Option<Restored>,
    rule: String,
    files: Vec<FileRow>,
    /// The command that restores the newest backup.
    command: String,
}

/// A restore that somebody has done.
struct Restored {
    time: String,
    iso: String,
    by: Box<str>,
    /// The backup, and where what it replaced is kept.
    what: String,
}

/// The looks through the file, in words.
struct Check {
    percent: Option<u8>,
    /// What the last one found.
    words: String,
    is_whole: bool,
    every: String,
}

struct FileRow {
    name: Box<str>,
    time: String,
    iso: String,
    size: String,
}

/// `GET /store`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn store<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let (store, words, shell) = (web.store(), web.words(), Shell::load(web, "store").await?);
    let restored = if shell.may("/audit") { restored(web, &words).await? } else { None };
    let page = StorePage {
        shell,
        heading: heading(&store),
        lede: lede(&store),
        on_disk: store.file.is_some(),
        check: Check::new(&store.check, &words),
        backup: store.backups.percent,
        may_seal: web.who.as_ref().is_some_and(|who| who.role == Role::Admin),
        failed: store.backups.failed.as_ref().map(|(at, why)| format!("{}: {why}.", words.time(*at))),
        upload: store.backups.upload.under_way,
        not_taken: store
            .backups
            .upload
            .refused
            .as_ref()
            .map(|(at, why)| format!("{}: {why}.", words.time(*at))),
        most: size(store.backups.upload.most),
        restoring: store.restore.under_way.clone(),
        not_restored: store.restore.failed.as_ref().map(|(at, why)| format!("{}: {why}.", words.time(*at))),
        restored,
        rule: rule(&store),
        command: command(&store),
        files: store.backups.kept.iter().map(|file| FileRow::new(file, &words)).collect(),
    };
    Ok(rendered(StatusCode::OK, &page))
}

/// The restore from which the store comes, if it comes from one.
async fn restored<B: Backend>(web: &Web<B>, words: &Words) -> Result<Option<Restored>, WebError> {
    let last = AuditQuery { deed: Some(Deed::Restore), limit: 1, ..AuditQuery::default() };
    let last = match web.backend.audit(last).await {
        // The page has to say so where the store does not answer.
        Err(IotError::NotStored { .. }) => None,
        last => last?.pop(),
    };
    Ok(last.map(|AuditEntry { record, .. }| Restored {
        time: words.time(record.at),
        iso: Words::iso(record.at),
        what: match &*record.before {
            "" => record.after.to_string(),
            before => format!("{} took the place of {before}", record.after),
        },
        by: record.by,
    }))
}

fn heading(store: &StoreView) -> &'static str {
    let damaged = store.check.last.as_ref().is_some_and(|last| matches!(last.found, Found::Damage(_)));
    match store {
        StoreView { refuses: Some(_), .. } => "Nothing is being stored",
        StoreView { file: None, .. } => "Everything is kept in memory",
        _ if damaged => "The store is damaged",
        _ => "Everything is being stored",
    }
}

fn lede(store: &StoreView) -> String {
    match &store.file {
        Some(file) => format!("Nodes, readings and commands lie in {file}."),
        None => "A restart forgets nodes, readings and commands.".into(),
    }
}

/// What restores the newest backup.
fn command(store: &StoreView) -> String {
    let directory = store.file.as_deref().and_then(|file| Path::new(file).parent());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    let newest = store.backups.kept.first().map_or("FILE", |file| &*file.name);
    let backup = directory.join("backups").join(newest);
    format!("iot-server restore {} --data-dir {} --force", backup.display(), directory.display())
}

/// When backups are made and how many are kept.
fn rule(store: &StoreView) -> String {
    let when = match store.backups.every {
        Some(every) => format!("One is made {}", often(every)),
        None => "None is made by itself (backup_every_hours)".into(),
    };
    format!(
        "{when}; the newest {} are kept. They lie on the disk of the store: download one now and then, and keep it elsewhere.",
        store.backups.keep
    )
}

fn often(every: Duration) -> String {
    match every.as_secs() / 3600 {
        1 => "every hour".into(),
        24 => "every day".into(),
        168 => "every week".into(),
        hours => format!("every {hours} hours"),
    }
}

impl Check {
    fn new(check: &CheckView, words: &Words) -> Self {
        let (said, is_whole) = match &check.last {
            None => ("It has not been looked through since the hub started.".into(), true),
            Some(last) => {
                let at = words.time(last.at);
                match &last.found {
                    Found::Whole => (format!("Looked through by {at}: nothing is wrong."), true),
                    Found::Damage(what) => (format!("{at}: {what}."), false),
                    Found::Nothing(why) => (format!("It could not be looked through at {at}: {why}."), false),
                }
            }
        };
        let every = check.every.map_or_else(
            || "It is not looked through.".into(),
            |every| format!("It is looked through after each start and {}.", often(every)),
        );
        Self { percent: check.percent, words: said, is_whole, every }
    }
}

impl FileRow {
    fn new(file: &BackupFile, words: &Words) -> Self {
        Self {
            name: file.name.clone(),
            time: words.time(file.at),
            iso: Words::iso(file.at),
            size: size(file.bytes),
        }
    }
}

/// A size in the largest unit in which it is at least one.
fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let fits = units.into_iter().find(|(_, size)| bytes >= *size);
    fits.map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| format!("{}.{}\u{a0}{unit}", bytes / size, bytes % size * 10 / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, expected) in [
            (999, "999 B"),
            (1_950, "1.9\u{a0}kB"),
            (20_000_000, "20.0\u{a0}MB"),
            (3_200_000_000, "3.2\u{a0}GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
