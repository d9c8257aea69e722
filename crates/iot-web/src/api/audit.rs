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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Backend,
    body::{self, BodyError, Reply},
    error::WebError,
    input::Query,
    query::{Between, Moment},
    web::Web,
    word::{Time, Word},
};

/// Changes in one answer at most, and held at a time for an export.
const CHANGES: usize = 1_000;

/// Parts of an export that wait for a slow reader.
const QUEUE: usize = 4;

/// What people changed, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Audit<'a> {
    audit: Vec<Change<'a>>,
    /// What to give as `before` for the next page; `null` on the last.
    next: Option<u64>,
}

/// A change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Change<'a> {
    number: u64,
    at: Time,
    by: &'a str,
    deed: Word<Deed>,
    node: Option<&'a str>,
    /// What node, module or user was called before the change.
    title: &'a str,
    module: Option<u8>,
    command: Option<String>,
    /// Empty where there was nothing.
    before: &'a str,
    /// Empty where there is nothing.
    after: &'a str,
    why: &'a str,
}

impl<'a> From<&'a AuditEntry> for Change<'a> {
    fn from(AuditEntry { number, record }: &'a AuditEntry) -> Self {
        Self {
            number: *number,
            at: record.at.into(),
            by: &record.by,
            deed: Word(record.deed),
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

/// What is asked of the audit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedAudit {
    /// Only changes of the node of this id.
    node: Option<Box<str>>,
    /// Only changes of this sort.
    deed: Option<Word<Deed>>,
    /// Only changes of whoever has this in their name.
    by: Option<Box<str>>,
    /// Not before this.
    from: Option<Moment>,
    /// Before this.
    to: Option<Moment>,
    /// Only changes before that of this number.
    before: Option<u64>,
    /// Most changes in one answer; all of them are exported.
    #[serde(default)]
    limit: Between<1, 1_000, 100>,
}

/// What a query asks of the audit.
///
/// # Errors
/// [`WebError::Malformed`], [`IotError::UnknownNode`].
pub(crate) fn query(query: &Query) -> Result<AuditQuery, WebError> {
    let AskedAudit { node, deed, by, from, to, before, limit } = query.read()?;
    let node = node.map(|node| NodeId::parse(&node).ok_or(IotError::UnknownNode { node }));
    Ok(AuditQuery {
        node: node.transpose()?,
        deed: deed.map(|Word(deed)| deed),
        by,
        from: from.map(|Moment(from)| from),
        to: to.map(|Moment(to)| to),
        before,
        limit: limit.get(),
    })
}

/// `GET /api/v1/audit?node=&deed=&by=&from=&to=&before=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn audit<B: Backend>(web: &Web<B>, asked: &Query) -> Result<Reply, WebError> {
    let asked = query(asked)?;
    let limit = asked.limit;
    // One more than is shown says whether there is another page.
    let mut entries = web.backend.audit(AuditQuery { limit: limit + 1, ..asked }).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_more).map(|entry| entry.number);
    let document = Audit { audit: entries.iter().map(Change::from).collect(), next };
    Ok(body::json(StatusCode::OK, &document))
}

/// `GET /api/v1/audit/export`: every change that fits as a line of JSON, newest first.
///
/// # Errors
/// [`WebError::Malformed`] for a query that cannot be read.
pub(crate) fn audit_export<B: Backend>(web: &Web<B>, asked: &Query) -> Result<Reply, WebError> {
    let query = AuditQuery { limit: CHANGES, ..query(asked)? };
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
        // Changes have text keys and finite numbers, so they can always be written.
        lines.push_str(&serde_json::to_string(&Change::from(entry)).unwrap_or_default());
        lines.push('\n');
    }
    lines
}
