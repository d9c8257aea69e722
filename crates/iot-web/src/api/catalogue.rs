//! Module kinds, as a script needs them to read values and to send commands.

use http::StatusCode;
use iot_core::catalogue::{self, Access, Argument, ModuleKind, Origin, ValueType};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    body::{self, Reply},
    error::WebError,
};

/// All module kinds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Catalogue<'a> {
    kinds: Vec<Kind<'a>>,
}

/// A module kind: what it reports, what can be set and run, and its files.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Kind<'a> {
    name: &'a str,
    version: u16,
    title: &'a str,
    summary: &'a str,
    origin: Source,
    properties: Vec<KindProperty<'a>>,
    actions: Vec<KindAction<'a>>,
    events: Vec<KindEvent<'a>>,
    /// Where its files can be read.
    files: Vec<String>,
}

/// Where a definition came from.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Source {
    BuiltIn,
    Folder,
}

/// Something that a kind reports.
#[derive(Serialize, JsonSchema)]
struct KindProperty<'a> {
    channel: u8,
    name: &'a str,
    title: &'a str,
    writable: bool,
    value: Definition<'a>,
}

/// Something that can be run.
#[derive(Serialize, JsonSchema)]
struct KindAction<'a> {
    channel: u8,
    name: &'a str,
    title: &'a str,
    argument: Option<KindArgument<'a>>,
}

/// What an action is given.
#[derive(Serialize, JsonSchema)]
struct KindArgument<'a> {
    title: &'a str,
    value: Definition<'a>,
}

/// Something that can happen.
#[derive(Serialize, JsonSchema)]
struct KindEvent<'a> {
    channel: u8,
    name: &'a str,
    title: &'a str,
    value: Definition<'a>,
}

/// What a value may be, with the same in words as `expected`.
#[derive(Serialize, JsonSchema)]
struct Definition<'a> {
    #[serde(flatten)]
    shape: Shape<'a>,
    expected: Box<str>,
}

/// What a value may be.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Shape<'a> {
    Bool { off: &'a str, on: &'a str },
    Int { unit: &'a str, min: i64, max: i64, step: i64 },
    Float { unit: &'a str, min: f64, max: f64, step: f64 },
    Enum { options: Vec<Choice<'a>> },
    Colour {},
    Text { max_chars: u16 },
}

/// One of several.
#[derive(Serialize, JsonSchema)]
struct Choice<'a> {
    name: &'a str,
    title: &'a str,
}

/// `GET /api/v1/catalogue`.
pub(crate) fn catalogue(catalogue: &catalogue::Catalogue) -> Reply {
    let kinds = catalogue.kinds().map(|kind| Kind::new(kind)).collect();
    body::json(StatusCode::OK, &Catalogue { kinds })
}

/// `GET /api/v1/catalogue/{kind}`.
///
/// # Errors
/// [`IotError::KindUnsupported`](iot_core::IotError::KindUnsupported).
pub(crate) fn kind(catalogue: &catalogue::Catalogue, name: &str) -> Result<Reply, WebError> {
    Ok(body::json(StatusCode::OK, &Kind::new(catalogue.kind(name)?)))
}

impl<'a> Kind<'a> {
    fn new(kind: &'a ModuleKind) -> Self {
        let properties = kind.properties.iter().map(|property| KindProperty {
            channel: property.channel,
            name: &property.name,
            title: &property.title,
            writable: property.access == Access::ReadWrite,
            value: Definition::new(&property.value),
        });
        let actions = kind.actions.iter().map(|action| KindAction {
            channel: action.channel,
            name: &action.name,
            title: &action.title,
            argument: action.argument.as_ref().map(KindArgument::new),
        });
        let events = kind.events.iter().map(|event| KindEvent {
            channel: event.channel,
            name: &event.name,
            title: &event.title,
            value: Definition::new(&event.value),
        });
        Self {
            name: &kind.name,
            version: kind.version,
            title: &kind.title,
            summary: &kind.summary,
            origin: match kind.origin {
                Origin::BuiltIn => Source::BuiltIn,
                Origin::Folder => Source::Folder,
            },
            properties: properties.collect(),
            actions: actions.collect(),
            events: events.collect(),
            files: kind.files.keys().map(|path| format!("/modules/{}/{path}", kind.name)).collect(),
        }
    }
}

impl<'a> KindArgument<'a> {
    fn new(argument: &'a Argument) -> Self {
        Self { title: &argument.title, value: Definition::new(&argument.value) }
    }
}

impl<'a> Definition<'a> {
    fn new(definition: &'a ValueType) -> Self {
        let shape = match definition {
            ValueType::Bool { off, on } => Shape::Bool { off, on },
            ValueType::Int { unit, range: (min, max), step } => {
                Shape::Int { unit, min: *min, max: *max, step: *step }
            }
            ValueType::Float { unit, range: (min, max), step } => {
                Shape::Float { unit, min: *min, max: *max, step: *step }
            }
            ValueType::Enum { options } => {
                let choice =
                    |option: &'a catalogue::Choice| Choice { name: &option.name, title: &option.title };
                Shape::Enum { options: options.iter().map(choice).collect() }
            }
            ValueType::Colour => Shape::Colour {},
            ValueType::Text { max_chars } => Shape::Text { max_chars: *max_chars },
        };
        Self { shape, expected: definition.expected() }
    }
}
