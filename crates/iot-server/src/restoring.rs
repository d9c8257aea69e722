//! `iot-server restore`: a backup in the place of the store, with the hub's key where it is wanted, and whom that lets
//! back in. Putting the file there is `iot-store`'s, opening the key `seal.rs`'s; here is the order of it, and the words.
//!
//! Everything that can be refused is refused before anything is changed: a wrong passphrase, a key that is in the way,
//! a damaged backup. The key goes last, as the store without it is worth more than it without the store.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use iot_core::people::{By, TokenLabel, UserName};
use iot_net::KeySet;
use iot_server::{Config, aside, identity, seal};
use iot_store::{Existing, Readmitted, ReadmittedNode, Restored, restore, sealed_key};
use serde_json::{Value as Json, json};

use crate::{
    cli::{AUTHOR, RestoreOptions, Settings},
    passphrase,
    store_file::{Told, answer, contents, store_of, words},
};

/// Nodes that are named in words; JSON has all.
const NAMED: usize = 50;

/// By which key the nodes of a restored hub know it.
enum Key {
    /// It is that of the backup, put there now. Another one was moved here.
    PutBack(Option<PathBuf>),
    /// One was there already. Whether it is that of the backup is known where that has one.
    WasThere(Option<Same>),
    /// There is none.
    None,
}

/// The key that was there is the one that the backup has.
struct Same;

/// Puts a backup in the place of the store, while no hub runs.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn run(settings: Settings, options: &RestoreOptions) -> anyhow::Result<ExitCode> {
    let config = settings.config(Config::default())?;
    let store = store_of(&config)?;
    let done = put_back(&store, &config.data_dir, options).map_err(|error| format!("{error:#}"));
    Ok(answer(options.json, done, |(restored, key)| {
        if options.json { document(&store, restored, key).to_string() } else { text(&store, restored, key) }
    }))
}

fn put_back(store: &Path, data_dir: &Path, options: &RestoreOptions) -> anyhow::Result<(Restored, Key)> {
    let of_backup = key_of_backup(data_dir, options)?;
    let existing = if options.force { Existing::Replace } else { Existing::Keep };
    if let (Some(identity), Existing::Keep) = (&of_backup, existing) {
        identity::check_place(data_dir, identity)?;
    }
    let by = By { at: iot_net::wall_clock(), who: AUTHOR, why: "" };
    let mut told = Told::new("copied");
    let watch = &mut |progress| told.tell(progress);
    let restored = restore(&options.file, (store, existing), &aside(store, by.at), by, watch)?;
    let key = match of_backup {
        Some(identity) => {
            let aside = aside(&data_dir.join(identity::FILE_NAME), by.at);
            let moved = identity::put(data_dir, &identity, &aside).context(
                "the store is restored and the hub's key is not: mend this, then restore once more with --force",
            )?;
            Key::PutBack(moved.then_some(aside))
        }
        None => known(data_dir, &options.file),
    };
    Ok((restored, key))
}

/// The key that is to be put back; `None` where the backup has none, or it is not wanted, or there already.
fn key_of_backup(data_dir: &Path, options: &RestoreOptions) -> anyhow::Result<Option<KeySet>> {
    let file = options.passphrase_file.as_deref();
    let Some(sealed) = sealed_key(&options.file)? else {
        if file.is_some() {
            bail!(
                "{} holds no key of the hub: leave out --passphrase-file to restore what it has",
                options.file.display()
            );
        }
        return Ok(None);
    };
    let is_there = matches!(known(data_dir, &options.file), Key::WasThere(Some(Same)));
    if options.without_key || (file.is_none() && is_there) {
        return Ok(None);
    }
    Ok(Some(seal::open(&sealed, &passphrase::of_backup(file, &sealed.hub)?)?))
}

