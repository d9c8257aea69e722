//! `iot-server backup` and `verify`: what can be done with the file of the store from outside of the hub, while it runs
//! or not. What each of them does with it is `iot-store`'s; here it is put into words, or into JSON.

use core::{fmt::Display, ops::ControlFlow};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use iot_server::{Config, STORE_FILE_NAME, config::StoreKind, identity, seal};
use iot_store::{Contents, Existing, Progress};
use serde_json::{Value as Json, json};

use crate::{
    cli::{BackupOptions, Settings, VerifyOptions},
    out, passphrase,
};

/// Percent between two lines that say how it goes.
const TOLD_EVERY: u64 = 10;

/// Copies the store into a file, while a hub runs or not.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn backup(settings: Settings, options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let config = settings.config(Config::default())?;
    let store = store_of(&config)?;
    let made = copy(&store, &config.data_dir, options).map_err(|error| format!("{error:#}"));
    let file = options.file.display();
    Ok(answer(options.json, made, |made| {
        if options.json {
            return json!({ "file": file.to_string(), "contents": contents(made) }).to_string();
        }
        let key = if made.has_key {
            "The hub's key is in it, under the passphrase."
        } else {
            "The hub's key is not in it: restored on another machine the hub is another one to its nodes, and those \
             that have keys must join again. Say --with-key to take it along, under a passphrase."
        };
        format!("{file}: {}, verified\n{key}", words(made))
    }))
}

fn copy(store: &Path, data_dir: &Path, options: &BackupOptions) -> anyhow::Result<Contents> {
    let key = match passphrase::for_backup(options.passphrase_file.as_deref(), options.with_key)? {
        Some(passphrase) => {
            let identity = identity::existing(data_dir)?;
            let identity = identity
                .with_context(|| format!("there is no {} in {}", identity::FILE_NAME, data_dir.display()))?;
            Some(seal::seal(&identity, &passphrase)?)
        }
        None => None,
    };
    let (to, mut told) = ((&*options.file, existing(options)), Told::new("copied"));
    Ok(iot_store::back_up(store, to, key.as_ref(), &mut |progress| {
        told.tell(progress);
        ControlFlow::Continue(())
    })?)
}

/// Looks through all of the store, or of a backup.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn verify(settings: Settings, options: &VerifyOptions) -> anyhow::Result<ExitCode> {
    let path = options.file.clone().map_or_else(|| store_of(&settings.config(Config::default())?), Ok)?;
    out::progress(&format!("looking through the pages of {}", path.display()));
    let mut told = Told::new("unpacked");
    let verified = iot_store::verify(&path, &mut |progress| told.tell(progress));
    let file = path.display();
    Ok(answer(options.json, verified, |verified| {
        if options.json {
            return json!({ "file": file.to_string(), "contents": contents(verified) }).to_string();
        }
        format!("{file} is whole: {}", words(verified))
    }))
}

/// The file of the store that is configured.
///
/// # Errors
/// There is none, because everything is kept in memory.
pub(crate) fn store_of(config: &Config) -> anyhow::Result<PathBuf> {
    if config.store == StoreKind::Memory {
        bail!("store = \"memory\" keeps nothing in a file: no command can read or write it");
    }
    Ok(config.data_dir.join(Path::new(STORE_FILE_NAME)))
}

fn existing(options: &BackupOptions) -> Existing {
    if options.force { Existing::Replace } else { Existing::Keep }
}

/// Says what came of it, and gives the exit code.
pub(crate) fn answer<T, E: Display>(
    as_json: bool,
    result: Result<T, E>,
    say: impl FnOnce(&T) -> String,
) -> ExitCode {
    match result {
        Ok(made) => {
            out::line(&say(&made));
            ExitCode::SUCCESS
        }
        Err(error) => {
            if as_json {
                out::line(&json!({ "error": error.to_string() }).to_string());
            }
            out::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn contents(contents: &Contents) -> Json {
    let Contents { bytes, schema, nodes, modules, commands, readings, missing_reports, has_key } = contents;
    json!({
        "bytes": bytes, "schema": schema, "nodes": nodes, "modules": modules, "commands": commands,
        "readings": readings, "missing_reports": missing_reports, "has_key": has_key,
    })
}

pub(crate) fn words(contents: &Contents) -> String {
    let Contents { bytes, nodes, modules, commands, readings, missing_reports, .. } = contents;
    format!(
        "{bytes} bytes, {nodes} nodes with {modules} modules, {commands} commands, {readings} readings, \
         {missing_reports} reports that never came"
    )
}

/// What has been told of how it goes.
pub(crate) struct Told {
    verb: &'static str,
    percent: u64,
}

impl Told {
    pub(crate) fn new(verb: &'static str) -> Self {
        Self { verb, percent: 0 }
    }

    pub(crate) fn tell(&mut self, progress: Progress) {
        let percent = progress.percent();
        if percent >= self.percent + TOLD_EVERY {
            self.percent = percent - percent % TOLD_EVERY;
            out::progress(&format!("{} {} %", self.verb, self.percent));
        }
    }
}
