//! Replacing a node's hardware: first which, then what becomes of its modules and commands, then the question.

use askama::Template;
use http::StatusCode;
use iot_core::{
    AdmissionState, IotError, NodeId,
    view::{Fate, ModuleChange, ModuleFacts, NodeFilter, NodeView, Replacement},
};

use super::{
    shell::{Shell, by_title, rendered},
    terms::Mark,
};
use crate::{Backend, body::Reply, error::WebError, input::Query, web::Web, wording};

#[derive(Template)]
#[template(path = "replacement.html")]
struct ReplacementPage {
    shell: Shell,
    id: String,
    title: Box<str>,
    candidates: Vec<Candidate>,
    shown: Option<Difference>,
}

/// Hardware that could come.
struct Candidate {
    id: String,
    words: String,
    chosen: bool,
}

/// What would happen.
struct Difference {
    by: NodeId,
    by_title: Box<str>,
    mark: Option<Mark>,
    /// Whether who looks at it may let that hardware in.
    may_let_in: bool,
    rows: Vec<Row>,
    commands: String,
}

struct Row {
    index: u8,
    before: String,
    after: String,
    warn: bool,
    fate: &'static str,
    words: &'static str,
}

/// `GET /nodes/{node}/replacement?by=`.
///
/// # Errors
/// As the backend's; [`IotError::Irreplaceable`] for hardware that cannot come.
pub(crate) async fn replacement<B: Backend>(
    web: &Web<B>,
    id: &NodeId,
    query: &Query,
) -> Result<Reply, WebError> {
    let node = web.backend.node(id).await?;
    let by =
        query.get("by").map(|by| NodeId::parse(by).ok_or_else(|| IotError::UnknownNode { node: by.into() }));
    let by = by.transpose()?;
    let (nodes, _room) = web.nodes(NodeFilter::default()).await?;
    let nodes = by_title(nodes);
    let can_come = |other: &&NodeView| {
        other.id != *id && matches!(other.admission, AdmissionState::Pending | AdmissionState::Admitted)
    };
    let candidates = nodes.iter().filter(can_come).map(|other| Candidate::new(other, by.as_ref())).collect();
    let shell = Shell::load(web, "nodes").await?;
    let shown = match &by {
        Some(by) => {
            let shown = web.backend.replacement(id, by).await?;
            Some(Difference::new(shown, &web.backend.node(by).await?, &shell))
        }
        None => None,
    };
    let page = ReplacementPage { shell, id: id.to_string(), title: node.title, candidates, shown };
    Ok(rendered(StatusCode::OK, &page))
}

impl Candidate {
    fn new(node: &NodeView, by: Option<&NodeId>) -> Self {
        let standing = if node.admission == AdmissionState::Pending { ", waits in the inbox" } else { "" };
        Self {
            id: node.id.to_string(),
            words: format!("{} ({}{standing})", node.title, node.id),
            chosen: by == Some(&node.id),
        }
    }
}

impl Difference {
    fn new(shown: Replacement, hardware: &NodeView, shell: &Shell) -> Self {
        let Replacement { by, modules, moving, cancelled, .. } = shown;
        Self {
            by,
            by_title: hardware.title.clone(),
            mark: Mark::of(hardware),
            may_let_in: shell.may_let_in(hardware),
            rows: modules.iter().map(Row::new).collect(),
            commands: match (moving, cancelled) {
                (0, 0) => "No commands are under way.".into(),
                (moving, 0) => format!("{} under way.", moves(moving)),
                (moving, cancelled) => format!(
                    "{} under way. {} cancelled: their modules do not move, or they may have been run.",
                    moves(moving),
                    wording::capital(&wording::count(cancelled, "is", "are")),
                ),
            },
        }
    }
}

/// How many commands move, as the beginning of a sentence.
fn moves(count: usize) -> String {
    wording::capital(&wording::count(count, "command moves that is", "commands move that are"))
}

impl Row {
    fn new(change: &ModuleChange) -> Self {
        let facts = |facts: &Option<ModuleFacts>| {
            let facts = facts.as_ref();
            facts.map_or_else(
                || "none".into(),
                |facts| format!("{}, {} {}", facts.title, facts.kind, facts.kind_version),
            )
        };
        Self {
            index: change.index,
            before: facts(&change.before),
            after: facts(&change.after),
            warn: matches!(change.fate, Fate::Differs | Fate::Missing),
            fate: change.fate.word(),
            words: match change.fate {
                Fate::Moves => "Name, history and commands move.",
                Fate::Differs => "Another kind: its history stays with the old hardware.",
                Fate::Missing => "Not there: its history stays with the old hardware.",
                Fate::New => "Begins without a history.",
            },
        }
    }
}
