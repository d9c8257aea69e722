//! What a module kind is: its properties, actions and events, and how each is shown.
//!
//! These are plain data that the parser has checked; nothing builds them unchecked.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

/// One kind of module, as its folder defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleKind {
    /// Name on the wire and in URLs, such as `relay`.
    pub name: Box<str>,
    /// Version of the definition; firmware names the one that it was built for.
    pub version: u16,
    /// Name for people, such as `Relay`.
    pub title: Box<str>,
    /// One sentence on what it is.
    pub summary: Box<str>,
    /// Name of the symbol in the icon sprite that fits the kind.
    pub icon: Box<str>,
    /// Where the definition came from.
    pub origin: Origin,
    /// What can be read or set, in the order in which it is shown. The first is the main one.
    pub properties: Vec<Arc<Property>>,
    /// What can be done, in the order in which it is shown.
    pub actions: Vec<Arc<Action>>,
    /// What can happen.
    pub events: Vec<Arc<Event>>,
    /// Path of the help page among the files, in Markdown; `None` where there is none.
    pub help: Option<Box<str>>,
    /// The folder's files by path: the definition, an icon, a help page, whatever its maker ships.
    pub files: BTreeMap<Box<str>, Arc<[u8]>>,
}

/// Where a definition came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built into the hub.
    BuiltIn,
    /// A folder in the data directory.
    Folder,
}

/// Something that has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Number on the wire, unique among properties, actions and events of the kind; at least 1.
    pub channel: u8,
    /// Name in the API, such as `level`.
    pub name: Box<str>,
    /// Name for people, such as `Level`.
    pub title: Box<str>,
    /// What values it takes.
    pub value: ValueType,
    /// Whether it can be set.
    pub access: Access,
    /// How it is shown and controlled.
    pub show: Widget,
    /// Which of its readings are kept.
    pub history: History,
}

/// Something that a module can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Number on the wire.
    pub channel: u8,
    /// Name in the API, such as `pulse`.
    pub name: Box<str>,
    /// Name for people: a verb, such as `Pulse`.
    pub title: Box<str>,
    /// What argument it takes.
    pub argument: Option<Argument>,
}

/// The argument of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Name for people, such as `Length`.
    pub title: Box<str>,
    /// What values it takes.
    pub value: ValueType,
}

/// Something that can happen to a module.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number on the wire.
    pub channel: u8,
    /// Name in the API, such as `pressed`.
    pub name: Box<str>,
    /// Name for people, such as `Pressed`.
    pub title: Box<str>,
    /// What value each occurrence carries.
    pub value: ValueType,
}

/// What values something takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueType {
    /// One of two; [`Value::Bool`](iot_proto::Value::Bool) on the wire.
    Bool {
        /// Word for false, such as `Off`.
        off: Box<str>,
        /// Word for true, such as `On`.
        on: Box<str>,
    },
    /// A whole number; [`Value::Int`](iot_proto::Value::Int) on the wire.
    Int {
        /// Unit, such as `%`; empty for a bare number.
        unit: Box<str>,
        /// Smallest and largest value.
        range: (i64, i64),
        /// Distance between settable values, from the smallest on; at least 1.
        step: i64,
    },
    /// A number; [`Value::Float`](iot_proto::Value::Float) on the wire.
    Float {
        /// Unit, such as `°C`; empty for a bare number.
        unit: Box<str>,
        /// Smallest and largest value.
        range: (f64, f64),
        /// Distance between settable values, and how finely a value is shown; above 0.
        step: f64,
    },
    /// One of several; its index as [`Value::Int`](iot_proto::Value::Int) on the wire.
    Enum {
        /// The options by index.
        options: Vec<Choice>,
    },
    /// A colour; 0xRRGGBB as [`Value::Int`](iot_proto::Value::Int) on the wire.
    Colour,
    /// Text; [`Value::Text`](iot_proto::Value::Text) on the wire.
    Text {
        /// Most characters.
        max_chars: u16,
    },
}

impl ValueType {
    /// Its word in definitions and the API, such as `float`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bool { .. } => "bool",
            Self::Int { .. } => "int",
            Self::Float { .. } => "float",
            Self::Enum { .. } => "enum",
            Self::Colour => "colour",
            Self::Text { .. } => "text",
        }
    }
}

/// One option of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Name in the API, such as `auto`.
    pub name: Box<str>,
    /// Name for people, such as `Automatic`.
    pub title: Box<str>,
}

/// Whether a property can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only reported.
    Read,
    /// Reported, and set by commands.
    ReadWrite,
}

impl Access {
    pub(super) const ALL: [Self; 2] = [Self::Read, Self::ReadWrite];

    /// Its word in definitions and the API, such as `read-write`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }
}

/// How a property is shown, and controlled where it can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widget {
    /// A number with its unit, and a curve; a number field with its step to set it.
    Number,
    /// A gauge over the range.
    Gauge,
    /// A word, and a strip of past states.
    State,
    /// A switch.
    Toggle,
    /// A slider over the range.
    Slider,
    /// A row of options.
    Segments,
    /// A colour field.
    Colour,
    /// A line of text.
    Text,
}

impl Widget {
    pub(super) const ALL: [Self; 8] = [
        Self::Number,
        Self::Gauge,
        Self::State,
        Self::Toggle,
        Self::Slider,
        Self::Segments,
        Self::Colour,
        Self::Text,
    ];

    /// Its word in definitions and the API, such as `slider`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Gauge => "gauge",
            Self::State => "state",
            Self::Toggle => "toggle",
            Self::Slider => "slider",
            Self::Segments => "segments",
            Self::Colour => "colour",
            Self::Text => "text",
        }
    }
}

/// Which readings of a property are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// All.
    Every,
    /// Those that differ from the one before.
    Changes,
    /// None but the latest.
    Latest,
}

impl History {
    pub(super) const ALL: [Self; 3] = [Self::Every, Self::Changes, Self::Latest];

    /// Its word in definitions and the API, such as `changes`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Changes => "changes",
            Self::Latest => "latest",
        }
    }
}
