//! [`Words`]: times, ages, presence and counts in the words that people read. Values with their units are
//! worded by their definition in the core; templates never format anything.

use iot_core::view::{Presence, PresenceReason};
use iot_proto::UnixMillis;
use jiff::{Timestamp, Zoned, tz::TimeZone};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A reading that arrived so long after it was measured is late.
const LATE_MS: i64 = 30 * SECOND_MS;

/// Words at one instant, in one time zone.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    now: UnixMillis,
    zone: TimeZone,
}

/// A node's presence in words: the state, why and since when, and what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PresenceWords {
    /// The state as the style sheet knows it.
    pub(crate) state: &'static str,
    /// The state as people read it.
    pub(crate) word: String,
    /// Reason and time: `no keepalive for 90 s, since 13:12`.
    pub(crate) why: String,
    /// A sentence on what comes next; may be empty.
    pub(crate) next: String,
}

impl Words {
    /// Words at `now`.
    pub(crate) fn new(now: UnixMillis, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// The instant of these words.
    pub(crate) fn now(&self) -> UnixMillis {
        self.now
    }

    /// `14:22:31`, or with its day where that is not today: `13 Nov 14:22`.
    pub(crate) fn time(&self, at: UnixMillis) -> String {
        self.worded(at, "%H:%M:%S", "%-d %b %H:%M")
    }

    /// As [`time`](Self::time), to the minute.
    pub(crate) fn minute(&self, at: UnixMillis) -> String {
        self.worded(at, "%H:%M", "%-d %b %H:%M")
    }

    /// What the clock shows, without its day: for the times below a chart.
    pub(crate) fn clock(&self, at: UnixMillis) -> String {
        self.local(at).map_or_else(unknown, |at| at.strftime("%H:%M").to_string())
    }

    /// As [`time`](Self::time), but of another day only the day: `13 Nov`.
    pub(crate) fn since(&self, at: UnixMillis) -> String {
        self.worded(at, "%H:%M:%S", "%-d %b")
    }

    /// A day: `13 Nov 2026`.
    pub(crate) fn day(&self, at: UnixMillis) -> String {
        self.local(at).map_or_else(unknown, |at| at.strftime("%-d %b %Y").to_string())
    }

    /// A day of this year: `13 Nov`.
    pub(crate) fn date(&self, at: UnixMillis) -> String {
        self.local(at).map_or_else(unknown, |at| at.strftime("%-d %b").to_string())
    }

    /// The present in full: `Saturday 14 November 2026, 14:24 CET`.
    pub(crate) fn today(&self) -> String {
        let now = self.local(self.now);
        now.map_or_else(unknown, |now| now.strftime("%A %-d %B %Y, %H:%M %Z").to_string())
    }

    /// An instant for machines, in UTC.
    pub(crate) fn iso(at: UnixMillis) -> String {
        Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |at| at.to_string())
    }

    /// How long ago: `8 s ago`, `3 min old`, `1 h 12 min old`.
    pub(crate) fn age(&self, at: UnixMillis) -> String {
        let age = self.now.0.saturating_sub(at.0).max(0);
        if age < MINUTE_MS { format!("{} ago", span(age)) } else { format!("{} old", span(age)) }
    }

    /// By how much a reading arrived after it was measured, where that is worth saying.
    pub(crate) fn late(measured: UnixMillis, arrived: UnixMillis) -> Option<String> {
        let late = arrived.0.saturating_sub(measured.0);
        (late >= LATE_MS).then(|| format!("late by {}", span(late)))
    }

    /// A node's presence.
    pub(crate) fn presence(&self, presence: &Presence) -> PresenceWords {
        let state = presence.state.word();
        PresenceWords { state, word: capital(state), why: self.why(presence), next: self.next(presence) }
    }

