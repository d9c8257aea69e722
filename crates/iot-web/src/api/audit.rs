//! What people changed: in pages, and all of it as lines of JSON.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use iot_core::{
    IotError, NodeId,
    audit::{AuditEntry, AuditQuery, Deed},
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{limit, series::time};
use crate::{
    Backend,
    body::{self, BodyError, Reply},
    error::WebError,
    input::Query,
    web::Web,
};

/// Changes in one answer, where nobody says and at most.
const CHANGES: (usize, usize) = (100, 1_000);

/// Parts of an export that wait for a slow reader.
const QUEUE: usize = 4;

/// A change.
#[derive(Serialize)]
struct Change<'a> {
    number: u64,
    at: i64,
    by: &'a str,
    deed: &'static str,
    node: Option<&'a str>,
    title: &'a str,
    module: Option<u8>,
    command: Option<String>,
    before: &'a str,
    after: &'a str,
    why: &'a str,
}

impl<'a> From<&'a AuditEntry> for Change<'a> {
    fn from(AuditEntry { number, record }: &'a AuditEntry) -> Self {
        Self {
            number: *number,
            at: record.at.0,
            by: &record.by,
            deed: record.deed.word(),
            node: record.target.node.as_ref().map(NodeId::as_str),
            title: &record.target.title,
            module: record.target.module,
            command: record.target.command.map(|id| id.to_string()),
            before: &record.before,
            after: &record.after,
            why: &record.why,
        }
    }
}

/// What a query asks of the audit: `?node=&deed=&by=&from=&to=&before=`.
///
/// # Errors
/// [`WebError::Malformed`], [`IotError::UnknownNode`].
pub(crate) fn query(query: &Query) -> Result<AuditQuery, WebError> {
    let node = query
        .get("node")
        .map(|node| NodeId::parse(node).ok_or_else(|| IotError::UnknownNode { node: node.into() }));
    let deed = query.get("deed").map(|word| {
        Deed::from_word(word).ok_or_else(|| WebError::malformed(format!("no deed is called {word}")))
    });
    let before = query
        .get("before")
        .map(|text| text.parse().map_err(|_| WebError::malformed(format!("before is no number: {text}"))));
    Ok(AuditQuery {
        node: node.transpose()?,
        deed: deed.transpose()?,
        by: query.get("by").map(Into::into),
        from: time(query, "from")?,
        to: time(query, "to")?,
        before: before.transpose()?,
        limit: CHANGES.0,
    })
}

/// `GET /api/v1/audit?node=&deed=&by=&from=&to=&before=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn audit<B: Backend>(web: &Web<B>, asked: &Query) -> Result<Reply, WebError> {
    let limit = limit(asked, CHANGES.0, CHANGES.1)?;
    // One more than is shown says whether there is another page.
    let mut entries = web.backend.audit(AuditQuery { limit: limit + 1, ..query(asked)? }).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_more).map(|entry| entry.number);
    let changes: Vec<_> = entries.iter().map(Change::from).collect();
    Ok(body::json(StatusCode::OK, &json!({ "audit": changes, "next": next })))
}

/// `GET /api/v1/audit/export`: every change that fits as a line of JSON, newest first.
///
/// # Errors
/// [`WebError::Malformed`] for a query that cannot be read.
pub(crate) fn audit_export<B: Backend>(web: &Web<B>, asked: &Query) -> Result<Reply, WebError> {
    let query = AuditQuery { limit: CHANGES.1, ..query(asked)? };
    let (sender, channel) = Channel::<Bytes, BodyError>::new(QUEUE);
    tokio::spawn(export(web.backend.clone(), query, sender));
    let mut reply = body::reply(StatusCode::OK, "application/x-ndjson", "");
    *reply.body_mut() = channel.boxed_unsync();
    let name = HeaderValue::from_static("attachment; filename=\"audit.jsonl\"");
    reply.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(reply)
}

/// Sends page after page until there is none or nobody reads. An export that cannot be read to its end is cut, so
/// that nobody takes it for whole.
async fn export<B: Backend>(backend: B, mut query: AuditQuery, mut sender: Sender<Bytes, BodyError>) {
    loop {
        let entries = match backend.audit(query.clone()).await {
            Ok(entries) => entries,
            Err(error) => return sender.abort(error.into()),
        };
        let Some(last) = entries.last() else { return };
        query.before = Some(last.number);
        if sender.send_data(lines(&entries).into()).await.is_err() {
            return;
        }
    }
}

fn lines(entries: &[AuditEntry]) -> String {
    let mut lines = String::new();
    for entry in entries {
        let line: Json = json!(Change::from(entry));
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}
