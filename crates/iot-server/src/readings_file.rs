//! `iot-server export` and `import`: readings out of the store into a file and back, in words for people.
//! Which of them go over is `transfer`'s; how a line looks is `iot_web::rows`'.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use iot_core::UnixMillis;
use iot_server::{
    Config,
    transfer::{self, Selection},
};
use iot_store::{SqliteHistory, SqliteLimits, SqliteStore};
use iot_web::rows::{Format, RowReader, RowWriter};
use serde_json::json;

use crate::{
    cli::{ExportOptions, FormatWord, ImportOptions, Settings},
    out,
    store_file::store_of,
};

/// Readings between two lines that say how it goes.
const TOLD_EVERY: u64 = 1_000_000;

/// Writes readings to a file or to standard output, while a hub runs or not.
///
/// # Errors
/// What is wrong with the configuration, the store or the file.
pub(crate) fn export(settings: Settings, options: &ExportOptions) -> anyhow::Result<ExitCode> {
    let history = SqliteHistory::open(&store_of(&settings.config(Config::default())?)?)?;
    let selection = Selection {
        node: options.node.clone(),
        module: options.module,
        channel: options.channel,
        from: options.from.unwrap_or(UnixMillis(i64::MIN)),
        to: options.to.unwrap_or(UnixMillis(i64::MAX)),
    };
    let format = format(options.format, options.file.as_deref());
    let out: Box<dyn Write> = match &options.file {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            Box::new(File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?)
        }
    };
    let mut rows = RowWriter::new(format, BufWriter::new(out))?;
    let mut told = 0;
    let written = transfer::export(&history, &selection, &mut rows, &mut |written| tell(&mut told, written))?;
    out::progress(&format!("{written} readings"));
    Ok(ExitCode::SUCCESS)
}

/// Adds the readings of a file to the store, while no hub runs.
///
/// # Errors
/// What is wrong with the configuration, the store or the file.
pub(crate) fn import(settings: Settings, options: &ImportOptions) -> anyhow::Result<ExitCode> {
    let path = &options.file;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let config = settings.config(Config::default())?;
    let store = store_of(&config)?;
    let limits = SqliteLimits { retention: config.retention, ..SqliteLimits::default() };
    let (mut store, history) = SqliteStore::open_with(&store, limits)?;
    let mut rows = RowReader::new(format(options.format, Some(path)), BufReader::new(file));
    let mut told = 0;
    let imported = transfer::import(&mut store, &history, &mut rows, &mut |imported| {
        tell(&mut told, imported.added + imported.present);
    });
    let imported = imported.with_context(|| format!("cannot import all of {}", path.display()))?;
    let (added, present) = (imported.added, imported.present);
    out::line(&if options.json {
        json!({ "file": path.display().to_string(), "added": added, "present": present }).to_string()
    } else {
        format!("{}: {added} readings added, {present} were there already", path.display())
    });
    Ok(ExitCode::SUCCESS)
}

/// The format that was asked for, or else that of the file's name, or else CSV.
fn format(word: Option<FormatWord>, file: Option<&Path>) -> Format {
    let of_name = || Format::from_extension(file?.extension()?.to_str()?);
    word.map(Format::from).or_else(of_name).unwrap_or(Format::Csv)
}

fn tell(told: &mut u64, count: u64) {
    if count >= *told + TOLD_EVERY {
        *told = count - count % TOLD_EVERY;
        out::progress(&format!("{told} readings so far"));
    }
}
