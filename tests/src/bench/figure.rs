//! [`Figure`]: what was measured, with the bar that it must hold; and how figures are printed.

use serde_json::{Value, json};

use crate::out;

/// A bar that a figure must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it says.
    pub name: String,
    /// The value: the median where it was measured several times.
    pub value: f64,
    /// Its unit; empty for a count.
    pub unit: &'static str,
    /// Least and greatest value, where it was measured several times.
    pub range: Option<(f64, f64)>,
    /// What it must hold.
    pub bar: Option<Bar>,
}

impl Figure {
    /// A value that was measured once.
    pub fn once(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, range: None, bar: None }
    }

    /// The median of several values.
    pub fn median(name: impl Into<String>, mut values: Vec<f64>, unit: &'static str) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let value = if values.len() % 2 == 1 {
            at(middle)
        } else {
            f64::midpoint(at(middle.saturating_sub(1)), at(middle))
        };
        let range = Some((at(0), at(values.len().saturating_sub(1))));
        Self { name: name.into(), value, unit, range, bar: None }
    }

    /// The same with a bar.
    #[must_use]
    pub fn must_be(self, bar: Bar) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// Whether it holds its bar. What could not be measured holds none.
    pub fn holds(&self) -> bool {
        match self.bar {
            None => true,
            Some(Bar::AtLeast(bar)) => self.value >= bar,
            Some(Bar::AtMost(bar)) => self.value <= bar,
        }
    }

    fn to_json(&self) -> Value {
        let (at_least, at_most) = match self.bar {
            None => (None, None),
            Some(Bar::AtLeast(bar)) => (Some(bar), None),
            Some(Bar::AtMost(bar)) => (None, Some(bar)),
        };
        let (least, greatest) = self.range.unzip();
        json!({
            "value": self.value, "unit": self.unit, "least": least, "greatest": greatest,
            "must_be_at_least": at_least, "must_be_at_most": at_most, "holds": self.holds(),
        })
    }

    fn to_line(&self) -> String {
        let Self { name, value, unit, .. } = self;
        let range = self.range.map_or_else(String::new, |(least, greatest)| {
            format!("({} to {})", number(least), number(greatest))
        });
        let outcome = if self.holds() { "ok" } else { "FAILED" };
        let bar = match self.bar {
            None => String::new(),
            Some(Bar::AtLeast(bar)) => format!("at least {bar}: {outcome}"),
            Some(Bar::AtMost(bar)) => format!("at most {bar}: {outcome}"),
        };
        format!("{name:<58} {:>10} {unit:<14} {range:<24} {bar}", number(*value)).trim_end().into()
    }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Prints figures as a table, or as one line of JSON.
pub fn print(figures: &[Figure], as_json: bool) {
    if as_json {
        let entries = figures.iter().map(|figure| (figure.name.clone(), figure.to_json()));
        out::line(&Value::Object(entries.collect()).to_string());
    } else {
        for figure in figures {
            out::line(&figure.to_line());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let figure = Figure::median("", vec![4.0, 1.0, 2.0, 10.0], "");
        assert_eq!((figure.value, figure.range), (3.0, Some((1.0, 10.0))));
    }

    #[test]
    fn what_could_not_be_measured_holds_no_bar() {
        let figure = Figure::median("", Vec::new(), "");
        assert!(
            !figure.clone().must_be(Bar::AtLeast(0.0)).holds() && !figure.must_be(Bar::AtMost(1.0)).holds()
        );
    }

    #[test]
    fn a_figure_on_its_bar_holds_it() {
        let figure = Figure::once("", 2.0, "");
        assert!(figure.clone().must_be(Bar::AtLeast(2.0)).holds());
        assert!(!figure.must_be(Bar::AtMost(1.9)).holds());
    }
}
