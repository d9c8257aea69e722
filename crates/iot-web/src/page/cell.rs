//! [`Shown`]: a property as people see it, and [`Cell`]: a module's main property on a board.

use askama::Template;
use iot_core::{
    CommandState, PresenceState, Series,
    catalogue::{ModuleKind, Property, ValueType, Widget},
    view::{CommandView, ModuleView, NodeView, PropertyView, Wanted},
};

use super::{
    control::{Control, Field, Target},
    refusal::{Back, Refusal},
    sketch::{self, Sketch, Trust},
    terms::Mark,
};
use crate::{
    Backend,
    door::Rights,
    web::Web,
    wording::{self, Words},
};

/// What stands around the properties of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) words: &'a Words,
    /// Commands that failed and that nothing newer replaced.
    pub(super) failed: &'a [&'a CommandView],
    /// A form that was refused just now.
    pub(super) refusal: Option<&'a Refusal>,
    /// The page.
    pub(super) back: Back,
    /// What whoever looks at it may do.
    pub(super) rights: &'a Rights,
}

/// A property: its value and age, what is desired, and its control.
#[derive(Debug)]
pub(super) struct Shown {
    /// Under which the live feed speaks of it.
    pub(super) series: String,
    pub(super) title: Box<str>,
    pub(super) face: Face,
    pub(super) control: Option<Control>,
    pub(super) want: Option<Want>,
    pub(super) trouble: Trouble,
    pub(super) age: Age,
    /// Whether a new value needs the part of the page anew.
    pub(super) whole: bool,
}

/// How the reported value looks.
#[derive(Debug)]
pub(super) enum Face {
    /// Nobody knows it.
    Unknown,
    /// A number and its unit.
    Number { number: Box<str>, unit: Box<str> },
    /// A number on an arc: also how far it is, in per cent.
    Gauge { number: Box<str>, unit: Box<str>, part: String, label: String },
    /// A word or a line of text.
    Word(Box<str>),
    /// A colour, as `#rrggbb`.
    Colour(Box<str>),
}

/// What is desired, in pencil.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) value: Box<str>,
    /// How far it is: `queued 14:22:31, waits for 14:31`.
    pub(super) state: String,
}

/// What went wrong with the property's control.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The last command failed: what, and why.
    pub(super) failed: Option<String>,
    /// What was entered just now was refused: why, and what to do.
    pub(super) refused: Option<(String, &'static str)>,
}

/// How old the value is, and what else is to be said about its time.
#[derive(Debug)]
pub(super) struct Age {
    /// When it was measured, in milliseconds since 1970, and for machines.
    pub(super) measured: Option<(i64, String)>,
    /// The age in words, or why there is none.
    pub(super) text: String,
    /// When it was measured, in words.
    pub(super) at: String,
    /// By how much it arrived late.
    pub(super) late: Option<String>,
    /// Why it may no longer hold: class and words of a tag.
    pub(super) old: Option<(&'static str, String)>,
}

/// A module's main property on a board.
#[derive(Debug, Template)]
#[template(path = "part/cell.html")]
pub(super) struct Cell {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) icon: Box<str>,
    pub(super) title: Box<str>,
    pub(super) sub: String,
    pub(super) shape: &'static str,
    pub(super) shown: Option<Shown>,
    pub(super) sketch: Sketch,
    /// The other properties, in a line.
    pub(super) rest: String,
    /// Why the module is not registered.
    pub(super) unsupported: Option<(String, &'static str)>,
}

impl Shown {
    /// The property as people see it.
    pub(super) fn new(
        node: &NodeView,
        module: &ModuleView,
        view: &PropertyView,
        setting: Setting<'_>,
    ) -> Self {
        let property = &view.property;
        let target =
            Target { node: &node.id, module: module.index, title: &module.title, back: setting.back };
        let channel = property.channel;
        let refusal = setting.refusal.filter(|refusal| refusal.is_about(&node.id, module.index, channel));
        let control = Control::of_property(target, view, refusal.map(|refusal| &*refusal.entered))
            .filter(|control| node.permission.is_there() && setting.rights.may(&control.url));
        let face = Face::new(view);
        let plain = matches!(face, Face::Number { .. } | Face::Gauge { .. } | Face::Word(_));
        let whole =
            control.as_ref().map_or(!plain, Control::is_more_than_its_value) || view.desired.is_some();
        Self {
            series: format!("{}/{}/{channel}", node.id, module.index),
            title: property.title.clone(),
            age: Age::new(node, view, setting.words),
            want: want(node, view, setting.words),
            trouble: Trouble {
                failed: setting.failed.iter().find_map(|failed| failure(failed, node, module, property)),
                refused: refusal
                    .map(|refusal| (wording::sentence(&refusal.error.to_string()), refusal.error.advice())),
            },
            face,
            control,
            whole,
        }
    }

