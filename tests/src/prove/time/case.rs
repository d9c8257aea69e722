//! The cases: what happens to the clocks, and when.

use crate::prove::sim::{Counted, Step};

/// Seconds and days in milliseconds.
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

/// Twenty years.
const YEARS: i64 = 20 * 365 * DAY;

/// The first of January 2026, and the last minute before 32 bits of seconds are over.
const DAWN: i64 = 1_767_225_600_000;
const BEFORE_2038: i64 = ((1 << 31) - 60) * SECOND;

/// Seventy-two hours.
const LONG: u64 = 72 * 3_600_000;

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Where the hub's wall clock stands at the beginning.
    pub(super) dawn: i64,
    pub(super) script: Vec<(u64, Step)>,
}

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    let case = |name, dawn, script: &[(u64, Step)]| Case { name, dawn, script: script.into() };
    let suspend = |counted| Step::Suspend { millis: LONG, counted };
    let long = i64::try_from(LONG).unwrap_or(i64::MAX);
    let mut cases = vec![
        case("2038", BEFORE_2038, &[]),
        case("after 2100", DAWN + 4 * YEARS, &[]),
        // Unix time has no leap second: the clock shows the last second of a day twice.
        case("leap second", DAWN - 100 * SECOND, &[(100_000, Step::Hub(-SECOND))]),
        case(
            "suspend that nothing counts",
            DAWN,
            &[(100_000, suspend(Counted::No)), (110_000, Step::Hub(long))],
        ),
        case(
            "suspend on the wall alone",
            DAWN,
            &[(100_000, Step::Hub(long)), (100_000, suspend(Counted::No))],
        ),
        case("suspend on both clocks", DAWN, &[(100_000, Step::Hub(long)), (100_000, suspend(Counted::Yes))]),
        case("start in 1970", 0, &[(100_000, Step::Hub(DAWN))]),
        case("start in 1970, start again", 0, &[(60_000, Step::Hub(DAWN)), (120_000, Step::Restart)]),
        case(
            "restart into 1970",
            DAWN,
            &[(90_000, Step::Hub(-DAWN)), (90_001, Step::Restart), (150_000, Step::Hub(DAWN))],
        ),
        case("nodes in 2090", DAWN, &[(0, Step::Nodes(64 * 365 * DAY))]),
        case("nodes in 1970", DAWN, &[(0, Step::Nodes(-DAWN))]),
        case("nodes back and forth", DAWN, &[(60_000, Step::Nodes(YEARS)), (120_000, Step::Nodes(-YEARS))]),
    ];
    for (name, step) in [
        ("a second ahead", SECOND),
        ("a second back", -SECOND),
        ("an hour ahead", 3_600 * SECOND),
        ("an hour back", -3_600 * SECOND),
        ("twenty years ahead", YEARS),
        ("twenty years back", -YEARS),
    ] {
        cases.push(case(name, DAWN, &[(60_000, Step::Hub(step)), (180_000, Step::Hub(-step))]));
    }
    cases
}
