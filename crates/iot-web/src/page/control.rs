//! [`Control`]: the form that sets a property or runs an action, made from its definition alone.
//!
//! The reported value is ink, the desired one pencil: a control never shows as done what the node has not
//! reported.

use askama::Template;
use iot_core::{
    NodeId,
    catalogue::{Access, Action, Choice, ValueType, Widget},
    view::PropertyView,
};
use iot_proto::OwnedValue;

use super::{refusal::Back, sketch};

/// More options than this stand in a list instead of a row.
const ROW_OF_OPTIONS: usize = 4;

/// A form with one button, or with one for each option.
#[derive(Debug, Template)]
#[template(path = "part/control.html")]
pub(super) struct Control {
    /// Where the form is sent.
    pub(super) url: String,
    /// The page that it is sent from.
    pub(super) back: &'static str,
    /// Identifies the field on the page.
    pub(super) id: String,
    /// What the form is for, for those who only hear it.
    pub(super) label: String,
    /// What is on the button.
    pub(super) button: String,
    /// The field.
    pub(super) field: Field,
}

/// The field of a control.
#[derive(Debug)]
pub(super) enum Field {
    /// Nothing but the button.
    None,
    /// A switch.
    Toggle(Toggle),
    /// A scale of what is reported above a slider for what to set.
    Slider(Slider),
    /// A number with its steps.
    Number(Number),
    /// One button for each option.
    Segments(Vec<Segment>),
    /// A list of options.
    Select(Vec<Segment>),
    /// A colour.
    Colour {
        /// What would be set, as `#rrggbb`.
        value: String,
    },
    /// A line of text.
    Text {
        /// What would be set.
        value: String,
        /// Most characters.
        max: u16,
    },
}

#[derive(Debug)]
pub(super) struct Toggle {
    /// What is reported.
    pub(super) reported: Option<bool>,
    /// What is desired: `on` or `off`.
    pub(super) want: Option<&'static str>,
    /// What is reported, in a word.
    pub(super) word: String,
    /// The words for both.
    pub(super) words: [Box<str>; 2],
    /// What pressing it sends.
    pub(super) send: bool,
}

#[derive(Debug)]
pub(super) struct Slider {
    pub(super) number: Number,
    /// What is reported, as part of the scale and in words.
    pub(super) reported: Option<(String, String)>,
    /// What is desired, as part of the scale and in words.
    pub(super) desired: Option<(String, String)>,
    /// From which part of the scale to which the change would go: begin and width.
    pub(super) ghost: Option<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Number {
    pub(super) min: String,
    pub(super) max: String,
    pub(super) step: String,
    pub(super) value: String,
    pub(super) unit: Box<str>,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: Box<str>,
    pub(super) title: Box<str>,
    /// Whether it is reported.
    pub(super) pressed: bool,
    /// Whether it is desired.
    pub(super) pencil: bool,
}

/// The module whose properties and actions are controlled, and the page on which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) node: &'a NodeId,
    pub(super) module: u8,
    pub(super) title: &'a str,
    pub(super) back: Back,
}

impl Target<'_> {
    fn id(self, channel: u8) -> String {
        format!("c-{}-{}-{channel}", self.node.as_str().replace(':', "-"), self.module)
    }
}

impl Control {
    /// The control of a property; `None` where it is only reported. `entered` is what was refused just now.
    pub(super) fn of_property(
        target: Target<'_>,
        view: &PropertyView,
        entered: Option<&str>,
    ) -> Option<Self> {
        let property = &view.property;
        if property.access == Access::Read {
            return None;
        }
        let Target { node, module, title, back } = target;
        let mut field = Field::of_property(view);
        if let Some(entered) = entered {
            field.enter(entered);
        }
        Some(Self {
            url: format!("/nodes/{node}/modules/{module}/properties/{}", property.channel),
            back: back.word(),
            id: target.id(property.channel),
            label: format!("{title}, {}", property.title),
            button: "Set".into(),
            field,
        })
    }

    /// The control of an action, with a field for its argument.
    pub(super) fn of_action(target: Target<'_>, action: &Action, entered: Option<&str>) -> Self {
        let Target { node, module, title, back } = target;
        let mut field =
            action.argument.as_ref().map_or(Field::None, |argument| Field::empty(&argument.value));
        if let Some(entered) = entered {
            field.enter(entered);
        }
        let argument = action.argument.as_ref().map(|argument| format!(", {}", argument.title));
        Self {
            url: format!("/nodes/{node}/modules/{module}/actions/{}", action.channel),
            back: back.word(),
            id: target.id(action.channel),
            label: format!("{title}, {}{}", action.title, argument.unwrap_or_default()),
            button: action.title.clone().into(),
            field,
        }
    }

    /// Whether a patch of the reported value alone would leave the control untrue.
    pub(super) fn is_more_than_its_value(&self) -> bool {
        match self.field {
            Field::Select(_) | Field::Colour { .. } => true,
            Field::None
            | Field::Toggle(_)
            | Field::Slider(_)
            | Field::Number(_)
            | Field::Segments(_)
            | Field::Text { .. } => false,
        }
    }
}

