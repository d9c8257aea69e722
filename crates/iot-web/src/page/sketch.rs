//! Small pictures of a property's last two hours: a sparkline for numbers, a strip for states.
//!
//! A line breaks where readings are missing; what nobody knows is hatched.

use iot_core::{
    Series,
    catalogue::{History, Property, ValueType},
    store::ReadingQuery,
    view::{PropertyView, ReadingView},
};
use iot_proto::{OwnedValue, UnixMillis};

use super::curve::{self, Point, Window};
use crate::{Backend, web::Web};

/// What a sketch shows.
const BACK_MS: i64 = 2 * 3_600 * 1_000;

/// Least time that a sketch shows: a series that is younger than two hours fills it from then on.
const LEAST_MS: i64 = 5 * 60 * 1_000;

/// How far before that a state may have begun.
const BEFORE_MS: i64 = 22 * 3_600 * 1_000;

/// Most readings looked at for one sketch.
const READINGS: usize = 2_000;

/// Parts of the time of which each is drawn with a few points.
const PARTS: i64 = 20;

/// A picture of the last hours.
#[derive(Debug, Default)]
pub(super) enum Sketch {
    /// Nothing is kept, or nothing can be drawn.
    #[default]
    None,
    /// A line, in a field of 100 by 28.
    Spark(Spark),
    /// States side by side.
    Strip(Vec<Band>),
}

#[derive(Debug)]
pub(super) struct Spark {
    /// The path of the line.
    pub(super) line: String,
    /// The last point.
    pub(super) dot: Option<String>,
    /// Whether the last point is old.
    pub(super) old: bool,
    /// Where nothing is known any more.
    pub(super) unknown_from: Option<String>,
}

/// One state for a time.
#[derive(Debug)]
pub(super) struct Band {
    /// Class of the style sheet.
    pub(super) class: &'static str,
    /// Where it begins, in per cent.
    pub(super) x: String,
    /// How wide it is, in per cent.
    pub(super) width: String,
    /// The state in words.
    pub(super) text: String,
}

/// Whether the present value can be trusted as the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Fresh,
    Old,
}

impl Sketch {
    /// Draws the last two hours of a property. What cannot be read is not drawn: the value stands above.
    pub(super) async fn of<B: Backend>(
        web: &Web<B>,
        series: Series,
        view: &PropertyView,
        trust: Trust,
    ) -> Self {
        let property = &view.property;
        let drawn = match property.value {
            ValueType::Bool { .. }
            | ValueType::Int { .. }
            | ValueType::Float { .. }
            | ValueType::Enum { .. } => property.history != History::Latest,
            ValueType::Colour | ValueType::Text { .. } => false,
        };
        if !drawn || view.latest.is_none() {
            return Self::None;
        }
        let now = web.now().0;
        let before = if property.history == History::Changes { BEFORE_MS } else { 0 };
        let from = UnixMillis(now.saturating_sub(BACK_MS + before));
        let to = UnixMillis(now.saturating_add(1));
        let query = ReadingQuery { series, from, to, limit: READINGS };
        let Ok(readings) = web.backend.readings(query).await else { return Self::None };
        let mut window = Window { from: now.saturating_sub(BACK_MS), to: now };
        if let Some(first) = readings.first() {
            let young = first.measured.0.min(now.saturating_sub(LEAST_MS));
            window.from = window.from.max(young);
        }
        match property.value {
            ValueType::Int { .. } | ValueType::Float { .. } => spark(property, &readings, window, trust),
            ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => {
                Self::Strip(strip(&property.value, &readings, view.latest.as_ref(), window, trust))
            }
        }
    }
}

fn spark(property: &Property, readings: &[ReadingView], window: Window, trust: Trust) -> Sketch {
    let points = curve::points(property, readings, window, PARTS);
    let Some(bounds) = curve::bounds(&points) else { return Sketch::None };
    let hold = (trust == Trust::Fresh && property.history == History::Changes).then_some(window.to);
    let y = |value: f64| bounds.part(value).map_or(14.0, |part| 25.0 - part * 22.0);
    let line = curve::path(&points, window, hold, y);
    let last = points.last().map(|Point { at, value, .. }| (window.part(hold.unwrap_or(*at)), y(*value)));
    Sketch::Spark(Spark {
        line,
        dot: last.map(|(x, y)| format!("M{x:.1} {y:.1}h0")),
        old: trust == Trust::Old,
        unknown_from: last.filter(|_| trust == Trust::Old).map(|(x, _)| format!("M{x:.1} 0H100V28H{x:.1}z")),
    })
}

/// The states of a window, side by side.
pub(super) fn strip(
    definition: &ValueType,
    readings: &[ReadingView],
    latest: Option<&ReadingView>,
    window: Window,
    trust: Trust,
) -> Vec<Band> {
    let mut bands = Vec::new();
    // Nothing newer than the latest reading is kept, so before the window it says what held all through it.
    let held =
        readings.is_empty().then_some(latest).flatten().filter(|latest| latest.measured.0 <= window.from);
    let changes = curve::changes(readings.iter().chain(held));
    let first = changes.first().map_or(window.to, |reading| reading.measured.0);
    push(&mut bands, window, (window.from, first), "is-none", "unknown".into());
    for (at, reading) in changes.iter().enumerate() {
        let last_known = readings.last().or(held).map_or(window.to, |last| last.measured.0);
        let end = match (changes.get(at + 1), trust) {
            (Some(next), _) => next.measured.0,
            (None, Trust::Fresh) => window.to,
            (None, Trust::Old) => last_known,
        };
        let class = if is_on(&reading.value) { "is-on" } else { "is-off" };
        push(&mut bands, window, (reading.measured.0, end), class, definition.text(&reading.value).into());
        if trust == Trust::Old && at + 1 == changes.len() {
            push(&mut bands, window, (end, window.to), "is-none", "unknown".into());
        }
    }
    bands
}

fn push(bands: &mut Vec<Band>, window: Window, span: (i64, i64), class: &'static str, text: String) {
    let (from, to) = (window.part(span.0), window.part(span.1));
    if to > from {
        bands.push(Band { class, x: format!("{from:.1}%"), width: format!("{:.1}%", to - from), text });
    }
}

fn is_on(value: &OwnedValue) -> bool {
    match value {
        OwnedValue::Bool(value) => *value,
        OwnedValue::Int(value) => *value != 0,
        OwnedValue::Float(value) => value.get() != 0.0,
        OwnedValue::Text(value) => !value.is_empty(),
    }
}

/// Where a number lies in the range of its definition, in per cent.
pub(crate) fn part_of_range(definition: &ValueType, value: &OwnedValue) -> Option<f64> {
    let value = curve::number(value)?;
    let (low, high) = match definition {
        ValueType::Int { range, .. } => (curve::float(range.0), curve::float(range.1)),
        ValueType::Float { range, .. } => *range,
        ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => {
            return None;
        }
    };
    (high > low).then(|| ((value - low) / (high - low) * 100.0).clamp(0.0, 100.0))
}
