//! Reads the keys that say what values something takes: `type` and those that go with it.

use alloc::{boxed::Box, collections::BTreeSet, format, string::ToString, vec::Vec};
use core::fmt::Display;

use super::{
    fault::Fault,
    kind::{Access, Choice, ValueType, Widget},
    reader::{Misfit, Section, line},
};

/// All keys that this file reads; each type takes some of them.
pub(super) const VALUE_KEYS: [&str; 7] = ["type", "labels", "unit", "range", "step", "options", "max_chars"];

/// Largest whole number of a range: beyond it JSON and pages lose digits.
const MAX_INT: i64 = 9_007_199_254_740_991;
/// Most characters of a text, so that one of ASCII fits the wire's 256 bytes.
const MAX_CHARS: u16 = 256;
/// Most bytes of a unit.
const MAX_UNIT: usize = 16;
/// Most options of an enumeration.
const MAX_OPTIONS: usize = 64;

#[derive(Clone, Copy)]
enum Type {
    Bool,
    Int,
    Float,
    Enum,
    Colour,
    Text,
}

const TYPES: [(&str, Type); 6] = [
    ("bool", Type::Bool),
    ("int", Type::Int),
    ("float", Type::Float),
    ("enum", Type::Enum),
    ("colour", Type::Colour),
    ("text", Type::Text),
];

/// Reads what values the property, argument or event in `section` takes.
pub(super) fn value_type(section: &Section<'_>) -> Result<ValueType, Misfit> {
    let taken = section.need("type", section.word("type", &TYPES)?)?;
    let (word, keys): (_, &[&str]) = match taken {
        Type::Bool => ("bool", &["labels"]),
        Type::Int => ("int", &["unit", "range", "step"]),
        Type::Float => ("float", &["unit", "range", "step"]),
        Type::Enum => ("enum", &["options"]),
        Type::Colour => ("colour", &[]),
        Type::Text => ("text", &["max_chars"]),
    };
    let foreign = VALUE_KEYS.iter().find(|key| **key != "type" && !keys.contains(key) && section.has(key));
    if let Some(key) = foreign {
        return Err(section.misfit(key, Fault::KeyOfOtherType { key, value_type: word }));
    }
    match taken {
        Type::Bool => labels(section),
        Type::Int => int(section),
        Type::Float => float(section),
        Type::Enum => options(section),
        Type::Colour => Ok(ValueType::Colour),
        Type::Text => {
            let max_chars = section.int("max_chars", 1, i64::from(MAX_CHARS))?;
            let max_chars = section.need("max_chars", max_chars)?;
            Ok(ValueType::Text { max_chars: u16::try_from(max_chars).unwrap_or(MAX_CHARS) })
        }
    }
}

fn labels(section: &Section<'_>) -> Result<ValueType, Misfit> {
    let (off, on) = section.text_pair("labels")?.unwrap_or(("Off", "On"));
    let label = |text| line::<64>("labels", text).map_err(|fault| section.misfit("labels", fault));
    Ok(ValueType::Bool { off: label(off)?, on: label(on)? })
}

fn int(section: &Section<'_>) -> Result<ValueType, Misfit> {
    let range = section.need("range", section.int_pair("range", -MAX_INT, MAX_INT)?)?;
    let step = section.need("step", section.int("step", i64::MIN, i64::MAX)?)?;
    check_steps(section, range, step, 0, range.1 - range.0)?;
    Ok(ValueType::Int { unit: unit(section)?, range, step })
}

fn float(section: &Section<'_>) -> Result<ValueType, Misfit> {
    let range = section.need("range", section.number_pair("range")?)?;
    let step = section.need("step", section.number("step")?)?;
    check_steps(section, range, step, 0.0, range.1 - range.0)?;
    Ok(ValueType::Float { unit: unit(section)?, range, step })
}

