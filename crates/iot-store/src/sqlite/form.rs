//! [`Form`]: floats as the whole numbers that stand for them, without the loss of a bit.
//!
//! Most floats are decimals: 21.4 is 214 tenths. Many have gone through single precision in a chip and are
//! decimals that were rounded to it. What is neither is its own 64 bits. Each can be undone by plain SQL.

use serde::{Deserialize, Serialize};

/// What the numbers of a column stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// 0 and 1.
    Bool,
    /// Themselves.
    Int,
    /// Floats: the number by `per`.
    Decimal,
    /// Floats: the number by `per`, rounded to single precision.
    Single,
    /// Floats: their bits.
    Binary,
    /// No column: values of several types, or texts, are written as JSON.
    Mixed,
}

/// Decimals are tried up to so many parts of one.
const MOST_PARTS: i64 = 1_000_000_000;

/// Added to a float below `MOST`, this leaves its nearest whole number in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
const MOST: f64 = 1_125_899_906_842_624.0;

/// What splits a float into the 24 bits of single precision and the rest: 2 to the power of 29, and 1.
const SPLIT: f64 = 536_870_913.0;

/// The form that all of these floats can have, its `per`, and the numbers.
pub(crate) fn to_numbers(floats: &[f64]) -> (Form, i64, Vec<i64>) {
    for form in [Form::Decimal, Form::Single] {
        let mut per = 1;
        while per <= MOST_PARTS {
            if let Some(numbers) = all(floats.iter().map(|float| to_number(form, per, *float))) {
                return (form, per, numbers);
            }
            per *= 10;
        }
    }
    (Form::Binary, 1, floats.iter().map(|float| float.to_bits().cast_signed()).collect())
}

/// All of them, where none is missing. Memory is taken once, since their number is known.
pub(crate) fn all<T>(items: impl ExactSizeIterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        all.push(item?);
    }
    Some(all)
}

/// The float that a number stands for.
pub(crate) fn to_float(form: Form, per: i64, number: i64) -> f64 {
    match form {
        Form::Single => single(whole(number) / whole(per)),
        Form::Binary => f64::from_bits(number.cast_unsigned()),
        Form::Decimal | Form::Int | Form::Bool | Form::Mixed => whole(number) / whole(per),
    }
}

fn to_number(form: Form, per: i64, float: f64) -> Option<i64> {
    let parts = float * whole(per);
    if parts.abs() >= MOST {
        return None;
    }
    let number = (parts + ROUND).to_bits().cast_signed() - ROUND.to_bits().cast_signed();
    (to_float(form, per, number).to_bits() == float.to_bits()).then_some(number)
}

/// A whole number below `MOST` as a float.
fn whole(number: i64) -> f64 {
    f64::from_bits(ROUND.to_bits().wrapping_add(number.cast_unsigned())) - ROUND
}

fn single(float: f64) -> f64 {
    let spread = float * SPLIT;
    spread - (spread - float)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn check(floats: &[f64], expected: (Form, i64)) {
        let (form, per, numbers) = to_numbers(floats);
        assert_eq!((form, per), expected, "{floats:?}");
        let back = numbers.iter().map(|number| to_float(form, per, *number).to_bits());
        assert!(back.eq(floats.iter().map(|float| float.to_bits())), "{floats:?}");
    }

    #[test]
    fn each_float_takes_the_shortest_form_that_keeps_its_bits() {
        check(&[21.0, -4.0, 0.0], (Form::Decimal, 1));
        check(&[21.4, 0.1, -0.3], (Form::Decimal, 10));
        check(&[21.0625, 0.0], (Form::Decimal, 10_000));
        check(&[f64::from(21.4_f32), f64::from(-0.1_f32)], (Form::Single, 10));
        check(&[core::f64::consts::PI], (Form::Binary, 1));
        check(&[-0.0], (Form::Binary, 1));
        check(&[f64::MAX, f64::MIN_POSITIVE], (Form::Binary, 1));
    }

    proptest! {
        #[test]
        fn every_float_keeps_its_bits(floats in vec(any::<f64>(), 1..9), tenths in vec(any::<i32>(), 1..9)) {
            let tenths = tenths.into_iter().map(|tenths| f64::from(tenths) / 10.0).collect();
            for floats in [floats, tenths] {
                let (form, per, numbers) = to_numbers(&floats);
                let back = numbers.iter().map(|number| to_float(form, per, *number).to_bits());
                prop_assert!(back.eq(floats.iter().map(|float| float.to_bits())));
            }
        }
    }
}
