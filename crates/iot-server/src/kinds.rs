//! `iot-server kinds`: the module kinds that this hub supports, for people and for programs.

use std::process::ExitCode;

use iot_core::catalogue::{ModuleKind, Origin, ValueType};
use iot_server::{Config, modules};
use serde_json::{Value, json};

use crate::{
    cli::{KindsTask, Settings},
    out,
};

/// Shows kinds.
///
/// # Errors
/// No such kind, or what is wrong with the configuration.
pub(crate) fn kinds(settings: Settings, task: &KindsTask) -> anyhow::Result<ExitCode> {
    let config = settings.config(Config::default())?;
    let (catalogue, refused) = modules::load(&config.data_dir);
    for error in &refused {
        out::error(&format!("module kind left out: {error}"));
    }
    match task {
        KindsTask::List { json: true } => {
            let kinds: Vec<_> = catalogue.kinds().map(|kind| describe(kind)).collect();
            out::line(&serde_json::to_string_pretty(&kinds)?);
        }
        KindsTask::List { json: false } => {
            for kind in catalogue.kinds() {
                out::line(&format!(
                    "{:<14} {:>3}  {:<9} {}",
                    kind.name,
                    kind.version,
                    origin(kind),
                    kind.summary
                ));
            }
        }
        KindsTask::Show { kind, json: true } => {
            out::line(&serde_json::to_string_pretty(&describe(catalogue.kind(kind)?))?);
        }
        KindsTask::Show { kind, json: false } => show(catalogue.kind(kind)?),
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn origin(kind: &ModuleKind) -> &'static str {
    match kind.origin {
        Origin::BuiltIn => "built in",
        Origin::Folder => "folder",
    }
}

fn show(kind: &ModuleKind) {
    out::line(&format!("{} ({}, version {}, {})", kind.title, kind.name, kind.version, origin(kind)));
    out::line(&format!("{}\n", kind.summary));
    for property in &kind.properties {
        let takes = property.value.expected();
        let line =
            format!("{:>3}  {:<14} {}: {takes}", property.channel, property.name, property.access.word());
        out::line(&line);
    }
    for action in &kind.actions {
        let takes =
            action.argument.as_ref().map_or_else(|| "no argument".into(), |taken| taken.value.expected());
        out::line(&format!("{:>3}  {:<14} action: {takes}", action.channel, action.name));
    }
    for event in &kind.events {
        out::line(&format!("{:>3}  {:<14} event: {}", event.channel, event.name, event.value.expected()));
    }
    for file in kind.files.keys() {
        out::line(&format!("     file {file}"));
    }
}

fn describe(kind: &ModuleKind) -> Value {
    let value =
        |value: &ValueType| json!({ "type": value.word(), "unit": value.unit(), "takes": value.expected() });
    let properties = kind.properties.iter().map(|property| {
        json!({ "channel": property.channel, "name": property.name, "title": property.title,
            "access": property.access.word(), "show": property.show.word(),
            "history": property.history.word(), "value": value(&property.value) })
    });
    let actions = kind.actions.iter().map(|action| {
        json!({ "channel": action.channel, "name": action.name, "title": action.title,
            "argument": action.argument.as_ref().map(|taken| value(&taken.value)) })
    });
    let events = kind.events.iter().map(|event| {
        json!({ "channel": event.channel, "name": event.name, "title": event.title, "value": value(&event.value) })
    });
    json!({ "kind": kind.name, "version": kind.version, "title": kind.title, "summary": kind.summary,
        "origin": origin(kind), "properties": properties.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(), "events": events.collect::<Vec<_>>(),
        "files": kind.files.keys().collect::<Vec<_>>() })
}