fn check_steps<T: Copy + PartialOrd + Display>(
    section: &Section<'_>,
    (low, high): (T, T),
    step: T,
    zero: T,
    width: T,
) -> Result<(), Misfit> {
    let text = |number: T| -> Box<str> { number.to_string().into() };
    if low >= high {
        return Err(section.misfit("range", Fault::Range { low: text(low), high: text(high) }));
    }
    if step <= zero {
        return Err(section.misfit("step", Fault::StepNotPositive { step: text(step) }));
    }
    if step > width {
        let fault = Fault::StepTooLarge { step: text(step), low: text(low), high: text(high) };
        return Err(section.misfit("step", fault));
    }
    Ok(())
}

fn unit(section: &Section<'_>) -> Result<Box<str>, Misfit> {
    Ok(section.line::<MAX_UNIT>("unit")?.unwrap_or_default())
}

fn options(section: &Section<'_>) -> Result<ValueType, Misfit> {
    let listed = section.sections("options", "an option", &["name", "title"])?;
    if !(1..=MAX_OPTIONS).contains(&listed.len()) {
        let fault = Fault::Options { options: listed.len(), limit: MAX_OPTIONS };
        return Err(section.misfit("options", fault));
    }
    let mut names = BTreeSet::new();
    let mut options = Vec::with_capacity(listed.len());
    for option in listed {
        let name = option.name("name")?;
        if !names.insert(name.clone()) {
            return Err(option.misfit("name", Fault::NameTaken { name, what: "option" }));
        }
        options.push(Choice { name, title: option.need("title", option.line::<64>("title")?)? });
    }
    Ok(ValueType::Enum { options })
}

/// How a property of this type and access is shown by default, and how else it can be.
fn widgets(value: &ValueType, access: Access) -> (Widget, Option<Widget>) {
    match (value, access) {
        (ValueType::Bool { .. } | ValueType::Enum { .. }, Access::Read) => (Widget::State, None),
        (ValueType::Bool { .. }, Access::ReadWrite) => (Widget::Toggle, None),
        (ValueType::Enum { .. }, Access::ReadWrite) => (Widget::Segments, None),
        (ValueType::Int { .. } | ValueType::Float { .. }, Access::Read) => {
            (Widget::Number, Some(Widget::Gauge))
        }
        (ValueType::Int { .. } | ValueType::Float { .. }, Access::ReadWrite) => {
            (Widget::Number, Some(Widget::Slider))
        }
        (ValueType::Colour, _) => (Widget::Colour, None),
        (ValueType::Text { .. }, _) => (Widget::Text, None),
    }
}

/// Reads how a property is shown, or takes what fits its type and access.
pub(super) fn widget(section: &Section<'_>, value: &ValueType, access: Access) -> Result<Widget, Misfit> {
    let (default, other) = widgets(value, access);
    let wanted = section.word("show", &Widget::ALL.map(|widget| (widget.word(), widget)))?;
    match wanted {
        None => Ok(default),
        Some(wanted) if wanted == default || Some(wanted) == other => Ok(wanted),
        Some(wanted) => {
            let known = match other {
                None => default.word().into(),
                Some(other) => format!("{} or {}", default.word(), other.word()).into(),
            };
            let (value_type, access) = (value.word(), access.word());
            Err(section.misfit("show", Fault::Show { word: wanted.word(), value_type, access, known }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_showing_fits_something() {
        let int = ValueType::Int { unit: "".into(), range: (0, 1), step: 1 };
        let toggle = ValueType::Bool { off: "Off".into(), on: "On".into() };
        let options = ValueType::Enum { options: Vec::new() };
        let types = [int, toggle, options, ValueType::Colour, ValueType::Text { max_chars: 1 }];
        for widget in Widget::ALL {
            let fits = |value: &ValueType| {
                let fitting = Access::ALL.map(|access| widgets(value, access));
                fitting.iter().any(|(default, other)| *default == widget || *other == Some(widget))
            };
            assert!(types.iter().any(fits), "{widget:?}");
        }
    }
}