impl Field {
    fn of_property(view: &PropertyView) -> Self {
        let definition = &view.property.value;
        let reported = view.latest.as_ref().map(|reading| &reading.value);
        let desired = view.desired.as_ref().map(|desired| &desired.value);
        match definition {
            ValueType::Bool { off, on } => Self::Toggle(Toggle::new([off, on], reported, desired)),
            ValueType::Int { .. } | ValueType::Float { .. } => {
                if view.property.show == Widget::Slider {
                    Self::Slider(Slider::new(definition, reported, desired))
                } else {
                    Self::Number(Number::new(definition, desired.or(reported)))
                }
            }
            ValueType::Enum { options } => Self::options(options, reported, desired),
            ValueType::Colour => Self::Colour {
                value: desired
                    .or(reported)
                    .map_or_else(|| "#000000".into(), |value| definition.text(value).into()),
            },
            ValueType::Text { max_chars } => Self::Text {
                value: desired.or(reported).map_or(String::new(), |value| definition.text(value).into()),
                max: *max_chars,
            },
        }
    }

    /// A field for an argument, of which nothing is known.
    fn empty(definition: &ValueType) -> Self {
        match definition {
            ValueType::Bool { off, on } => {
                let segment = |name: &str, title: &str| Segment {
                    name: name.into(),
                    title: title.into(),
                    pressed: false,
                    pencil: false,
                };
                Self::Select(vec![segment("false", off), segment("true", on)])
            }
            ValueType::Int { .. } | ValueType::Float { .. } => Self::Number(Number::new(definition, None)),
            ValueType::Enum { options } => Self::Select(segments(options, None, None)),
            ValueType::Colour => Self::Colour { value: "#000000".into() },
            ValueType::Text { max_chars } => Self::Text { value: String::new(), max: *max_chars },
        }
    }

    fn options(options: &[Choice], reported: Option<&OwnedValue>, desired: Option<&OwnedValue>) -> Self {
        let segments = segments(options, reported, desired);
        if options.len() > ROW_OF_OPTIONS { Self::Select(segments) } else { Self::Segments(segments) }
    }

    /// Shows what was entered and refused, so that it can be mended.
    fn enter(&mut self, entered: &str) {
        match self {
            Self::Number(number) | Self::Slider(Slider { number, .. }) => {
                entered.clone_into(&mut number.value);
            }
            Self::Text { value, .. } => entered.clone_into(value),
            Self::None | Self::Toggle(_) | Self::Segments(_) | Self::Select(_) | Self::Colour { .. } => {}
        }
    }
}

impl Toggle {
    fn new(words: [&str; 2], reported: Option<&OwnedValue>, desired: Option<&OwnedValue>) -> Self {
        let boolean = |value: Option<&OwnedValue>| {
            if let Some(OwnedValue::Bool(value)) = value { Some(*value) } else { None }
        };
        let (reported, desired) = (boolean(reported), boolean(desired));
        let word = match reported {
            Some(false) => words[0],
            Some(true) => words[1],
            None => "Unknown",
        };
        Self {
            reported,
            want: desired.map(|desired| if desired { "on" } else { "off" }),
            word: word.into(),
            words: words.map(Into::into),
            send: !desired.or(reported).unwrap_or(false),
        }
    }
}

impl Slider {
    fn new(definition: &ValueType, reported: Option<&OwnedValue>, desired: Option<&OwnedValue>) -> Self {
        // As with a switch, the thumb stays where the node is until it has moved.
        let number = Number::new(definition, reported.or(desired));
        let part = |value: &OwnedValue| sketch::part_of_range(definition, value);
        let place = |value: &OwnedValue| {
            Some((format!("{:.1}%", part(value)?), definition.text_with_unit(value).into()))
        };
        let ghost = reported.zip(desired).and_then(|(from, to)| {
            let (from, to) = (part(from)?, part(to)?);
            Some((format!("{:.1}%", from.min(to)), format!("{:.1}%", (to - from).abs())))
        });
        Self { number, reported: reported.and_then(place), desired: desired.and_then(place), ghost }
    }
}

impl Number {
    fn new(definition: &ValueType, value: Option<&OwnedValue>) -> Self {
        let (min, max, step) = match definition {
            ValueType::Int { range, step, .. } => {
                (range.0.to_string(), range.1.to_string(), step.to_string())
            }
            ValueType::Float { range, step, .. } => {
                (range.0.to_string(), range.1.to_string(), step.to_string())
            }
            ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => {
                (String::new(), String::new(), "any".into())
            }
        };
        let value = value.map_or(String::new(), |value| definition.text(value).into());
        Self { min, max, step, value, unit: definition.unit().into() }
    }
}

fn segments(options: &[Choice], reported: Option<&OwnedValue>, desired: Option<&OwnedValue>) -> Vec<Segment> {
    let index = |value: Option<&OwnedValue>| {
        let Some(OwnedValue::Int(index)) = value else { return None };
        usize::try_from(*index).ok()
    };
    let (reported, desired) = (index(reported), index(desired));
    let segment = |(at, option): (usize, &Choice)| Segment {
        name: option.name.clone(),
        title: option.title.clone(),
        pressed: reported == Some(at),
        pencil: desired == Some(at) && reported != Some(at),
    };
    options.iter().enumerate().map(segment).collect()
}