    fn why(&self, presence: &Presence) -> String {
        let since = self.since(presence.since);
        match &presence.reason {
            PresenceReason::InSession => format!("since {since}"),
            PresenceReason::DeclaredSleep => format!("as declared since {since}"),
            PresenceReason::BetweenContacts => format!("between contacts as declared, since {since}"),
            PresenceReason::DidNotWake | PresenceReason::DidNotContact => {
                let verb = if presence.reason == PresenceReason::DidNotWake { "woken" } else { "come back" };
                let expected = presence.next_contact.map(|at| format!(" {}", self.minute(at)));
                format!("should have {verb}{}, since {since}", expected.unwrap_or_default())
            }
            PresenceReason::DisabledBy { by, why } if why.is_empty() => format!("by {by}, since {since}"),
            PresenceReason::DisabledBy { by, why } => format!("by {by}: “{why}”, since {since}"),
            PresenceReason::SayingHello
            | PresenceReason::Silent { .. }
            | PresenceReason::Cut
            | PresenceReason::SaidGoodbye
            | PresenceReason::NotSinceStart => format!("{}, since {since}", reason(&presence.reason)),
        }
    }

    fn next(&self, presence: &Presence) -> String {
        use iot_core::PresenceState as State;
        let minute = |at: Option<UnixMillis>| at.map(|at| self.minute(at));
        match (presence.state, minute(presence.next_contact), minute(presence.overdue_from)) {
            (State::Asleep, Some(next), Some(overdue)) => {
                format!("Next contact {next}, overdue from {overdue}.")
            }
            (State::Asleep, Some(next), None) => format!("Next contact {next}."),
            (State::Overdue, ..) => minute(presence.lost_from)
                .map_or_else(String::new, |lost| format!("It counts as lost from {lost}.")),
            (State::Asleep | State::Connecting | State::Online | State::Lost | State::Disabled, ..) => {
                String::new()
            }
        }
    }

    /// Whether an instant is on the present day.
    pub(crate) fn is_today(&self, at: UnixMillis) -> bool {
        let day = |at| self.local(at).map(|at| at.date());
        day(at).is_some() && day(at) == day(self.now)
    }

    /// By how much clocks here are ahead of UTC, in milliseconds.
    pub(crate) fn offset_ms(&self, at: UnixMillis) -> i64 {
        self.local(at).map_or(0, |at| i64::from(at.offset().seconds()) * SECOND_MS)
    }

    fn worded(&self, at: UnixMillis, today: &str, this_year: &str) -> String {
        let (Some(now), Some(at)) = (self.local(self.now), self.local(at)) else { return unknown() };
        let format = match (now.date() == at.date(), now.year() == at.year()) {
            (true, _) => today,
            (_, true) => this_year,
            (false, false) => "%-d %b %Y",
        };
        at.strftime(format).to_string()
    }

    /// The instant as clocks here show it; `None` far outside of any calendar.
    fn local(&self, at: UnixMillis) -> Option<Zoned> {
        Timestamp::from_millisecond(at.0).ok().map(|at| at.to_zoned(self.zone.clone()))
    }
}

/// Why a node is in its state, without the time: `no keepalive for 90 s`.
pub(crate) fn reason(reason: &PresenceReason) -> String {
    match reason {
        PresenceReason::SayingHello => "saying hello".into(),
        PresenceReason::InSession => "in session".into(),
        PresenceReason::DeclaredSleep => "asleep as declared".into(),
        PresenceReason::BetweenContacts => "between contacts as declared".into(),
        PresenceReason::Silent { for_s } => format!("no keepalive for {for_s} s"),
        PresenceReason::Cut => "its connection ended without a goodbye".into(),
        PresenceReason::SaidGoodbye => "it said goodbye, and not when it comes back".into(),
        PresenceReason::DidNotWake => "did not wake".into(),
        PresenceReason::DidNotContact => "did not come back".into(),
        PresenceReason::NotSinceStart => "not heard since the hub started".into(),
        PresenceReason::DisabledBy { by, why } if why.is_empty() => format!("disabled by {by}"),
        PresenceReason::DisabledBy { by, why } => format!("disabled by {by}: “{why}”"),
    }
}

