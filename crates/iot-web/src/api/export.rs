//! Readings of one series as a file, streamed: however many there are, few are held at a time.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use iot_core::{IotError, Series, store::ReadingQuery, view::ReadingView};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc::Receiver;
use tracing::warn;

use super::series::{AskedSeries, Range};
use crate::{
    Backend,
    body::{self, BodyError, Reply},
    error::WebError,
    input::Query,
    query::Moment,
    rows::{Format, Row, RowError, RowWriter},
    web::Web,
};

/// Readings that are held at a time.
const PAGE: usize = 4_096;

/// Pages that may wait for a slow reader.
const QUEUE: usize = 2;

/// What is asked of an export.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedExport {
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
    /// What the file is.
    format: Format,
}

/// `GET /api/v1/export?node=&module=&channel=&from=&to=&format=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn export<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedExport { node, module, channel, from, to, format } = query.read()?;
    let asked = AskedSeries::find(web, node, module, &channel, Range::new(web, from, to)).await?;
    let name = format!("{}-{}-{}.{}", asked.series.node, asked.series.module, asked.name, format.extension());
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let (sender, channel) = Channel::<Bytes, BodyError>::new(QUEUE);
    let AskedSeries { series, range: Range { from, to }, .. } = asked;
    let pages = web.backend.pages(ReadingQuery { series: series.clone(), from, to, limit: PAGE });
    tokio::spawn(send(series, pages, format, sender));
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::JsonLines => "application/jsonl",
    };
    let mut reply = body::reply(StatusCode::OK, content_type, "");
    *reply.body_mut() = channel.boxed_unsync();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    reply
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(reply)
}

/// Sends pages as text until there is none, or the reader is gone. What fails half-way cuts the answer off, so
/// that nobody takes it for whole.
async fn send(
    series: Series,
    mut pages: Receiver<Result<Vec<ReadingView>, IotError>>,
    format: Format,
    mut sender: Sender<Bytes, BodyError>,
) {
    let mut text = head(format).map_err(BodyError::from);
    loop {
        match text {
            Ok(text) if text.is_empty() => {}
            Ok(text) => {
                if sender.send_data(text.into()).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                warn!(node = %series.node, "an export was cut off: {error}");
                sender.abort(error);
                return;
            }
        }
        let Some(page) = pages.recv().await else { return };
        text = page.map_err(BodyError::from).and_then(|page| Ok(lines(&series, page, format)?));
    }
}

/// What a file begins with.
fn head(format: Format) -> Result<Vec<u8>, RowError> {
    let mut text = Vec::new();
    RowWriter::new(format, &mut text)?.flush()?;
    Ok(text)
}

fn lines(series: &Series, page: Vec<ReadingView>, format: Format) -> Result<Vec<u8>, RowError> {
    let mut text = Vec::new();
    let mut writer = RowWriter::going_on(format, &mut text);
    for reading in page {
        writer.write(&Row { series: series.clone(), reading })?;
    }
    writer.flush()?;
    drop(writer);
    Ok(text)
}
