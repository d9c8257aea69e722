//! The past: readings of one series, its roll-ups, and what is missing between the reports of a node.

use http::StatusCode;
use iot_core::{
    catalogue::ValueType,
    store::{self, GapQuery, GapView, ReadingQuery, RollupQuery},
    view::ReadingView,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::series::{self, AskedSeries, Range};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::{self, Query, Told},
    query::{Between, Moment},
    web::Web,
    word::Time,
};

/// Buckets in one answer at most: a month of five minutes, a year of hours.
const BUCKETS: i64 = 9_000;

/// A reading: the value, and the words that people read.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Reading<'a> {
    value: Told,
    /// With its unit.
    text: Box<str>,
    /// Without its unit.
    number: Box<str>,
    unit: &'a str,
    measured: Time,
    arrived: Time,
}

impl<'a> Reading<'a> {
    /// The reading of something that is defined like this.
    pub(crate) fn new(reading: &ReadingView, definition: &'a ValueType) -> Self {
        Self {
            value: input::told(&reading.value, definition),
            text: definition.text_with_unit(&reading.value),
            number: definition.text(&reading.value),
            unit: definition.unit(),
            measured: reading.measured.into(),
            arrived: reading.arrived.into(),
        }
    }
}

/// What is asked of readings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedReadings {
    /// Id of the node.
    node: Box<str>,
    /// Index of the module.
    module: u8,
    /// Name or number of the property or event.
    channel: Box<str>,
    /// Not before this; 24 hours before `to` without it.
    from: Option<Moment>,
    /// Before this; now without it.
    to: Option<Moment>,
    /// Most readings in one answer: the newest of the range.
    #[serde(default)]
    limit: Between<1, 10_000, 1_000>,
}

/// Readings of one property or event, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Readings<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    readings: Vec<Reading<'a>>,
}

/// What is asked of roll-ups.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedRollups {
    /// Id of the node.
    node: Box<str>,
    /// Index of the module.
    module: u8,
    /// Name or number of the property or event.
    channel: Box<str>,
    /// In the first bucket; 24 hours before `to` without it.
    from: Option<Moment>,
    /// Before this; now without it.
    to: Option<Moment>,
    /// How long a bucket is. There are at most 9,000 of them in one answer.
    resolution: Resolution,
}

/// How long a bucket is.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Resolution {
    #[serde(rename = "5min")]
    FiveMinutes,
    #[serde(rename = "hour")]
    Hour,
    #[serde(rename = "day")]
    Day,
}

/// Readings of one property or event in few numbers, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rollups<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    buckets: Vec<Bucket>,
}

/// The readings of one span of time. A switch counts as 1 while it is on.
#[derive(Serialize, JsonSchema)]
struct Bucket {
    start: Time,
    count: u64,
    min: f64,
    max: f64,
    mean: f64,
}

/// Whose past it is, and which part of it.
#[derive(Serialize, JsonSchema)]
struct Of<'a> {
    node: &'a str,
    module: u8,
    channel: u8,
    name: &'a str,
    unit: &'a str,
    from: Time,
    to: Time,
}

/// What is asked of gaps.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedGaps {
    /// Id of the node.
    node: Box<str>,
    /// The next report arrived not before this; 24 hours before `to` without it.
    from: Option<Moment>,
    /// The next report arrived before this; now without it.
    to: Option<Moment>,
}

/// Reports of a node that provably never came.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MissingReports<'a> {
    node: &'a str,
    from: Time,
    to: Time,
    gaps: Vec<Gap>,
}

/// So many reports are missing before this one.
#[derive(Serialize, JsonSchema)]
struct Gap {
    arrived: Time,
    /// The run of the node's firmware.
    boot: u32,
    /// Number of the report that came.
    before: u32,
    missing: u32,
}

impl<'a> From<&'a AskedSeries> for Of<'a> {
    fn from(asked: &'a AskedSeries) -> Self {
        Self {
            node: asked.series.node.as_str(),
            module: asked.series.module,
            channel: asked.series.channel,
            name: &asked.name,
            unit: asked.value.unit(),
            from: asked.range.from.into(),
            to: asked.range.to.into(),
        }
    }
}

impl From<Resolution> for store::Resolution {
    fn from(resolution: Resolution) -> Self {
        match resolution {
            Resolution::FiveMinutes => Self::FiveMinutes,
            Resolution::Hour => Self::Hour,
            Resolution::Day => Self::Day,
        }
    }
}

impl From<&store::Bucket> for Bucket {
    fn from(bucket: &store::Bucket) -> Self {
        let store::Bucket { start, count, min, max, .. } = *bucket;
        Self { start: start.into(), count, min, max, mean: bucket.mean() }
    }
}

impl From<&GapView> for Gap {
    fn from(gap: &GapView) -> Self {
        let GapView { arrived, boot, before, missing } = *gap;
        Self { arrived: arrived.into(), boot: boot.0, before, missing }
    }
}

/// `GET /api/v1/readings?node=&module=&channel=&from=&to=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn readings<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedReadings { node, module, channel, from, to, limit } = query.read()?;
    let asked = AskedSeries::find(web, node, module, &channel, Range::new(web, from, to)).await?;
    let (series, Range { from, to }) = (asked.series.clone(), asked.range);
    let readings = web.backend.readings(ReadingQuery { series, from, to, limit: limit.get() }).await?;
    let readings = readings.iter().map(|reading| Reading::new(reading, &asked.value)).collect();
    Ok(body::json(StatusCode::OK, &Readings { of: Of::from(&asked), readings }))
}

/// `GET /api/v1/rollups?node=&module=&channel=&from=&to=&resolution=`.
///
/// # Errors
/// As [`readings`]; also where there would be too many buckets.
pub(crate) async fn rollups<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedRollups { node, module, channel, from, to, resolution } = query.read()?;
    let asked = AskedSeries::find(web, node, module, &channel, Range::new(web, from, to)).await?;
    let resolution = store::Resolution::from(resolution);
    let (series, Range { from, to }) = (asked.series.clone(), asked.range);
    let buckets = to.0.saturating_sub(from.0) / resolution.millis();
    if buckets > BUCKETS {
        let why =
            format!("a range has at most {BUCKETS} buckets, not {buckets}: ask for less or for longer ones");
        return Err(WebError::malformed(why));
    }
    let buckets = web.backend.rollup(RollupQuery { series, resolution, from, to }).await?;
    let buckets = buckets.iter().map(Bucket::from).collect();
    Ok(body::json(StatusCode::OK, &Rollups { of: Of::from(&asked), buckets }))
}

/// `GET /api/v1/gaps?node=&from=&to=`.
///
/// # Errors
/// As [`readings`].
pub(crate) async fn gaps<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedGaps { node, from, to } = query.read()?;
    let node = series::node(node)?;
    web.backend.node(&node).await?;
    let Range { from, to } = Range::new(web, from, to);
    let gaps = web.backend.gaps(GapQuery { node: node.clone(), from, to }).await?;
    let gaps = gaps.iter().map(Gap::from).collect();
    let document = MissingReports { node: node.as_str(), from: from.into(), to: to.into(), gaps };
    Ok(body::json(StatusCode::OK, &document))
}