/// A length of time: `8 s`, `3 min`, `1 h 12 min`, `3 d 4 h`.
pub(crate) fn span(ms: i64) -> String {
    let (large, small, words) = match ms {
        ..MINUTE_MS => return format!("{} s", ms / SECOND_MS),
        MINUTE_MS..HOUR_MS => return format!("{} min", ms / MINUTE_MS),
        HOUR_MS..DAY_MS => (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS, ("h", "min")),
        DAY_MS.. => (ms / DAY_MS, ms % DAY_MS / HOUR_MS, ("d", "h")),
    };
    if small == 0 {
        format!("{large} {}", words.0)
    } else {
        format!("{large} {} {small} {}", words.0, words.1)
    }
}

/// A count with its noun: `no nodes`, `1 node`, `48 nodes`.
pub(crate) fn count(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

/// A count that begins a sentence: in words up to twelve.
pub(crate) fn number(count: usize) -> String {
    const WORDS: [&str; 13] = [
        "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
        "Twelve",
    ];
    WORDS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// The text with its first letter large.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A refusal as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut sentence = capital(text);
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

fn unknown() -> String {
    "at an unknown time".into()
}

#[cfg(test)]
mod tests {
    use iot_core::PresenceState;

    use super::*;

    /// 14 November 2026, 14:24:07 UTC.
    const NOW: UnixMillis = UnixMillis(1_794_666_247_000);

    fn words() -> Words {
        Words::new(NOW, TimeZone::UTC)
    }

    fn ago(ms: i64) -> UnixMillis {
        UnixMillis(NOW.0 - ms)
    }

    #[test]
    fn times_of_today_are_bare_and_older_ones_have_their_day() {
        assert_eq!(words().time(ago(MINUTE_MS)), "14:23:07");
        assert_eq!(words().time(ago(DAY_MS)), "13 Nov 14:24");
        assert_eq!(words().since(ago(DAY_MS)), "13 Nov");
        assert_eq!(words().time(ago(400 * DAY_MS)), "10 Oct 2025");
        assert_eq!(words().today(), "Saturday 14 November 2026, 14:24 UTC");
        assert_eq!(words().time(UnixMillis(i64::MAX)), "at an unknown time");
    }

    #[test]
    fn ages_are_in_words_and_never_negative() {
        for (ms, expected) in [
            (-5, "0 s ago"),
            (8 * SECOND_MS, "8 s ago"),
            (3 * MINUTE_MS, "3 min old"),
            (HOUR_MS + 12 * MINUTE_MS, "1 h 12 min old"),
            (2 * HOUR_MS, "2 h old"),
            (3 * DAY_MS + 4 * HOUR_MS, "3 d 4 h old"),
        ] {
            assert_eq!(words().age(ago(ms)), expected);
        }
        assert_eq!(Words::late(ago(HOUR_MS), NOW).as_deref(), Some("late by 1 h"));
        assert_eq!(Words::late(ago(SECOND_MS), NOW), None);
    }

    #[test]
    fn presence_says_why_and_since_when() {
        let mut presence = Presence {
            state: PresenceState::Lost,
            reason: PresenceReason::Silent { for_s: 90 },
            since: ago(HOUR_MS),
            next_contact: None,
            overdue_from: None,
            lost_from: None,
        };
        assert_eq!(words().presence(&presence).why, "no keepalive for 90 s, since 13:24:07");
        presence.state = PresenceState::Overdue;
        presence.reason = PresenceReason::DidNotWake;
        presence.next_contact = Some(ago(2 * HOUR_MS));
        presence.lost_from = Some(UnixMillis(NOW.0 + HOUR_MS));
        let overdue = words().presence(&presence);
        assert_eq!(overdue.why, "should have woken 12:24, since 13:24:07");
        assert_eq!(overdue.next, "It counts as lost from 15:24.");
        presence.reason = PresenceReason::DisabledBy { by: "installer".into(), why: "being rewired".into() };
        assert_eq!(words().presence(&presence).why, "by installer: “being rewired”, since 13:24:07");
    }
}
