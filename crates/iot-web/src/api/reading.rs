//! The past: readings of one series, its roll-ups, and what is missing between the reports of a node.

use http::StatusCode;
use iot_core::store::{GapQuery, ReadingQuery, Resolution, RollupQuery};
use serde_json::{Value as Json, json};

use super::{
    limit,
    series::{self, AskedSeries},
};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    feed,
    input::Query,
    web::Web,
};

/// Readings in one answer, where nobody says and at most.
const READINGS: (usize, usize) = (1_000, 10_000);

/// Buckets in one answer at most: a month of five minutes, a year of hours.
const BUCKETS: i64 = 9_000;

/// `GET /api/v1/readings?node=&module=&channel=&from=&to=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn readings<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let asked = AskedSeries::read(web, query).await?;
    let limit = limit(query, READINGS.0, READINGS.1)?;
    let (series, from, to) = (asked.series.clone(), asked.from, asked.to);
    let readings = web.backend.readings(ReadingQuery { series, from, to, limit }).await?;
    let readings = readings.iter().map(|reading| feed::reading_json(reading, &asked.value)).collect();
    Ok(answer(&asked, "readings", readings))
}

/// `GET /api/v1/rollups?node=&module=&channel=&from=&to=&resolution=`.
///
/// # Errors
/// As [`readings`]; also where there would be too many buckets.
pub(crate) async fn rollups<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let asked = AskedSeries::read(web, query).await?;
    let resolution = resolution(series::needed(query, "resolution")?)?;
    let (series, from, to) = (asked.series.clone(), asked.from, asked.to);
    let buckets = to.0.saturating_sub(from.0) / resolution.millis();
    if buckets > BUCKETS {
        let why =
            format!("a range has at most {BUCKETS} buckets, not {buckets}: ask for less or for longer ones");
        return Err(WebError::malformed(why));
    }
    let buckets = web.backend.rollup(RollupQuery { series, resolution, from, to }).await?;
    let bucket = |bucket: &iot_core::store::Bucket| {
        json!({
            "start": bucket.start.0,
            "count": bucket.count,
            "min": bucket.min,
            "max": bucket.max,
            "mean": bucket.mean(),
        })
    };
    Ok(answer(&asked, "buckets", buckets.iter().map(bucket).collect()))
}

/// `GET /api/v1/gaps?node=&from=&to=`.
///
/// # Errors
/// As [`readings`].
pub(crate) async fn gaps<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let node = series::node(query)?;
    web.backend.node(&node).await?;
    let (from, to) = series::range(web, query)?;
    let gaps = web.backend.gaps(GapQuery { node: node.clone(), from, to }).await?;
    let gap = |gap: &iot_core::store::GapView| {
        json!({
            "arrived": gap.arrived.0,
            "boot": gap.boot.0,
            "before": gap.before,
            "missing": gap.missing,
        })
    };
    let gaps: Vec<_> = gaps.iter().map(gap).collect();
    let document = json!({ "node": node.as_str(), "from": from.0, "to": to.0, "gaps": gaps });
    Ok(body::json(StatusCode::OK, &document))
}

fn answer(asked: &AskedSeries, name: &str, list: Vec<Json>) -> Reply {
    let mut document = json!({
        "node": asked.series.node.as_str(),
        "module": asked.series.module,
        "channel": asked.series.channel,
        "name": asked.name,
        "unit": asked.value.unit(),
        "from": asked.from.0,
        "to": asked.to.0,
    });
    document[name] = list.into();
    body::json(StatusCode::OK, &document)
}

fn resolution(word: &str) -> Result<Resolution, WebError> {
    match word {
        "5min" => Ok(Resolution::FiveMinutes),
        "hour" => Ok(Resolution::Hour),
        "day" => Ok(Resolution::Day),
        other => Err(WebError::malformed(format!("resolution is 5min, hour or day, not {other}"))),
    }
}
