//! Axes of a chart: round numbers at the side, round times below, as places in per cent.

use iot_core::catalogue::ValueType;
use iot_proto::UnixMillis;

use super::{
    curve::{Bounds, Window},
    range::Range,
};
use crate::wording::Words;

const DAY_MS: i64 = 86_400_000;

/// A line or a text at an axis.
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) text: String,
    pub(super) class: &'static str,
    pub(super) anchor: &'static str,
}

/// Bounds at round numbers around these, and the distance between two of them.
pub(super) fn rounded(bounds: Bounds, definition: &ValueType) -> (Bounds, f64) {
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

/// Round numbers from the bottom to the top, `step` apart.
pub(super) fn y_axis(bounds: Bounds, step: f64, definition: &ValueType) -> Vec<Tick> {
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

/// Round minutes, hours or days of the clocks here, away from the edges.
pub(super) fn x_axis(window: Window, range: Range, words: &Words) -> Vec<Tick> {
    let step = range.tick_ms();
    let offset = words.offset_ms(words.now());
    let first = (window.from + offset).div_euclid(step) * step + step - offset;
    let instants = std::iter::successors(Some(first), |at| Some(at + step)).take_while(|at| *at < window.to);
    let ticks = instants.map(|at| (at, window.part(at))).filter(|(_, part)| (3.0..=97.0).contains(part));
    let tick = |(number, (at, part)): (usize, (i64, f64))| Tick {
        at: format!("{part:.1}%"),
        text: if step < DAY_MS { words.clock(UnixMillis(at)) } else { words.date(UnixMillis(at)) },
        class: if number % 2 == 1 { "odd" } else { "" },
        anchor: "middle",
    };
    ticks.enumerate().map(tick).collect()
}
