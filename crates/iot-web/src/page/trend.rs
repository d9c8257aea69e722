//! [`Trend`]: a number over days, drawn from roll-ups: the mean as a line in a band from the lowest to the
//! highest, and the same as a table. Where a bucket has no readings nothing is drawn, and the gap is hatched.

use askama::Template;
use iot_core::{Series, catalogue::ValueType, store::Bucket, view::PropertyView};
use iot_proto::{Finite, OwnedValue, UnixMillis};

use super::{
    axis::{Tick, rounded, x_axis, y_axis},
    curve::{self, Bounds, Window},
    range::{self, Range, RangeLink},
};
use crate::wording::{self, Words};

/// Most parts that are drawn; buckets share one where there are more.
const PARTS: usize = 240;

/// Rows of the table.
const ROWS: usize = 100;

/// A number over days.
#[derive(Template)]
#[template(path = "part/trend.html")]
pub(super) struct Trend {
    title: Box<str>,
    /// What is shown, in a sentence.
    label: String,
    ranges: Vec<RangeLink>,
    plot: Option<Plot>,
    x_axis: Vec<Tick>,
    unit: String,
    rows: Vec<Row>,
    older: usize,
    figures: Vec<(&'static str, String)>,
    /// Where the readings can be had as a file, by format.
    files: [(&'static str, String); 2],
}

struct Plot {
    band: String,
    line: String,
    y_axis: Vec<Tick>,
    gaps: Vec<Gap>,
}

struct Gap {
    x: String,
    width: String,
}

struct Row {
    from: String,
    lowest: String,
    mean: String,
    highest: String,
    readings: String,
}

/// One or more buckets side by side, drawn as one.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
    mean: f64,
}

/// The trend of a property over a range of which there are roll-ups, oldest first.
pub(super) fn trend(
    view: &PropertyView,
    buckets: &[Bucket],
    range: Range,
    words: &Words,
    series: &Series,
) -> Trend {
    let definition = &view.property.value;
    let now = words.now().0;
    let window = Window { from: now.saturating_sub(range.length_ms()), to: now };
    let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let readings = wording::count(usize::try_from(count).unwrap_or(usize::MAX), "reading", "readings");
    let text = |value| text(definition, value);
    let rows = buckets.iter().rev().take(ROWS).map(|bucket| Row {
        from: words.minute(bucket.start),
        lowest: text(bucket.min),
        mean: text(bucket.mean()),
        highest: text(bucket.max),
        readings: bucket.count.to_string(),
    });
    Trend {
        title: view.property.title.clone(),
        label: format!("{} over the last {}: {readings}", view.property.title, range.title()),
        ranges: range::links(range),
        plot: Plot::new(buckets, window, range, definition),
        x_axis: x_axis(window, range, words),
        unit: definition.unit().to_owned(),
        rows: rows.collect(),
        older: buckets.len().saturating_sub(ROWS),
        figures: figures(buckets, definition, words, readings),
        files: range::files(series, window.from, window.to),
    }
}

impl Plot {
    fn new(buckets: &[Bucket], window: Window, range: Range, definition: &ValueType) -> Option<Self> {
        let width = range.resolution()?.millis();
        let parts = parts(buckets, width);
        let first = parts.first()?;
        let bounds = parts.iter().fold(Bounds { low: first.low, high: first.high }, |bounds, part| Bounds {
            low: bounds.low.min(part.low),
            high: bounds.high.max(part.high),
        });
        let (bounds, step) = rounded(bounds, definition);
        let y = |value: f64| bounds.part(value).map_or(50.0, |part| 100.0 - part * 100.0);
        let runs: Vec<_> = parts.chunk_by(|one, next| one.to == next.from).collect();
        let gap = |(one, next): (&&[Part], &&[Part])| {
            let (from, to) = (window.part(one.last()?.to), window.part(next.first()?.from));
            Some(Gap { x: format!("{from:.1}%"), width: format!("{:.1}%", to - from) })
        };
        Some(Self {
            band: runs.iter().map(|run| band(run, window, y)).collect(),
            line: runs.iter().map(|run| line(run, window, y)).collect(),
            y_axis: y_axis(bounds, step, definition),
            gaps: runs.iter().zip(runs.iter().skip(1)).filter_map(gap).collect(),
        })
    }
}

/// Buckets of this width, side by side in parts of which there are not too many.
fn parts(buckets: &[Bucket], width_ms: i64) -> Vec<Part> {
    let together = buckets.len().div_ceil(PARTS).max(1);
    let runs = buckets.chunk_by(|one, next| one.start.0.saturating_add(width_ms) == next.start.0);
    runs.flat_map(|run| run.chunks(together)).filter_map(|buckets| part(buckets, width_ms)).collect()
}

fn part(buckets: &[Bucket], width_ms: i64) -> Option<Part> {
    let (first, last) = (buckets.first()?, buckets.last()?);
    Some(Part {
        from: first.start.0,
        to: last.start.0.saturating_add(width_ms),
        low: buckets.iter().map(|bucket| bucket.min).fold(f64::INFINITY, f64::min),
        high: buckets.iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max),
        mean: mean(buckets)?,
    })
}

/// The mean of all readings; `None` where there are none.
fn mean(buckets: &[Bucket]) -> Option<f64> {
    let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let count = curve::float(i64::try_from(count).ok().filter(|count| *count > 0)?);
    Some(buckets.iter().map(|bucket| bucket.sum).sum::<f64>() / count)
}

/// From the highest to the lowest of parts that touch, in steps.
fn band(run: &[Part], window: Window, y: impl Fn(f64) -> f64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    for (number, part) in run.iter().enumerate() {
        let (from, to, high) = (window.part(part.from), window.part(part.to), y(part.high));
        // Writing to a String cannot fail.
        let _ = match number {
            0 => write!(path, "M{from:.2} {high:.2}H{to:.2}"),
            _ => write!(path, "V{high:.2}H{to:.2}"),
        };
    }
    for part in run.iter().rev() {
        let _ = write!(path, "V{:.2}H{:.2}", y(part.low), window.part(part.from));
    }
    path.push('Z');
    path
}

/// Through the means of parts that touch.
fn line(run: &[Part], window: Window, y: impl Fn(f64) -> f64) -> String {
    let place = |part: &Part| {
        format!("{:.2} {:.2}", f64::midpoint(window.part(part.from), window.part(part.to)), y(part.mean))
    };
    let [only] = run else { return format!("M{}", run.iter().map(place).collect::<Vec<_>>().join("L")) };
    // A line needs two ends to be seen.
    let mean = y(only.mean);
    format!("M{:.2} {mean:.2}H{:.2}", window.part(only.from), window.part(only.to))
}

fn figures(
    buckets: &[Bucket],
    definition: &ValueType,
    words: &Words,
    readings: String,
) -> Vec<(&'static str, String)> {
    let lowest = buckets.iter().min_by(|one, two| one.min.total_cmp(&two.min));
    let highest = buckets.iter().max_by(|one, two| one.max.total_cmp(&two.max));
    let when = |value, at: UnixMillis| format!("{}, {}", text(definition, value), words.minute(at));
    let mut figures = Vec::new();
    figures.extend(lowest.map(|bucket| ("Lowest", when(bucket.min, bucket.start))));
    figures.extend(mean(buckets).map(|mean| ("Mean of readings", text(definition, mean))));
    figures.extend(highest.map(|bucket| ("Highest", when(bucket.max, bucket.start))));
    figures.push(("Readings", readings));
    figures
}

/// A number of the property with its unit. The mean of whole numbers need not be whole.
fn text(definition: &ValueType, value: f64) -> String {
    match (definition, Finite::new(value)) {
        (ValueType::Float { .. }, Ok(value)) => definition.text_with_unit(&OwnedValue::Float(value)).into(),
        (_, _) if value.fract() == 0.0 => format!("{value:.0}\u{a0}{}", definition.unit()),
        (_, _) => format!("{value:.1}\u{a0}{}", definition.unit()),
    }
}
