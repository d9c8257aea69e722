//! [`Column`]: whole numbers, packed so that plain SQL can take out any one of them.
//!
//! A number is what a straight line says at its place, and a multiple of the unit, of which only as many
//! bits are written as the largest needs, the highest first:
//! `base + place * rise / (count - 1) + unit * bits`. Sums and products wrap around, so that any numbers can
//! be packed.

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// The widest that may begin in the middle of a byte: it is read from eight bytes.
const WIDEST: u32 = 56;

/// How a column is packed; written as `[base, rise, unit, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column(i64, i64, i64, u32);

impl Column {
    /// Bytes that so many numbers take.
    fn size(self, count: usize) -> Option<usize> {
        let width = usize::try_from(self.3).ok()?;
        Some(count.checked_mul(width)?.div_ceil(8))
    }

    /// Takes so many numbers from the front of `bits`.
    pub(crate) fn unpack(self, bits: &mut &[u8], count: usize) -> Result<Vec<i64>, Fault> {
        let Self(base, rise, unit, width) = self;
        let own = self.size(count).filter(|_| width <= WIDEST || width == u64::BITS);
        let (own, rest) = own.and_then(|size| bits.split_at_checked(size)).ok_or_else(too_short)?;
        *bits = rest;
        if width == 0 {
            return Ok(line(rise, count).map(|on_the_line| base.wrapping_add(on_the_line)).collect());
        }
        // Each number is read from eight bytes, behind the last one too.
        let own = [own, &[0; 8]].concat();
        let step = usize::try_from(width).unwrap_or(0);
        let mut numbers = Vec::with_capacity(count);
        for (on_the_line, bit) in line(rise, count).zip((0..).step_by(step)) {
            let word = own.get(bit / 8..).and_then(<[u8]>::first_chunk).ok_or_else(too_short)?;
            let above = (u64::from_be_bytes(*word) << (bit % 8)) >> (u64::BITS - width);
            numbers.push(base.wrapping_add(on_the_line).wrapping_add(above.cast_signed().wrapping_mul(unit)));
        }
        Ok(numbers)
    }
}

/// Numbers with the column that they fit, ready to be packed.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) column: Column,
    /// How far each is off the line.
    off: Vec<i64>,
}

impl Fitted {
    /// Fits numbers that stay about where they are.
    pub(crate) fn level(numbers: Vec<i64>) -> Self {
        Self::new(numbers, 0)
    }

    /// Fits numbers that go up or down evenly.
    pub(crate) fn sloped(numbers: Vec<i64>) -> Self {
        let (first, last) = (numbers.first().unwrap_or(&0), numbers.last().unwrap_or(&0));
        let rise = last.wrapping_sub(*first);
        Self::new(numbers, rise)
    }

    fn new(mut off: Vec<i64>, rise: i64) -> Self {
        let count = off.len();
        if rise != 0 {
            for (number, on_the_line) in off.iter_mut().zip(line(rise, count)) {
                *number = number.wrapping_sub(on_the_line);
            }
        }
        let ends = (*off.first().unwrap_or(&0), *off.first().unwrap_or(&0));
        let (base, most) =
            off.iter().fold(ends, |(least, most), number| (least.min(*number), most.max(*number)));
        let unit = off.iter().filter(|_| base != most).try_fold(0, |unit, number| {
            match greatest_common_divisor(unit, above(*number, base)) {
                1 => Err(1),
                unit => Ok(unit),
            }
        });
        // A unit that is no positive `i64` would save one bit.
        let unit = i64::try_from(unit.unwrap_or(1)).unwrap_or(1).max(1);
        let width = u64::BITS - (above(most, base) / unit.cast_unsigned()).leading_zeros();
        if width > WIDEST {
            // Numbers that are too far apart are written as they are: plain SQL has no sums that wrap around.
            for (number, on_the_line) in off.iter_mut().zip(line(rise, count)) {
                *number = number.wrapping_add(on_the_line);
            }
            return Self { column: Column(0, 0, 1, u64::BITS), off };
        }
        Self { column: Column(base, rise, unit, width), off }
    }

    /// Bytes that the numbers take.
    pub(crate) fn size(&self) -> usize {
        self.column.size(self.off.len()).unwrap_or(usize::MAX)
    }

