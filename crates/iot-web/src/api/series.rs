//! What a query for the past asks for: whose readings, and which range of time.

use iot_core::{
    IotError, NodeId, Series,
    catalogue::{ModuleKind, ValueError, ValueType},
};
use iot_proto::UnixMillis;

use crate::{Backend, error::WebError, input::Query, rows, web::Web};

/// How far back is asked where nobody says.
const BACK_MS: i64 = 24 * 3_600 * 1_000;

/// One series and a range of time: `?node=&module=&channel=&from=&to=`.
pub(super) struct AskedSeries {
    pub(super) series: Series,
    /// Name of its property or event.
    pub(super) name: Box<str>,
    pub(super) value: ValueType,
    pub(super) from: UnixMillis,
    pub(super) to: UnixMillis,
}

impl AskedSeries {
    /// Reads the query; the channel is given by number or name.
    ///
    /// # Errors
    /// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
    pub(super) async fn read<B: Backend>(web: &Web<B>, query: &Query) -> Result<Self, WebError> {
        let node = node(query)?;
        let module = needed(query, "module")?;
        let module =
            module.parse().map_err(|_| WebError::malformed(format!("module is no index: {module}")))?;
        let view = web.backend.node(&node).await?;
        let found = view.modules.into_iter().find(|found| found.index == module);
        let kind = found.ok_or_else(|| IotError::ModuleNotRegistered { node: node.clone(), module })?.kind?;
        let (channel, name, value) = channel(&kind, needed(query, "channel")?)?;
        let (from, to) = range(web, query)?;
        let series = Series { node, module, channel };
        Ok(Self { series, name: name.into(), value: value.clone(), from, to })
    }
}

/// The node of a query.
///
/// # Errors
/// [`WebError::Malformed`] without one, [`IotError::UnknownNode`] for what can be none.
pub(super) fn node(query: &Query) -> Result<NodeId, WebError> {
    let node = needed(query, "node")?;
    Ok(NodeId::parse(node).ok_or_else(|| IotError::UnknownNode { node: node.into() })?)
}

/// The range of time of a query: the last 24 hours where nobody says.
///
/// # Errors
/// [`WebError::Malformed`].
pub(super) fn range<B: Backend>(web: &Web<B>, query: &Query) -> Result<(UnixMillis, UnixMillis), WebError> {
    let to = time(query, "to")?.unwrap_or_else(|| UnixMillis(web.now().0.saturating_add(1)));
    let from = time(query, "from")?.unwrap_or_else(|| UnixMillis(to.0.saturating_sub(BACK_MS)));
    Ok((from, to))
}

fn channel<'a>(kind: &'a ModuleKind, asked: &str) -> Result<(u8, &'a str, &'a ValueType), ValueError> {
    let properties = kind.properties.iter().map(|found| (found.channel, &*found.name, &found.value));
    let events = kind.events.iter().map(|found| (found.channel, &*found.name, &found.value));
    let mut all = properties.chain(events);
    let found = all.find(|(channel, name, _)| *name == asked || channel.to_string() == asked);
    found.ok_or_else(|| ValueError::UnknownChannel { kind: kind.name.clone(), channel: asked.into() })
}

/// What has to stand in a query.
///
/// # Errors
/// [`WebError::Malformed`] where it does not.
pub(super) fn needed<'a>(query: &'a Query, name: &str) -> Result<&'a str, WebError> {
    query.get(name).ok_or_else(|| WebError::malformed(format!("{name} is missing in the query")))
}

/// A time in milliseconds since 1970, or as RFC 3339 writes it.
///
/// # Errors
/// [`WebError::Malformed`].
pub(super) fn time(query: &Query, name: &str) -> Result<Option<UnixMillis>, WebError> {
    let time = query.get(name).map(rows::time).transpose();
    time.map_err(|why| WebError::malformed(format!("{name}: {why}")))
}
