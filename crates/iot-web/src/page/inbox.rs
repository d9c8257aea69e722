//! The inbox: nodes that wait to be admitted, with what they say about themselves.

use askama::Template;
use http::StatusCode;
use iot_core::{
    AdmissionState, NodeId,
    view::{NodeFilter, NodeView},
};

use super::{
    overview,
    shell::{Shell, by_title, rendered},
    terms::Mark,
};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    web::Web,
    wording::{self, Words},
};

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    shell: Shell,
    heading: String,
    waiting: Vec<Waiting>,
}

struct Waiting {
    id: NodeId,
    title: Box<str>,
    /// What it says it is.
    says: String,
    heard: String,
    address: String,
    is_unproven: bool,
    /// Whether who looks at it may let it in.
    may_let_in: bool,
    mark: Option<Mark>,
    modules: Vec<Module>,
}

struct Module {
    title: Box<str>,
    kind: String,
    /// Why it is not supported.
    problem: Option<String>,
}

/// `GET /inbox`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn inbox<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let words = web.words();
    let (nodes, _room) = web.nodes(NodeFilter::default()).await?;
    let nodes = by_title(nodes);
    let shell = Shell::load(web, "inbox").await?;
    let waiting: Vec<_> = nodes
        .iter()
        .filter(|node| node.admission == AdmissionState::Pending)
        .map(|node| Waiting::new(node, &words, &shell))
        .collect();
    let heading =
        if waiting.is_empty() { "No node waits".to_owned() } else { overview::waiting(waiting.len()) };
    let page = InboxPage { shell, heading, waiting };
    Ok(rendered(StatusCode::OK, &page))
}

impl Waiting {
    fn new(node: &NodeView, words: &Words, shell: &Shell) -> Self {
        let says = [("board", &node.board), ("firmware", &node.firmware)];
        let says = says.into_iter().filter(|(_, text)| !text.is_empty());
        let says: Vec<_> = says.map(|(what, text)| format!("{what} {text}")).collect();
        Self {
            id: node.id.clone(),
            title: node.title.clone(),
            says: wording::capital(&says.join(" · ")),
            heard: words.time(node.first_seen),
            address: node.address.map_or_else(|| "unknown".into(), |address| address.to_string()),
            is_unproven: node.is_unproven(),
            may_let_in: shell.may_let_in(node),
            mark: Mark::of(node),
            modules: node
                .modules
                .iter()
                .map(|module| Module {
                    title: module.title.clone(),
                    kind: format!("{} {}", module.kind_name, module.kind_version),
                    problem: module.kind.as_ref().err().map(ToString::to_string),
                })
                .collect(),
        }
    }
}
