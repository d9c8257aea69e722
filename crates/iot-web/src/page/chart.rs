//! [`Chart`]: readings over hours, readable without a script, and the same as a table.
//!
//! A line breaks where readings are missing and the gap is hatched; late readings are hollow and lie where
//! they were measured; right of now only what is desired may be drawn.

use askama::Template;
use iot_core::{
    PresenceState,
    catalogue::ValueType,
    view::{NodeView, PropertyView, ReadingView},
};
use iot_proto::{OwnedValue, UnixMillis};

use super::{
    curve::{self, Bounds, Join, Point, Window},
    sketch::{self, Band, Trust},
};
use crate::{
    error::WebError,
    wording::{self, Words},
};

const HOUR_MS: i64 = 3_600_000;

/// Parts of the time of which each is drawn with a few points.
const PARTS: i64 = 200;

/// Most hollow points.
const LATE_POINTS: usize = 100;

/// Rows of the table.
const ROWS: usize = 100;

/// How far a chart goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    Hour,
    HalfDay,
    Day,
}

impl Range {
    const ALL: [Self; 3] = [Self::Hour, Self::HalfDay, Self::Day];

    /// Reads the word in an address, where there is one.
    pub(super) fn parse(word: Option<&str>) -> Result<Option<Self>, WebError> {
        let Some(word) = word else { return Ok(None) };
        let found = Self::ALL.into_iter().find(|range| range.word() == word);
        found.map(Some).ok_or_else(|| WebError::malformed(format!("r is 1h, 12h or 24h, not {word}")))
    }

    /// The range for readings of twelve hours, where nobody asked for one: a hub that is new has an hour.
    pub(super) fn fitting(readings: &[ReadingView], now: UnixMillis) -> Self {
        let hour_ago = now.0.saturating_sub(HOUR_MS);
        let is_new = readings.first().is_some_and(|first| first.measured.0 >= hour_ago);
        if is_new { Self::Hour } else { Self::HalfDay }
    }

    /// How far back, in milliseconds.
    pub(super) fn length_ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::HalfDay => 12 * HOUR_MS,
            Self::Day => 24 * HOUR_MS,
        }
    }

    /// Distance of the times below the chart, in milliseconds.
    fn tick_ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS / 6,
            Self::HalfDay => 2 * HOUR_MS,
            Self::Day => 4 * HOUR_MS,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::HalfDay => "12h",
            Self::Day => "24h",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Hour => "1 h",
            Self::HalfDay => "12 h",
            Self::Day => "24 h",
        }
    }
}

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
}

struct RangeLink {
    word: &'static str,
    title: &'static str,
    current: bool,
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

struct Tick {
    at: String,
    text: String,
    class: &'static str,
    anchor: &'static str,
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
        ranges: Range::ALL
            .map(|other| RangeLink { word: other.word(), title: other.title(), current: other == range })
            .into(),
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

/// Bounds at round numbers around these, and the distance between two of them.
fn rounded(bounds: Bounds, definition: &ValueType) -> (Bounds, f64) {
    let least = match definition {
        ValueType::Float { step, .. } => *step * 4.0,
        ValueType::Int { .. } | ValueType::Bool { .. } | ValueType::Enum { .. } => 2.0,
        ValueType::Colour | ValueType::Text { .. } => 1.0,
    };
    let rough = ((bounds.high - bounds.low).max(least) / 3.0).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let low = (bounds.low / step).floor() * step;
    let high = (bounds.high / step).ceil() * step;
    (Bounds { low, high: if high > low { high } else { low + step } }, step)
}

fn y_axis(bounds: Bounds, step: f64, definition: &ValueType) -> Vec<Tick> {
    let digits = if step < 1.0 { 1 + usize::from(step < 0.1) + usize::from(step < 0.01) } else { 0 };
    let values = std::iter::successors(Some(bounds.low), |value| Some(value + step));
    let values = values.take_while(|value| *value <= bounds.high + step / 2.0);
    let mut ticks: Vec<_> = values
        .take(12)
        .filter_map(|value| {
            let at = format!("{:.1}%", 100.0 - bounds.part(value)?.min(1.0) * 100.0);
            // A negative zero would be written with its sign.
            Some(Tick { at, text: format!("{:.digits$}", value + 0.0), class: "grid", anchor: "end" })
        })
        .collect();
    if let Some(first) = ticks.first_mut() {
        first.class = "axis";
    }
    if let (Some(last), "°C" | "°") = (ticks.last_mut(), definition.unit()) {
        last.text.push('°');
    }
    ticks
}

/// Round hours or minutes of the clocks here, away from the edges.
fn x_axis(window: Window, range: Range, words: &Words) -> Vec<Tick> {
    let step = range.tick_ms();
    let offset = words.offset_ms(words.now());
    let first = (window.from + offset).div_euclid(step) * step + step - offset;
    let instants = std::iter::successors(Some(first), |at| Some(at + step)).take_while(|at| *at < window.to);
    let ticks = instants.map(|at| (at, window.part(at))).filter(|(_, part)| (3.0..=97.0).contains(part));
    let tick = |(number, (at, part)): (usize, (i64, f64))| Tick {
        at: format!("{part:.1}%"),
        text: words.clock(UnixMillis(at)),
        class: if number % 2 == 1 { "odd" } else { "" },
        anchor: "middle",
    };
    ticks.enumerate().map(tick).collect()
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