/// Which key there is, compared with that of the backup.
fn known(data_dir: &Path, backup: &Path) -> Key {
    let sealed = sealed_key(backup).ok().flatten();
    match identity::existing(data_dir) {
        Ok(Some(known)) => {
            let is_same = sealed.is_some_and(|sealed| *sealed.hub == known.id.to_string());
            Key::WasThere(is_same.then_some(Same))
        }
        Ok(None) => Key::None,
        // What is wrong with it is said when the hub starts.
        Err(_) => Key::WasThere(None),
    }
}

fn document(store: &Path, restored: &Restored, key: &Key) -> Json {
    let Restored { contents: made, cancelled, readmitted, kept } = restored;
    let Readmitted { nodes, users, tokens } = readmitted;
    let nodes = nodes.iter().map(|ReadmittedNode { id, title, was_turned_away, is_commanded_again }| {
        json!({
            "id": id.as_str(), "title": title,
            "was_turned_away": was_turned_away, "is_commanded_again": is_commanded_again,
        })
    });
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let (key, key_kept) = match key {
        Key::PutBack(aside) => ("restored", path(aside)),
        Key::WasThere(_) => ("kept", None),
        Key::None => ("none", None),
    };
    json!({
        "file": store.display().to_string(), "contents": contents(made), "cancelled": cancelled,
        "kept": path(kept), "key": key, "key_kept": key_kept,
        "readmitted": {
            "nodes": nodes.collect::<Vec<_>>(),
            "users": users.iter().map(UserName::as_str).collect::<Vec<_>>(),
            "tokens": tokens.iter().map(TokenLabel::as_str).collect::<Vec<_>>(),
        },
    })
}

fn text(store: &Path, restored: &Restored, key: &Key) -> String {
    let Restored { contents: made, cancelled, readmitted, kept } = restored;
    let kept = kept
        .as_ref()
        .map_or_else(String::new, |kept| format!("; what was there is kept as {}", kept.display()));
    let mut lines = vec![format!(
        "{} is restored: {}; {cancelled} commands that were under way are cancelled{kept}",
        store.display(),
        words(made)
    )];
    lines.push(match key {
        Key::PutBack(None) => "The hub's key is back: its nodes know it.".into(),
        Key::PutBack(Some(aside)) => {
            format!(
                "The hub's key is back: its nodes know it. The one before is kept as {}.",
                aside.display()
            )
        }
        Key::WasThere(Some(Same)) => "The hub's key was there already: its nodes know it.".into(),
        Key::WasThere(None) => {
            "The key in the data directory stays. Nodes that know the hub by another one must join \
                                again."
                .into()
        }
        Key::None => {
            "There is no key of the hub: it makes another one when it starts. Nodes that have keys do not \
                      know it then, and must join again."
                .into()
        }
    });
    lines.extend(readmitted_lines(readmitted));
    lines.join("\n")
}

fn readmitted_lines(readmitted: &Readmitted) -> Vec<String> {
    let Readmitted { nodes, users, tokens } = readmitted;
    let mut lines = vec![format!(
        "It lets in whom it let in when the backup was made, also whom somebody has turned away since: {} users, {} \
         tokens, {} nodes{}",
        users.len(),
        tokens.len(),
        nodes.len(),
        if nodes.is_empty() { "." } else { ":" }
    )];
    // What a person has taken back comes first: it is what to look at.
    let (back, others): (Vec<_>, Vec<_>) =
        nodes.iter().partition(|node| node.was_turned_away || node.is_commanded_again);
    for node in back.into_iter().chain(others).take(NAMED) {
        let ReadmittedNode { id, title, was_turned_away, is_commanded_again } = node;
        let away = if *was_turned_away { ", which the store before does not let in any more" } else { "" };
        let commanded = if *is_commanded_again {
            ", which proves nothing and can be commanded again: the store before does not permit that"
        } else {
            ""
        };
        lines.push(format!("  {id} {title:?}{away}{commanded}"));
    }
    if let Some(more) = nodes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more, which --json lists"));
    }
    lines
}
