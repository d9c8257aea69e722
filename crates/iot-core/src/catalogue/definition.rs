//! Reads the text of a `module.toml`: the kind itself, its properties, actions and events.
//!
//! What values they take is read by `value_type`; the rules of the folder around it are in `parse`.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

use iot_proto::Text;
use toml::de::DeTable;

use super::{
    fault::Fault,
    kind::{Access, Action, Argument, Event, History, Property, ValueType},
    reader::{Misfit, Section},
    value_type::{VALUE_KEYS, value_type, widget},
};

/// Most properties, actions and events of one kind together.
pub(super) const MAX_CHANNELS: usize = 64;

const ICONS: [&str; 14] = [
    "relay",
    "switch",
    "dimmer",
    "rgb",
    "temperature",
    "humidity",
    "pressure",
    "power",
    "motion",
    "contact",
    "servo",
    "display",
    "valve",
    "node",
];
const KIND_KEYS: [&str; 9] =
    ["kind", "version", "title", "summary", "icon", "help", "property", "action", "event"];
const CHANNEL_KEYS: [&str; 3] = ["channel", "name", "title"];

/// What a `module.toml` says.
#[derive(Debug)]
pub(super) struct Definition {
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) version: u16,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) title: Box<str>,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) summary: Box<str>,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) icon: Box<str>,
    /// Path of the help page, if the definition names one or the folder has one of the usual name.
    pub(super) help: Option<Box<str>>,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) properties: Vec<Arc<Property>>,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) actions: Vec<Arc<Action>>,
    /// As in [`ModuleKind`](super::ModuleKind).
    pub(super) events: Vec<Arc<Event>>,
}

impl Definition {
    /// Reads `text`, which stands in the folder of this name beside `files`.
    pub(super) fn read(
        text: &str,
        folder: &str,
        files: &BTreeMap<Box<str>, Arc<[u8]>>,
    ) -> Result<Self, Misfit> {
        let root = DeTable::parse(text).map_err(|error| {
            // The parser ends with this where it has nothing to advise.
            let why = error.message().trim_end_matches(", expected nothing").into();
            Misfit { at: error.span().map_or(0, |span| span.start), fault: Fault::Syntax { why } }
        })?;
        let kind = Section::new("a kind", root.get_ref(), 0, &KIND_KEYS)?;
        let name = kind.name("kind")?;
        if *name != *folder {
            return Err(kind.misfit("kind", Fault::FolderName { kind: name, folder: folder.into() }));
        }
        let version = kind.need("version", kind.int("version", 1, i64::from(u16::MAX))?)?;
        let icons = ICONS.map(|icon| (icon, icon));
        let mut channels = Channels::default();
        let definition = Self {
            version: u16::try_from(version).unwrap_or(u16::MAX),
            title: kind.need("title", kind.line::<64>("title")?)?,
            summary: kind.need("summary", kind.line::<256>("summary")?)?,
            icon: kind.need("icon", kind.word("icon", &icons)?)?.into(),
            help: help(&kind, files)?,
            properties: channels.properties(&kind)?,
            actions: channels.actions(&kind)?,
            events: channels.events(&kind)?,
        };
        if channels.taken.is_empty() {
            return Err(kind.misfit("property", Fault::Nothing));
        }
        Ok(definition)
    }
}

/// The help page that `kind` names, which must be there; else the usual one, if it is there.
fn help(kind: &Section<'_>, files: &BTreeMap<Box<str>, Arc<[u8]>>) -> Result<Option<Box<str>>, Misfit> {
    match kind.text("help")? {
        Some(path) if files.contains_key(path) => Ok(Some(path.into())),
        Some(path) => {
            let file = Text::<256>::clipped(path).as_str().into();
            Err(kind.misfit("help", Fault::NoFile { file }))
        }
        None => Ok(files.get_key_value("help.md").map(|(path, _)| path.clone())),
    }
}

/// The numbers and names that properties, actions and events have taken so far.
#[derive(Default)]
struct Channels {
    taken: BTreeMap<u8, Box<str>>,
}

/// The keys that properties, actions and events have in common.
struct Head {
    channel: u8,
    name: Box<str>,
    title: Box<str>,
}

impl Channels {
    fn properties(&mut self, kind: &Section<'_>) -> Result<Vec<Arc<Property>>, Misfit> {
        let keys = [&CHANNEL_KEYS[..], &VALUE_KEYS[..], &["access", "show", "history"]].concat();
        let listed = kind.sections("property", "a property", &keys)?;
        listed.iter().map(|section| self.property(section).map(Arc::new)).collect()
    }

    fn property(&mut self, section: &Section<'_>) -> Result<Property, Misfit> {
        let Head { channel, name, title } = self.head(section)?;
        let value = value_type(section)?;
        let access = section.word("access", &Access::ALL.map(|access| (access.word(), access)))?;
        let access = access.unwrap_or(Access::Read);
        let show = widget(section, &value, access)?;
        let history = section.word("history", &History::ALL.map(|history| (history.word(), history)))?;
        let history = history.unwrap_or(match value {
            ValueType::Int { .. } | ValueType::Float { .. } => History::Every,
            ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => {
                History::Changes
            }
        });
        Ok(Property { channel, name, title, value, access, show, history })
    }

    fn actions(&mut self, kind: &Section<'_>) -> Result<Vec<Arc<Action>>, Misfit> {
        let keys = [&CHANNEL_KEYS[..], &["argument"]].concat();
        let argument_keys = [&["title"], &VALUE_KEYS[..]].concat();
        let listed = kind.sections("action", "an action", &keys)?;
        let action = |section: &Section<'_>| {
            let Head { channel, name, title } = self.head(section)?;
            let argument = match section.section("argument", "an argument", &argument_keys)? {
                None => None,
                Some(argument) => Some(Argument {
                    title: argument.need("title", argument.line::<64>("title")?)?,
                    value: value_type(&argument)?,
                }),
            };
            Ok(Arc::new(Action { channel, name, title, argument }))
        };
        listed.iter().map(action).collect()
    }

    fn events(&mut self, kind: &Section<'_>) -> Result<Vec<Arc<Event>>, Misfit> {
        let keys = [&CHANNEL_KEYS[..], &VALUE_KEYS[..]].concat();
        let listed = kind.sections("event", "an event", &keys)?;
        let event = |section: &Section<'_>| {
            let Head { channel, name, title } = self.head(section)?;
            Ok(Arc::new(Event { channel, name, title, value: value_type(section)? }))
        };
        listed.iter().map(event).collect()
    }

    /// Reads the number, name and title of one more, and takes the number and the name for it.
    fn head(&mut self, section: &Section<'_>) -> Result<Head, Misfit> {
        if self.taken.len() == MAX_CHANNELS {
            return Err(section.misfit("channel", Fault::TooManyChannels { limit: MAX_CHANNELS }));
        }
        let channel = section.need("channel", section.int("channel", 1, i64::from(u8::MAX))?)?;
        let channel = u8::try_from(channel).unwrap_or(u8::MAX);
        let name = section.name("name")?;
        if let Some(by) = self.taken.get(&channel) {
            return Err(section.misfit("channel", Fault::ChannelTaken { channel, by: by.clone() }));
        }
        if self.taken.values().any(|taken| *taken == name) {
            let what = "property, action and event";
            return Err(section.misfit("name", Fault::NameTaken { name, what }));
        }
        self.taken.insert(channel, name.clone());
        let title = section.need("title", section.line::<64>("title")?)?;
        Ok(Head { channel, name, title })
    }
}
