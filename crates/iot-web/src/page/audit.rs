//! The audit: who changed what, when and why, newest first, filtered and in pages.

use askama::Template;
use http::StatusCode;
use iot_core::audit::{AuditEntry, AuditQuery, Deed};

use super::shell::{Shell, rendered};
use crate::{Backend, api, body::Reply, error::WebError, input::Query, web::Web, wording::Words};

/// Changes on one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    node: String,
    by: String,
    deeds: Vec<Choice>,
    rows: Vec<Row>,
    export: String,
    newest: Option<String>,
    older: Option<String>,
}

struct Choice {
    name: &'static str,
    title: &'static str,
    chosen: bool,
}

struct Row {
    number: u64,
    time: String,
    iso: String,
    by: Box<str>,
    what: &'static str,
    title: Box<str>,
    href: Option<String>,
    id: String,
    before: Box<str>,
    after: Box<str>,
    why: Box<str>,
}

/// `GET /audit?node=&deed=&by=&before=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn audit<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let words = web.words();
    let asked = AuditQuery { limit: PAGE + 1, ..api::audit_query(&query.filled())? };
    let is_first = asked.before.is_none();
    let mut entries = web.backend.audit(asked).await?;
    let has_more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let older = entries.last().filter(|_| has_more);
    let link = |before: &str| format!("/audit?{}", query.with("before", before));
    let text = |name| query.get(name).unwrap_or_default().to_owned();
    let chosen = query.get("deed");
    let deeds = Deed::ALL.into_iter().map(|deed| Choice {
        name: deed.word(),
        title: said(deed),
        chosen: chosen == Some(deed.word()),
    });
    let page = AuditPage {
        shell: Shell::load(web, "audit").await?,
        node: text("node"),
        by: text("by"),
        deeds: deeds.collect(),
        older: older.map(|entry| link(&entry.number.to_string())),
        newest: (!is_first).then(|| link("")),
        export: format!("/api/v1/audit/export?{}", query.with("before", "")),
        rows: entries.into_iter().map(|entry| Row::new(entry, &words)).collect(),
    };
    Ok(rendered(StatusCode::OK, &page))
}

impl Row {
    fn new(AuditEntry { number, record }: AuditEntry, words: &Words) -> Self {
        let is_gone = matches!(record.deed, Deed::Forget | Deed::TurnAway);
        let node = record.target.node.filter(|_| !is_gone);
        Self {
            number,
            time: words.time(record.at),
            iso: Words::iso(record.at),
            by: record.by,
            what: said(record.deed),
            title: record.target.title,
            id: node.as_ref().map(ToString::to_string).unwrap_or_default(),
            href: node.map(|node| format!("/audit?node={node}")),
            before: record.before,
            after: record.after,
            why: record.why,
        }
    }
}

/// What was done, in words.
fn said(deed: Deed) -> &'static str {
    match deed {
        Deed::Admit => "Admitted",
        Deed::TurnAway => "Turned away",
        Deed::Revoke => "Revoked",
        Deed::Permit => "Commands permitted",
        Deed::Forbid => "Commands forbidden",
        Deed::AcceptAddress => "Address accepted",
        Deed::Disable => "Disabled",
        Deed::Enable => "Enabled",
        Deed::Name => "Named",
        Deed::Tag => "Tagged",
        Deed::ChangeKey => "Key changed",
        Deed::ChangeHubKey => "Hub's key changed",
        Deed::Archive => "Archived",
        Deed::Unarchive => "Taken out of the archive",
        Deed::Replace => "Hardware replaced",
        Deed::Forget => "Forgotten",
        Deed::OpenWindow => "Joining allowed",
        Deed::CloseWindow => "Joining ended",
        Deed::Command => "Command sent",
        Deed::Cancel => "Command cancelled",
        Deed::Claim => "Hub claimed",
        Deed::AddUser => "User added",
        Deed::RemoveUser => "User removed",
        Deed::SetRole => "Role changed",
        Deed::SetPassword => "Password changed",
        Deed::LogIn => "Logged in",
        Deed::LogOut => "Logged out",
        Deed::AddToken => "Token made",
        Deed::RevokeToken => "Token revoked",
        Deed::Upload => "Backup sent to the hub",
        Deed::Download => "Backup fetched",
        Deed::Restore => "Backup restored",
        Deed::Refuse => "Refused",
    }
}
