//! Readings as points and paths: fewer points than readings, breaks where readings are missing, no axis yet.

use iot_core::{
    catalogue::{History, Property},
    view::ReadingView,
};
use iot_proto::OwnedValue;

/// A gap is so many times longer than the usual distance between two readings.
const GAP: i64 = 4;

/// Nothing shorter than this is a gap, in milliseconds.
const SHORTEST_GAP_MS: i64 = 30_000;

/// A range of time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    /// Where an instant lies in the window, in per cent; outside of it at its edge.
    pub(super) fn part(self, at: i64) -> f64 {
        let whole = float(self.to.saturating_sub(self.from).max(1));
        (float(at.saturating_sub(self.from)) / whole * 100.0).clamp(0.0, 100.0)
    }
}

/// A reading to be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) at: i64,
    pub(super) value: f64,
    /// How it is joined to the point before it.
    pub(super) join: Join,
}

/// How a point is joined to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// Not at all: nobody knows what was between.
    Break,
    /// By a straight line.
    Line,
    /// By a step: the value before held until now.
    Step,
}

/// The smallest and the largest value drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bounds {
    /// Where a value lies between the bounds, from 0 to 1; `None` where there is nothing between them.
    pub(super) fn part(self, value: f64) -> Option<f64> {
        (self.high > self.low).then(|| (value - self.low) / (self.high - self.low))
    }
}

/// The points of one part of the window that are drawn: no extreme is lost, however many readings there are.
#[derive(Clone, Copy, Debug)]
struct Part {
    number: i64,
    first: Point,
    low: Point,
    high: Point,
    last: Point,
}

impl Part {
    fn new(number: i64, point: Point) -> Self {
        Self { number, first: point, low: point, high: point, last: point }
    }

    fn add(&mut self, point: Point) {
        self.last = point;
        if point.value < self.low.value {
            self.low = point;
        }
        if point.value > self.high.value {
            self.high = point;
        }
    }

    fn points(self) -> Vec<Point> {
        let mut points = vec![self.first, self.low, self.high, self.last];
        points.sort_by_key(|point| point.at);
        points.dedup_by_key(|point| point.at);
        points
    }
}

/// The points of a property's readings: at most four for each of `parts` parts of the window.
pub(super) fn points(
    property: &Property,
    readings: &[ReadingView],
    window: Window,
    parts: i64,
) -> Vec<Point> {
    let gap = longest_distance(readings);
    let width = (window.to.saturating_sub(window.from) / parts.max(1)).max(1);
    let mut drawn: Vec<Part> = Vec::new();
    let mut before: Option<i64> = None;
    for reading in readings {
        let Some(value) = number(&reading.value) else { continue };
        let at = reading.measured.0;
        let join = match (property.history, before) {
            (_, None) => Join::Break,
            (History::Changes, _) => Join::Step,
            (History::Every | History::Latest, Some(before)) if at.saturating_sub(before) > gap => {
                Join::Break
            }
            (History::Every | History::Latest, _) => Join::Line,
        };
        before = Some(at);
        if at < window.from {
            // What lies before the window only says which value held when it began.
            drawn = vec![Part::new(-1, Point { at: window.from, value, join: Join::Break })];
            continue;
        }
        let (number, point) = (at.saturating_sub(window.from) / width, Point { at, value, join });
        match drawn.last_mut() {
            Some(part) if part.number == number && join != Join::Break => part.add(point),
            _ => drawn.push(Part::new(number, point)),
        }
    }
    drawn.into_iter().flat_map(Part::points).collect()
}

/// Two readings further apart than this have a gap between them.
fn longest_distance(readings: &[ReadingView]) -> i64 {
    let pairs = readings.iter().zip(readings.iter().skip(1));
    let mut distances: Vec<i64> =
        pairs.map(|(one, two)| two.measured.0.saturating_sub(one.measured.0)).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(0);
    usual.saturating_mul(GAP).max(SHORTEST_GAP_MS)
}

/// The bounds of these points; `None` without points.
pub(super) fn bounds(points: &[Point]) -> Option<Bounds> {
    let first = points.first()?.value;
    Some(points.iter().fold(Bounds { low: first, high: first }, |bounds, point| Bounds {
        low: bounds.low.min(point.value),
        high: bounds.high.max(point.value),
    }))
}