    /// Appends the numbers.
    pub(crate) fn pack(&self, out: &mut Vec<u8>) {
        let Column(base, _, unit, width) = self.column;
        if width == 0 {
            return;
        }
        let (mut waiting, mut waits) = (0_u128, 0_u32);
        for number in &self.off {
            let above = above(*number, base);
            let multiple = if unit == 1 { above } else { above / unit.cast_unsigned() };
            waiting = (waiting << width) | u128::from(multiple);
            waits += width;
            if waits >= u64::BITS {
                waits -= u64::BITS;
                out.extend_from_slice(&last_word(waiting >> waits).to_be_bytes());
            }
        }
        if waits > 0 {
            let rest = last_word(waiting << (u64::BITS - waits)).to_be_bytes();
            out.extend(rest.iter().take(usize::try_from(waits.div_ceil(8)).unwrap_or(0)));
        }
    }
}

/// How far a number is above the base; none is below.
fn above(number: i64, base: i64) -> u64 {
    number.wrapping_sub(base).cast_unsigned()
}

/// What a straight line from zero says at each of so many places.
fn line(rise: i64, count: usize) -> impl ExactSizeIterator<Item = i64> {
    let run = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX).max(1);
    let (each, rest, up) = (rise / run, (rise % run).abs(), rise.signum());
    let wraps = rise.checked_mul(run).is_none();
    let (mut next, mut over) = (0_i64, 0_i64);
    (0..count).map(move |place| {
        if wraps {
            return i64::try_from(place).unwrap_or(i64::MAX).wrapping_mul(rise) / run;
        }
        // The same without a division for each place, which is slow.
        let at = next;
        (next, over) = (next.wrapping_add(each), over.wrapping_add(rest));
        if over >= run {
            (next, over) = (next.wrapping_add(up), over.wrapping_sub(run));
        }
        at
    })
}

fn last_word(number: u128) -> u64 {
    u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0)
}

fn too_short() -> Fault {
    Fault::Unreadable("packed numbers are shorter than they should be".into())
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn bytes(fitted: &Fitted, numbers: &[i64]) -> usize {
        let mut packed = Vec::new();
        fitted.pack(&mut packed);
        assert_eq!(packed.len(), fitted.size());
        packed.push(7);
        let mut bits = packed.as_slice();
        assert_eq!(fitted.column.unpack(&mut bits, numbers.len()).unwrap(), numbers);
        assert_eq!(bits, [7], "what lies behind is left");
        packed.len() - 1
    }

    proptest! {
        #[test]
        fn numbers_come_back_whatever_they_are(
            numbers in prop_oneof![vec(any::<i64>(), 0..100), vec(-99..99_i64, 0..100), vec(0..1_i64, 0..9)]
        ) {
            bytes(&Fitted::level(numbers.clone()), &numbers);
            bytes(&Fitted::sloped(numbers.clone()), &numbers);
        }

        #[test]
        fn a_line_says_at_each_place_what_sql_divides(
            rise in prop_oneof![any::<i64>(), -99..99_i64, -9_999_999..9_999_999_i64], count in 1..100_usize
        ) {
            let run = i64::try_from(count - 1).unwrap().max(1);
            let divided = (0..).map(|place: i64| place.wrapping_mul(rise) / run);
            prop_assert!(line(rise, count).eq(divided.take(count)));
        }
    }

    #[test]
    fn what_lies_on_a_line_takes_no_bits_and_a_common_divisor_none() {
        let every_minute = |drift: i64| -> Vec<_> {
            (0..800).map(|minute| 1_767_225_600_000 + minute * 60_000 + minute * drift / 7).collect()
        };
        let (even, drifting) = (every_minute(0), every_minute(3));
        assert_eq!(bytes(&Fitted::sloped(even.clone()), &even), 0);
        assert_eq!(bytes(&Fitted::sloped(drifting.clone()), &drifting), 100, "one bit");
        let sixteenths: Vec<_> = (0..800).map(|place| 210_000 + place * 7 % 16 * 625).collect();
        assert_eq!(bytes(&Fitted::level(sixteenths.clone()), &sixteenths), 400);
    }

    #[test]
    fn a_column_that_is_cut_or_no_column_is_refused() {
        let numbers = [1, 5, 9];
        let column = Fitted::level(numbers.to_vec()).column;
        assert!(column.unpack(&mut [].as_slice(), 3).is_err());
        assert!(Column(0, 0, 1, 60).unpack(&mut [0; 99].as_slice(), 3).is_err());
        assert!(Column(0, 0, 1, 64).unpack(&mut [0; 99].as_slice(), usize::MAX).is_err());
    }
}