    /// Whether the value lost its ink.
    pub(super) fn is_old(&self) -> bool {
        self.age.old.is_some() && !matches!(self.face, Face::Unknown)
    }

    /// Whether the control itself shows what is reported.
    pub(super) fn shows_itself(&self) -> bool {
        let known = !matches!(self.face, Face::Unknown);
        self.control.as_ref().is_some_and(|control| match control.field {
            Field::Toggle(_) => true,
            Field::Slider(_) | Field::Segments(_) | Field::Text { .. } => known,
            Field::None | Field::Number(_) | Field::Select(_) | Field::Colour { .. } => false,
        })
    }

    /// What is reported, in words.
    pub(super) fn reported(&self) -> Option<String> {
        match &self.face {
            Face::Unknown => None,
            Face::Number { number, unit } | Face::Gauge { number, unit, .. } => {
                Some(if unit.is_empty() { number.to_string() } else { format!("{number}\u{a0}{unit}") })
            }
            Face::Word(word) | Face::Colour(word) => Some(word.to_string()),
        }
    }
}

impl Face {
    fn new(view: &PropertyView) -> Self {
        let Property { value: definition, show, .. } = &*view.property;
        let Some(reading) = &view.latest else { return Self::Unknown };
        let (number, unit) = (definition.text(&reading.value), Box::<str>::from(definition.unit()));
        match definition {
            ValueType::Int { .. } | ValueType::Float { .. } => {
                match sketch::part_of_range(definition, &reading.value).filter(|_| *show == Widget::Gauge) {
                    Some(part) => Self::Gauge {
                        label: format!(
                            "{}, {}",
                            definition.text_with_unit(&reading.value),
                            definition.expected()
                        ),
                        part: format!("{part:.1}"),
                        number,
                        unit,
                    },
                    None => Self::Number { number, unit },
                }
            }
            ValueType::Colour => Self::Colour(number),
            ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Text { .. } => Self::Word(number),
        }
    }
}

impl Age {
    fn new(node: &NodeView, view: &PropertyView, words: &Words) -> Self {
        let Some(reading) = &view.latest else {
            let text = format!("Not reported since the node joined, {}.", words.since(node.first_seen));
            return Self { measured: None, text, at: String::new(), late: None, old: None };
        };
        let tag = match node.presence.state {
            PresenceState::Online | PresenceState::Asleep => None,
            PresenceState::Lost => Some("bad"),
            PresenceState::Overdue => Some("warn"),
            PresenceState::Connecting | PresenceState::Disabled => Some(""),
        };
        Self {
            measured: Some((reading.measured.0, Words::iso(reading.measured))),
            text: words.age(reading.measured),
            at: words.time(reading.measured),
            late: Words::late(reading.measured, reading.arrived),
            old: tag.map(|tag| (tag, format!("node {}", node.presence.state.word()))),
        }
    }
}

fn want(node: &NodeView, view: &PropertyView, words: &Words) -> Option<Want> {
    let desired = view.desired.as_ref()?;
    let time = words.time(desired.since);
    let contact = node.presence.next_contact.filter(|at| *at > words.now());
    let state = match desired.state {
        CommandState::Queued => match contact {
            Some(at) => format!("queued {time}, waits for {}", words.minute(at)),
            None => format!("queued {time}, waits for the node"),
        },
        CommandState::Sent => format!("sent {time}, waiting for its answer"),
        CommandState::Accepted => format!("accepted {time}, waiting for its report"),
        CommandState::Done | CommandState::Failed | CommandState::Expired | CommandState::Cancelled => {
            format!("{} {time}", desired.state.word())
        }
    };
    Some(Want { value: view.property.value.text_with_unit(&desired.value), state })
}

/// `60 % failed: blocked`, where this command was for this property.
fn failure(
    command: &CommandView,
    node: &NodeView,
    module: &ModuleView,
    property: &Property,
) -> Option<String> {
    let Wanted::Set { module: index, channel, value } = &command.wanted else { return None };
    if command.node != node.id || *index != module.index || *channel != property.channel {
        return None;
    }
    let cause = command.cause().and_then(|cause| cause.code().word()).map(|word| format!(": {word}"));
    let value = property.value.text_with_unit(value);
    Some(format!("{value} {}{}", command.state.word(), cause.unwrap_or_default()))
}

impl Cell {
    /// The cell of a module.
    pub(super) async fn of<B: Backend>(
        web: &Web<B>,
        node: &NodeView,
        module: &ModuleView,
        setting: Setting<'_>,
    ) -> Self {
        let index = module.index;
        let main = module.properties.first();
        let shown = main.map(|view| Shown::new(node, module, view, setting));
        let trust = if shown.as_ref().is_some_and(Shown::is_old) { Trust::Old } else { Trust::Fresh };
        let series = |channel| Series { node: node.id.clone(), module: index, channel };
        let sketch = match main {
            Some(view) if shown.as_ref().is_some_and(|shown| shown.control.is_none()) => {
                Sketch::of(web, series(view.property.channel), view, trust).await
            }
            _ => Sketch::None,
        };
        let kind = module.kind.as_ref();
        Self {
            id: format!("m-{}-{index}", node.id.as_str().replace(':', "-")),
            href: format!("/nodes/{}/modules/{index}", node.id),
            icon: kind.map_or_else(|_| "warning".into(), |kind| kind.icon.clone()),
            title: module.title.clone(),
            sub: match setting.back {
                Back::Overview => match Mark::of(node) {
                    Some(mark) => format!("{} · {}", node.title, mark.word),
                    None => node.title.to_string(),
                },
                Back::Node | Back::Module => kind_words(module),
            },
            shape: shape(shown.as_ref()),
            rest: rest(module),
            unsupported: kind.err().map(|error| (wording::sentence(&error.to_string()), error.advice())),
            shown,
            sketch,
        }
    }
}

/// Name of the kind for people, or as announced.
pub(super) fn kind_words(module: &ModuleView) -> String {
    module
        .kind
        .as_deref()
        .map_or_else(|_| module.kind_name.to_string(), |kind: &ModuleKind| kind.title.to_string())
}

fn shape(shown: Option<&Shown>) -> &'static str {
    let Some(Shown { control, face, .. }) = shown else { return "" };
    let wide = match control.as_ref().map(|control| &control.field) {
        Some(Field::Toggle(_) | Field::None) => false,
        Some(
            Field::Slider(_)
            | Field::Number(_)
            | Field::Segments(_)
            | Field::Select(_)
            | Field::Colour { .. }
            | Field::Text { .. },
        ) => true,
        None => matches!(face, Face::Word(word) if word.chars().count() > 16),
    };
    if wide { "wide" } else { "" }
}

/// The properties after the main one, in a line: `Target 18.0 °C · Mode Auto`.
fn rest(module: &ModuleView) -> String {
    let others = module.properties.iter().skip(1).take(3).map(|view| {
        let value = view.latest.as_ref().map(|reading| view.property.value.text_with_unit(&reading.value));
        format!("{} {}", view.property.title, value.as_deref().unwrap_or("unknown"))
    });
    others.collect::<Vec<_>>().join(" · ")
}
