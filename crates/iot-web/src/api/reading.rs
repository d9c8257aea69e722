//! Readings of one series, by time.

use http::StatusCode;
use iot_core::{
    IotError, NodeId, Series,
    catalogue::{ModuleKind, ValueError},
    store::ReadingQuery,
};
use iot_proto::UnixMillis;
use jiff::Timestamp;
use serde_json::json;

use super::limit;
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

/// How far back readings are given where nobody says.
const BACK_MS: i64 = 24 * 3_600 * 1_000;

/// `GET /api/v1/readings?node=&module=&channel=&from=&to=&limit=`; the channel by number or name.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn readings<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let node = needed(query, "node")?;
    let node = NodeId::parse(node).ok_or_else(|| IotError::UnknownNode { node: node.into() })?;
    let module = needed(query, "module")?;
    let module = module.parse().map_err(|_| WebError::malformed(format!("module is no index: {module}")))?;
    let view = web.backend.node(&node).await?;
    let found = view.modules.into_iter().find(|found| found.index == module);
    let kind = found.ok_or_else(|| IotError::ModuleNotRegistered { node: node.clone(), module })?.kind?;
    let (channel, name, value) = channel(&kind, needed(query, "channel")?)?;
    let to = time(query, "to")?.unwrap_or_else(|| UnixMillis(web.now().0.saturating_add(1)));
    let from = time(query, "from")?.unwrap_or_else(|| UnixMillis(to.0.saturating_sub(BACK_MS)));
    let series = Series { node: node.clone(), module, channel };
    let limit = limit(query, READINGS.0, READINGS.1)?;
    let readings = web.backend.readings(ReadingQuery { series, from, to, limit }).await?;
    let document = json!({
        "node": node.as_str(),
        "module": module,
        "channel": channel,
        "name": name,
        "unit": value.unit(),
        "from": from.0,
        "to": to.0,
        "readings": readings.iter().map(|reading| feed::reading_json(reading, value)).collect::<Vec<_>>(),
    });
    Ok(body::json(StatusCode::OK, &document))
}

fn channel<'a>(
    kind: &'a ModuleKind,
    asked: &str,
) -> Result<(u8, &'a str, &'a iot_core::catalogue::ValueType), ValueError> {
    let properties = kind.properties.iter().map(|found| (found.channel, &*found.name, &found.value));
    let events = kind.events.iter().map(|found| (found.channel, &*found.name, &found.value));
    let mut all = properties.chain(events);
    let found = all.find(|(channel, name, _)| *name == asked || channel.to_string() == asked);
    found.ok_or_else(|| ValueError::UnknownChannel { kind: kind.name.clone(), channel: asked.into() })
}

fn needed<'a>(query: &'a Query, name: &str) -> Result<&'a str, WebError> {
    query.get(name).ok_or_else(|| WebError::malformed(format!("{name} is missing in the query")))
}

/// A time in milliseconds since 1970, or as RFC 3339 writes it.
///
/// # Errors
/// [`WebError::Malformed`].
pub(super) fn time(query: &Query, name: &str) -> Result<Option<UnixMillis>, WebError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let millis = text.parse().ok();
    let millis = millis.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond));
    let millis = millis.ok_or_else(|| {
        WebError::malformed(format!("{name} is neither milliseconds since 1970 nor an RFC 3339 time: {text}"))
    })?;
    Ok(Some(UnixMillis(millis)))
}