/// The path of these points, 100 wide; the last value holds until `hold`.
pub(super) fn path(points: &[Point], window: Window, hold: Option<i64>, y: impl Fn(f64) -> f64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    for point in points {
        let (x, y) = (window.part(point.at), y(point.value));
        // Writing to a String cannot fail.
        let _ = match point.join {
            Join::Break => write!(path, "M{x:.2} {y:.2}"),
            Join::Line => write!(path, "L{x:.2} {y:.2}"),
            Join::Step => write!(path, "H{x:.2}V{y:.2}"),
        };
    }
    if let (Some(hold), false) = (hold, points.is_empty()) {
        let _ = write!(path, "H{:.2}", window.part(hold));
    }
    path
}

/// The readings whose value differs from the one before.
pub(super) fn changes<'a>(readings: impl Iterator<Item = &'a ReadingView>) -> Vec<&'a ReadingView> {
    let mut changes: Vec<&ReadingView> = Vec::new();
    for reading in readings {
        if changes.last().is_none_or(|last| last.value != reading.value) {
            changes.push(reading);
        }
    }
    changes
}

/// A value as a number, where it is one.
pub(super) fn number(value: &OwnedValue) -> Option<f64> {
    match value {
        OwnedValue::Int(value) => Some(float(*value)),
        OwnedValue::Float(value) => Some(value.get()),
        OwnedValue::Bool(_) | OwnedValue::Text(_) => None,
    }
}

/// The number, near enough to be drawn.
pub(super) fn float(value: i64) -> f64 {
    const HALF: i64 = 1 << 31;
    let low = u32::try_from(value.rem_euclid(2 * HALF)).unwrap_or(0);
    let high = i32::try_from(value.div_euclid(2 * HALF)).unwrap_or(0);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use iot_core::catalogue::{Access, ValueType, Widget};
    use iot_proto::{Finite, UnixMillis};

    use super::*;

    fn property(history: History) -> Property {
        Property {
            channel: 1,
            name: "temperature".into(),
            title: "Temperature".into(),
            value: ValueType::Float { unit: "°C".into(), range: (-40.0, 85.0), step: 0.1 },
            access: Access::Read,
            show: Widget::Number,
            history,
        }
    }

    fn readings(points: &[(i64, f64)]) -> Vec<ReadingView> {
        let reading = |(at, value): &(i64, f64)| ReadingView {
            value: OwnedValue::Float(Finite::new(*value).unwrap()),
            measured: UnixMillis(*at),
            arrived: UnixMillis(*at),
        };
        points.iter().map(reading).collect()
    }

    #[test]
    fn a_line_is_never_drawn_through_a_gap() {
        let window = Window { from: 0, to: 1_000_000 };
        let readings = readings(&[(0, 1.0), (10_000, 2.0), (20_000, 1.0), (500_000, 1.0), (510_000, 2.0)]);
        let points = points(&property(History::Every), &readings, window, 1_000);
        let path = path(&points, window, None, |value| value);
        assert_eq!(path, "M0.00 1.00L1.00 2.00L2.00 1.00M50.00 1.00L51.00 2.00");
    }

    #[test]
    fn a_value_that_is_kept_when_it_changes_holds_until_the_next() {
        let window = Window { from: 100, to: 200 };
        let points = points(&property(History::Changes), &readings(&[(50, 1.0), (150, 2.0)]), window, 100);
        assert_eq!(path(&points, window, Some(200), |value| value), "M0.00 1.00H50.00V2.00H100.00");
    }

    #[test]
    fn many_readings_become_few_points() {
        let window = Window { from: 0, to: 3_600_000 };
        let many: Vec<_> = (0..3_600).map(|at| (at * 1_000, 1.0)).collect();
        let points = points(&property(History::Every), &readings(&many), window, 40);
        assert!((80..=82).contains(&points.len()), "first and last of each part: {}", points.len());
    }

    #[test]
    fn an_extreme_among_many_readings_is_drawn() {
        let window = Window { from: 0, to: 3_600_000 };
        let many: Vec<_> = (0..3_600).map(|at| (at * 1_000, if at == 1_800 { 9.0 } else { 1.0 })).collect();
        let points = points(&property(History::Every), &readings(&many), window, 40);
        assert_eq!(bounds(&points).map(|bounds| bounds.high), Some(9.0));
    }

    #[test]
    fn whole_numbers_become_floats_without_a_loss_that_can_be_seen() {
        for value in [0, 1, -1, 1_794_666_247_000, -1_794_666_247_000, i64::from(u32::MAX)] {
            assert_eq!(float(value).to_string(), value.to_string());
        }
    }
}
