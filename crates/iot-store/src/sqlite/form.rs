//! [`Form`]: floats as the whole numbers that stand for them, without the loss of a bit.
//!
//! Most floats are decimals: 21.4 is 214 tenths. Many have gone through single precision in a chip and are
//! decimals that were rounded to it. What is neither is its own 64 bits. Each can be undone by plain SQL.

use iot_proto::OwnedValue;
use serde::{Deserialize, Serialize};

use super::value::Kept;

/// What the numbers of a column stand for. Forms are only ever added at the end.
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

/// The shortest form that all of these values can have, and its `per`; none for texts, and for values of several types.
pub(crate) fn of<'v>(values: &(impl Iterator<Item = &'v OwnedValue> + Clone)) -> Option<(Form, i64)> {
    let can_be = |form, per| values.clone().all(|value| has(form, per, value));
    match values.clone().next()? {
        OwnedValue::Bool(_) => can_be(Form::Bool, 1).then_some((Form::Bool, 1)),
        OwnedValue::Int(_) => can_be(Form::Int, 1).then_some((Form::Int, 1)),
        OwnedValue::Float(_) => forms_of_floats().find(|(form, per)| can_be(*form, *per)),
        OwnedValue::Text(_) => None,
    }
}

/// The same of many values, with the numbers that stand for them.
pub(crate) fn numbers<'v>(
    values: impl Iterator<Item = &'v OwnedValue> + Clone,
) -> Option<(Form, i64, Vec<i64>)> {
    let float = |value: &OwnedValue| match value {
        OwnedValue::Float(float) => Some(float.get()),
        OwnedValue::Bool(_) | OwnedValue::Int(_) | OwnedValue::Text(_) => None,
    };
    if let Some(floats) = values.clone().map(float).collect::<Option<Vec<_>>>() {
        let (form, per) = of_floats(&floats);
        return Some((form, per, floats.iter().map(|float| float_to_number(form, per, *float)).collect()));
    }
    let (form, per) = of(&values)?;
    Some((form, per, values.map(|value| to_number(form, per, value)).collect()))
}

/// The shortest form that all of these floats can have, and its `per`.
pub(crate) fn of_floats(floats: &[f64]) -> (Form, i64) {
    let can_be = |form, per| match form {
        Form::Decimal => every(floats, |float| float_has(Form::Decimal, per, float)),
        Form::Single => every(floats, |float| float_has(Form::Single, per, float)),
        Form::Bool | Form::Int | Form::Binary | Form::Mixed => form == Form::Binary,
    };
    forms_of_floats().find(|(form, per)| can_be(*form, *per)).unwrap_or((Form::Binary, 1))
}

/// Whether all of these floats are so. Several are looked at with one instruction, and so a few in vain.
fn every(floats: &[f64], is_so: impl Fn(f64) -> bool) -> bool {
    floats.chunks(64).all(|some| some.iter().fold(true, |all, float| all & is_so(*float)))
}

/// The forms that floats can have with each `per`, the shortest first.
fn forms_of_floats() -> impl Iterator<Item = (Form, i64)> {
    let parts = || core::iter::successors(Some(1), |per| Some(per * 10)).take_while(|per| *per <= MOST_PARTS);
    let decimal = parts().map(|per| (Form::Decimal, per));
    decimal.chain(parts().map(|per| (Form::Single, per))).chain([(Form::Binary, 1)])
}

/// Whether a value can have a form.
fn has(form: Form, per: i64, value: &OwnedValue) -> bool {
    match value {
        OwnedValue::Bool(_) => form == Form::Bool,
        OwnedValue::Int(_) => form == Form::Int,
        OwnedValue::Float(float) => {
            matches!(form, Form::Decimal | Form::Single | Form::Binary) && float_has(form, per, float.get())
        }
        OwnedValue::Text(_) => false,
    }
}

/// Whether a float can have a form.
#[inline]
fn float_has(form: Form, per: i64, float: f64) -> bool {
    let back = to_float(form, per, float_to_number(form, per, float));
    (form == Form::Binary) | (((float * whole(per)).abs() < MOST) & (back.to_bits() == float.to_bits()))
}

/// The number that stands for a value that can have this form.
#[inline]
pub(crate) fn to_number(form: Form, per: i64, value: &OwnedValue) -> i64 {
    match value {
        OwnedValue::Bool(value) => i64::from(*value),
        OwnedValue::Int(value) => *value,
        OwnedValue::Float(value) => float_to_number(form, per, value.get()),
        OwnedValue::Text(_) => 0,
    }
}

/// The number that stands for a float that can have this form.
#[inline]
pub(crate) fn float_to_number(form: Form, per: i64, float: f64) -> i64 {
    if form == Form::Binary {
        return float.to_bits().cast_signed();
    }
    (float * whole(per) + ROUND).to_bits().cast_signed().wrapping_sub(ROUND.to_bits().cast_signed())
}

/// The value that a number stands for.
#[inline]
pub(crate) fn to_value(form: Form, per: i64, number: i64) -> Kept<'static> {
    match form {
        Form::Bool => Kept::Bool(number != 0),
        Form::Int => Kept::Int(number),
        Form::Decimal | Form::Single | Form::Binary | Form::Mixed => Kept::Float(to_float(form, per, number)),
    }
}

/// The float that a number stands for.
#[inline]
pub(crate) fn to_float(form: Form, per: i64, number: i64) -> f64 {
    match form {
        Form::Single => single(whole(number) / whole(per)),
        Form::Binary => f64::from_bits(number.cast_unsigned()),
        Form::Decimal | Form::Int | Form::Bool | Form::Mixed => whole(number) / whole(per),
    }
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
        assert_eq!(of_floats(floats), expected, "{floats:?}");
        assert!(keeps_its_bits(floats), "{floats:?}");
    }

    fn keeps_its_bits(floats: &[f64]) -> bool {
        let (form, per) = of_floats(floats);
        let numbers = floats.iter().map(|float| float_to_number(form, per, *float));
        let back = numbers.map(|number| to_float(form, per, number).to_bits());
        back.eq(floats.iter().map(|float| float.to_bits()))
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
            let tenths: Vec<_> = tenths.into_iter().map(|tenths| f64::from(tenths) / 10.0).collect();
            prop_assert!(keeps_its_bits(&floats) && keeps_its_bits(&tenths));
        }
    }
}
