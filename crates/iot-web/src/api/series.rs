//! What a query for the past asks for: whose readings, and which range of time.

use iot_core::{
    IotError, NodeId, Series,
    catalogue::{ModuleKind, ValueError, ValueType},
};
use iot_proto::UnixMillis;

use crate::{Backend, error::WebError, query::Moment, web::Web};

/// How far back is asked where nobody says.
const BACK_MS: i64 = 24 * 3_600 * 1_000;

/// One series and a range of time.
pub(super) struct AskedSeries {
    pub(super) series: Series,
    /// Name of its property or event.
    pub(super) name: Box<str>,
    pub(super) value: ValueType,
    pub(super) range: Range,
}

/// A range of time; its end is not in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) from: UnixMillis,
    pub(super) to: UnixMillis,
}

impl Range {
    /// The range that is asked for: the last 24 hours where nobody says.
    pub(super) fn new<B: Backend>(web: &Web<B>, from: Option<Moment>, to: Option<Moment>) -> Self {
        let to = to.map_or_else(|| UnixMillis(web.now().0.saturating_add(1)), |to| to.0);
        let from = from.map_or_else(|| UnixMillis(to.0.saturating_sub(BACK_MS)), |from| from.0);
        Self { from, to }
    }
}

impl AskedSeries {
    /// Looks for the series; the channel is given by number or name.
    ///
    /// # Errors
    /// As the backend's; where it has no such series, [`WebError::Hub`].
    pub(super) async fn find<B: Backend>(
        web: &Web<B>,
        node: Box<str>,
        module: u8,
        asked: &str,
        range: Range,
    ) -> Result<Self, WebError> {
        let node = self::node(node)?;
        let view = web.backend.node(&node).await?;
        let found = view.modules.into_iter().find(|found| found.index == module);
        let kind = found.ok_or_else(|| IotError::ModuleNotRegistered { node: node.clone(), module })?.kind?;
        let (channel, name, value) = channel(&kind, asked)?;
        let series = Series { node, module, channel };
        Ok(Self { series, name: name.into(), value: value.clone(), range })
    }
}

/// The node of this id.
///
/// # Errors
/// [`IotError::UnknownNode`] for what can be none.
pub(super) fn node(id: Box<str>) -> Result<NodeId, WebError> {
    Ok(NodeId::parse(&id).ok_or(IotError::UnknownNode { node: id })?)
}

fn channel<'a>(kind: &'a ModuleKind, asked: &str) -> Result<(u8, &'a str, &'a ValueType), ValueError> {
    let properties = kind.properties.iter().map(|found| (found.channel, &*found.name, &found.value));
    let events = kind.events.iter().map(|found| (found.channel, &*found.name, &found.value));
    let mut all = properties.chain(events);
    let found = all.find(|(channel, name, _)| *name == asked || channel.to_string() == asked);
    found.ok_or_else(|| ValueError::UnknownChannel { kind: kind.name.clone(), channel: asked.into() })
}
