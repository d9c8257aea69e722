//! Module kinds, as a script needs them to read values and to send commands.

use http::StatusCode;
use iot_core::catalogue::{Access, Catalogue, ModuleKind, Origin, ValueType};
use serde_json::{Value as Json, json};

use crate::{
    body::{self, Reply},
    error::WebError,
};

/// `GET /api/v1/catalogue`.
pub(crate) fn catalogue(catalogue: &Catalogue) -> Reply {
    let kinds: Vec<_> = catalogue.kinds().map(|kind| document(kind)).collect();
    body::json(StatusCode::OK, &json!({ "kinds": kinds }))
}

/// `GET /api/v1/catalogue/{kind}`.
///
/// # Errors
/// [`IotError::KindUnsupported`](iot_core::IotError::KindUnsupported).
pub(crate) fn kind(catalogue: &Catalogue, name: &str) -> Result<Reply, WebError> {
    Ok(body::json(StatusCode::OK, &document(catalogue.kind(name)?)))
}

fn document(kind: &ModuleKind) -> Json {
    let properties = kind.properties.iter().map(|property| {
        json!({
            "channel": property.channel,
            "name": property.name,
            "title": property.title,
            "writable": property.access == Access::ReadWrite,
            "value": value(&property.value),
        })
    });
    let actions = kind.actions.iter().map(|action| {
        json!({
            "channel": action.channel,
            "name": action.name,
            "title": action.title,
            "argument": action.argument.as_ref().map(|argument| {
                json!({ "title": argument.title, "value": value(&argument.value) })
            }),
        })
    });
    let events = kind.events.iter().map(|event| {
        json!({
            "channel": event.channel,
            "name": event.name,
            "title": event.title,
            "value": value(&event.value),
        })
    });
    let files: Vec<_> = kind.files.keys().map(|path| format!("/modules/{}/{path}", kind.name)).collect();
    json!({
        "name": kind.name,
        "version": kind.version,
        "title": kind.title,
        "summary": kind.summary,
        "origin": match kind.origin {
            Origin::BuiltIn => "built-in",
            Origin::Folder => "folder",
        },
        "properties": properties.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "files": files,
    })
}

fn value(definition: &ValueType) -> Json {
    let mut json = match definition {
        ValueType::Bool { off, on } => json!({ "off": off, "on": on }),
        ValueType::Int { unit, range, step } => {
            json!({ "unit": unit, "min": range.0, "max": range.1, "step": step })
        }
        ValueType::Float { unit, range, step } => {
            json!({ "unit": unit, "min": range.0, "max": range.1, "step": step })
        }
        ValueType::Enum { options } => {
            let options = options.iter().map(|option| json!({ "name": option.name, "title": option.title }));
            json!({ "options": options.collect::<Vec<_>>() })
        }
        ValueType::Colour => json!({}),
        ValueType::Text { max_chars } => json!({ "max_chars": max_chars }),
    };
    json["type"] = definition.word().into();
    json["expected"] = (&*definition.expected()).into();
    json
}
