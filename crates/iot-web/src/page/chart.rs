//! [`Chart`]: readings over hours, readable without a script, and the same as a table.
//!
//! A line breaks where readings are missing and the gap is hatched; late readings are hollow and lie where
//! they were measured; right of now only what is desired may be drawn.

use askama::Template;
use iot_core::{
    PresenceState, Series,
    catalogue::ValueType,
    view::{NodeView, PropertyView, ReadingView},
};
use iot_proto::OwnedValue;

use super::{
    axis::{Tick, rounded, x_axis, y_axis},
    curve::{self, Bounds, Join, Point, Window},
    range::{self, Range, RangeLink},
    sketch::{self, Band, Trust},
};
use crate::wording::{self, Words};

/// Parts of the time of which each is drawn with a few points.
const PARTS: i64 = 200;

/// Most hollow points.
const LATE_POINTS: usize = 100;

/// Rows of the table.
const ROWS: usize = 100;

/// Readings over hours.
#[derive(Template)]
#[template(path = "part/chart.html")]
pub(super) struct Chart {
    title: Box<str>,
    /// What the chart shows, in a sentence.
    label: String,
    ranges: Vec<RangeLink>,
    plot: Option<Plot>,
    strip: Vec<Band>,
    x_axis: Vec<Tick>,
    column: String,
    rows: Vec<Row>,
    older: usize,
    figures: Vec<(&'static str, String)>,
    /// Where all of it can be had as a file, by format.
    files: [(&'static str, String); 2],
}

struct Plot {
    line: String,
    y_axis: Vec<Tick>,
    gaps: Vec<Gap>,
    late: Vec<(String, String)>,
    last: Option<(String, String)>,
    desired: Option<Desired>,
    now: String,
}

struct Gap {
    x: String,
    width: String,
}

struct Desired {
    path: String,
    y: String,
    text: String,
}

struct Row {
    measured: String,
    arrived: String,
    value: Box<str>,
    late: Option<String>,
}

/// The chart of one property's readings; those before its time say what held when it began.
pub(super) fn chart(
    view: &PropertyView,
    all: &[ReadingView],
    range: Range,
    words: &Words,
    node: &NodeView,
    series: &Series,
) -> Chart {
    let property = &view.property;
    let length = range.length_ms();
    let (from, now) = (words.now().0.saturating_sub(length), words.now().0);
    // A twentieth of the width is to come: that is where what is desired stands.
    let window = Window { from, to: now.saturating_add(length / 19) };
    let readings = all.get(all.partition_point(|reading| reading.measured.0 < from)..).unwrap_or_default();
    let points = curve::points(property, all, window, PARTS);
    let is_number = all.iter().any(|reading| curve::number(&reading.value).is_some())
        && !matches!(property.value, ValueType::Enum { .. } | ValueType::Colour);
    let trusted = matches!(node.presence.state, PresenceState::Online | PresenceState::Asleep);
    let trust = if trusted { Trust::Fresh } else { Trust::Old };
    let strip = match property.value {
        ValueType::Bool { .. } | ValueType::Enum { .. } => {
            sketch::strip(&property.value, all, view.latest.as_ref(), Window { from, to: now }, trust)
        }
        ValueType::Int { .. } | ValueType::Float { .. } | ValueType::Colour | ValueType::Text { .. } => {
            Vec::new()
        }
    };
    let rows = readings.iter().rev().take(ROWS).map(|reading| Row {
        measured: words.time(reading.measured),
        arrived: words.time(reading.arrived),
        value: property.value.text(&reading.value),
        late: Words::late(reading.measured, reading.arrived),
    });
    let unit = property.value.unit();
    Chart {
        title: property.title.clone(),
        label: label(view, readings, range),
        ranges: range::links(range),
        plot: is_number.then(|| Plot::new(view, &points, readings, window, now)).flatten(),
        x_axis: x_axis(if strip.is_empty() { window } else { Window { from, to: now } }, range, words),
        strip,
        column: if unit.is_empty() {
            property.title.to_string()
        } else {
            format!("{} {unit}", property.title)
        },
        rows: rows.collect(),
        older: readings.len().saturating_sub(ROWS),
        figures: figures(view, readings, words),
        files: range::files(series, from, now),
    }
}

fn label(view: &PropertyView, readings: &[ReadingView], range: Range) -> String {
    let count = wording::count(readings.len(), "reading", "readings");
    format!("{} over the last {}: {count}", view.property.title, range.title())
}

impl Plot {
    fn new(
        view: &PropertyView,
        points: &[Point],
        readings: &[ReadingView],
        window: Window,
        now: i64,
    ) -> Option<Self> {
        let desired = view.desired.as_ref().and_then(|desired| curve::number(&desired.value));
        let mut bounds = curve::bounds(points)?;
        if let Some(desired) = desired {
            bounds = Bounds { low: bounds.low.min(desired), high: bounds.high.max(desired) };
        }
        let (bounds, step) = rounded(bounds, &view.property.value);
        let y = |value: f64| bounds.part(value).map_or(50.0, |part| 100.0 - part * 100.0);
        let late = readings.iter().filter(|reading| Words::late(reading.measured, reading.arrived).is_some());
        let late = late.filter_map(|reading| Some((reading.measured.0, curve::number(&reading.value)?)));
        let place =
            |(at, value): (i64, f64)| (format!("{:.1}%", window.part(at)), format!("{:.1}%", y(value)));
        let from_now = window.part(now);
        Some(Self {
            line: curve::path(points, window, None, y),
            y_axis: y_axis(bounds, step, &view.property.value),
            gaps: gaps(points, window),
            late: late.take(LATE_POINTS).map(place).collect(),
            last: points.last().map(|point| place((point.at, point.value))),
            desired: view.desired.as_ref().zip(desired).map(|(desired, value)| Desired {
                path: format!("M{from_now:.1} {:.1}H100", y(value)),
                y: format!("{:.1}%", y(value)),
                text: format!("desired {}", view.property.value.text_with_unit(&desired.value)),
            }),
            now: format!("{from_now:.1}%"),
        })
    }
}

/// From each point after which nobody knows, to the next.
fn gaps(points: &[Point], window: Window) -> Vec<Gap> {
    let pairs = points.iter().zip(points.iter().skip(1)).filter(|(_, next)| next.join == Join::Break);
    let gap = |(before, next): (&Point, &Point)| {
        let (from, to) = (window.part(before.at), window.part(next.at));
        Gap { x: format!("{from:.1}%"), width: format!("{:.1}%", to - from) }
    };
    pairs.map(gap).collect()
}

fn figures(view: &PropertyView, readings: &[ReadingView], words: &Words) -> Vec<(&'static str, String)> {
    let definition = &view.property.value;
    let numbers: Vec<_> =
        readings.iter().filter_map(|reading| Some((curve::number(&reading.value)?, reading))).collect();
    let late =
        readings.iter().filter(|reading| Words::late(reading.measured, reading.arrived).is_some()).count();
    let words_of = |(_, reading): &&(f64, &ReadingView)| {
        format!("{} at {}", definition.text_with_unit(&reading.value), words.minute(reading.measured))
    };
    let mut figures = Vec::new();
    if !matches!(definition, ValueType::Enum { .. } | ValueType::Colour) {
        let by_value = |one: &&(f64, &ReadingView), two: &&(f64, &ReadingView)| one.0.total_cmp(&two.0);
        let lowest = numbers.iter().min_by(by_value);
        let highest = numbers.iter().max_by(by_value);
        figures.extend(lowest.as_ref().map(|lowest| ("Lowest", words_of(lowest))));
        figures.extend(mean(&numbers, definition).map(|mean| ("Mean of readings", mean)));
        figures.extend(highest.as_ref().map(|highest| ("Highest", words_of(highest))));
    }
    figures.push(("Readings", format!("{}, {late} late", readings.len())));
    figures
}

fn mean(numbers: &[(f64, &ReadingView)], definition: &ValueType) -> Option<String> {
    let count = curve::float(i64::try_from(numbers.len()).ok().filter(|count| *count > 0)?);
    let mean = numbers.iter().map(|(number, _)| number).sum::<f64>() / count;
    let value = match definition {
        ValueType::Float { .. } => OwnedValue::Float(iot_proto::Finite::new(mean).ok()?),
        ValueType::Int { unit, .. } => return Some(format!("{mean:.1}\u{a0}{unit}")),
        ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => {
            return None;
        }
    };
    Some(definition.text_with_unit(&value).into())
}
