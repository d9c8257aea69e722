//! `iot-server backup`, `verify` and `restore`: what can be done with the file of the store from outside of
//! the hub. What each of them does with it is `iot-store`'s; here it is put into words, or into JSON.

use core::{fmt::Display, ops::ControlFlow};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use iot_core::people::By;
use iot_server::{Config, STORE_FILE_NAME, aside, config::StoreKind};
use iot_store::{Contents, Existing, Progress, Restored};
use serde_json::{Value as Json, json};

use crate::{
    cli::{AUTHOR, BackupOptions, Settings, VerifyOptions},
    out,
};

/// Percent between two lines that say how it goes.
const TOLD_EVERY: u64 = 10;

/// Copies the store into a file, while a hub runs or not.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn backup(settings: Settings, options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let (store, mut told) = (store_of(&settings.config(Config::default())?)?, Told::new("copied"));
    let made = iot_store::back_up(&store, &options.file, existing(options), &mut |progress| {
        told.tell(progress);
        ControlFlow::Continue(())
    });
    let file = options.file.display();
    Ok(answer(options.json, made, |made| {
        if options.json {
            return json!({ "file": file.to_string(), "contents": contents(made) }).to_string();
        }
        format!("{file}: {}, verified", words(made))
    }))
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

/// Puts a backup in the place of the store, while no hub runs.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn restore(settings: Settings, options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let (store, mut told) = (store_of(&settings.config(Config::default())?)?, Told::new("copied"));
    let by = By { at: iot_net::wall_clock(), who: AUTHOR, why: "" };
    let place = (&*store, existing(options));
    let restored = iot_store::restore(&options.file, place, &aside(&store, by.at), by, &mut |progress| {
        told.tell(progress);
    });
    Ok(answer(options.json, restored, |Restored { contents: made, cancelled, kept }| {
        let kept = kept.as_ref().map(|kept| kept.display().to_string());
        if options.json {
            let file = store.display().to_string();
            return json!({ "file": file, "contents": contents(made), "cancelled": cancelled, "kept": kept })
                .to_string();
        }
        let kept = kept.map_or_else(String::new, |kept| format!("; what was there is kept as {kept}"));
        format!(
            "{} is restored: {}; {cancelled} commands that were under way are cancelled{kept}",
            store.display(),
            words(made)
        )
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
fn answer<T, E: Display>(as_json: bool, result: Result<T, E>, say: impl FnOnce(&T) -> String) -> ExitCode {
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

fn contents(contents: &Contents) -> Json {
    let Contents { bytes, schema, nodes, modules, commands, readings, missing_reports } = contents;
    json!({
        "bytes": bytes, "schema": schema, "nodes": nodes, "modules": modules, "commands": commands,
        "readings": readings, "missing_reports": missing_reports,
    })
}

fn words(contents: &Contents) -> String {
    let Contents { bytes, nodes, modules, commands, readings, missing_reports, .. } = contents;
    format!(
        "{bytes} bytes, {nodes} nodes with {modules} modules, {commands} commands, {readings} readings, \
         {missing_reports} reports that never came"
    )
}

/// What has been told of how it goes.
struct Told {
    verb: &'static str,
    percent: u64,
}

impl Told {
    fn new(verb: &'static str) -> Self {
        Self { verb, percent: 0 }
    }

    fn tell(&mut self, progress: Progress) {
        let percent = progress.percent();
        if percent >= self.percent + TOLD_EVERY {
            self.percent = percent - percent % TOLD_EVERY;
            out::progress(&format!("{} {} %", self.verb, self.percent));
        }
    }
}
