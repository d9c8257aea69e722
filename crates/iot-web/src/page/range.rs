//! [`Range`]: how far a chart goes back, and whether it shows readings or roll-ups.

use iot_core::{Series, store::Resolution, view::ReadingView};
use iot_proto::UnixMillis;

use crate::{error::WebError, rows::Format};

pub(super) const HOUR_MS: i64 = 3_600_000;

/// How far a chart goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    Hour,
    HalfDay,
    Day,
    Week,
    Month,
    Year,
}

impl Range {
    pub(super) const ALL: [Self; 6] =
        [Self::Hour, Self::HalfDay, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Reads the word in an address, where there is one.
    pub(super) fn parse(word: Option<&str>) -> Result<Option<Self>, WebError> {
        let Some(word) = word else { return Ok(None) };
        let found = Self::ALL.into_iter().find(|range| range.word() == word);
        let wrong =
            || WebError::malformed(format!("r is {}, not {word}", Self::ALL.map(Self::word).join(", ")));
        found.map(Some).ok_or_else(wrong)
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
            Self::Week => 7 * 24 * HOUR_MS,
            Self::Month => 30 * 24 * HOUR_MS,
            Self::Year => 365 * 24 * HOUR_MS,
        }
    }

    /// The roll-ups that are drawn; `None` where readings are.
    pub(super) fn resolution(self) -> Option<Resolution> {
        match self {
            Self::Hour | Self::HalfDay | Self::Day => None,
            Self::Week => Some(Resolution::FiveMinutes),
            Self::Month => Some(Resolution::Hour),
            Self::Year => Some(Resolution::Day),
        }
    }

    /// Distance of the times below the chart, in milliseconds.
    pub(super) fn tick_ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS / 6,
            Self::HalfDay => 2 * HOUR_MS,
            Self::Day => 4 * HOUR_MS,
            Self::Week => 24 * HOUR_MS,
            Self::Month => 5 * 24 * HOUR_MS,
            Self::Year => 61 * 24 * HOUR_MS,
        }
    }

    /// As it stands in an address.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::HalfDay => "12h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Year => "1y",
        }
    }

    /// As it stands on the page.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Hour => "1\u{a0}h",
            Self::HalfDay => "12\u{a0}h",
            Self::Day => "24\u{a0}h",
            Self::Week => "7\u{a0}d",
            Self::Month => "30\u{a0}d",
            Self::Year => "1\u{a0}y",
        }
    }
}

/// A link to a range.
pub(super) struct RangeLink {
    pub(super) word: &'static str,
    pub(super) title: &'static str,
    pub(super) current: bool,
}

/// Links to all ranges.
pub(super) fn links(current: Range) -> Vec<RangeLink> {
    let link =
        |range: Range| RangeLink { word: range.word(), title: range.title(), current: range == current };
    Range::ALL.map(link).into()
}

/// Where the readings of a series can be had as a file, by format.
pub(super) fn files(series: &Series, from: i64, to: i64) -> [(&'static str, String); 2] {
    let Series { node, module, channel } = series;
    [("CSV", Format::Csv), ("JSON lines", Format::JsonLines)].map(|(name, format)| {
        let format = format.extension();
        let range = format!("module={module}&channel={channel}&from={from}&to={to}");
        (name, format!("/api/v1/export?node={node}&{range}&format={format}"))
    })
}
