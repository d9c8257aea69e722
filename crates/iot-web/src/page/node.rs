//! The page of a node: whether it is there, its modules with their controls, its commands, facts and log.

use askama::Template;
use http::StatusCode;
use iot_core::{
    AdmissionState, NodeId, PresenceState,
    view::{CommandFilter, KeyStanding, KeyView, NodeView},
};
use iot_proto::Capabilities;

use super::{
    cell::{Cell, Setting},
    life::{Among, CommandRow},
    overview::LogRow,
    refusal::{Back, Refusal},
    shell::{self, Shell, rendered},
    terms::{Leave, Mark, TermsWords},
};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    web::Web,
    wording::{self, PresenceWords, Words},
};

/// Commands on the page; all are in the list of commands.
const COMMANDS: usize = 8;

/// Notices looked through for those of this node, and shown.
const NOTICES: (usize, usize) = (500, 10);

#[derive(Template)]
#[template(path = "node.html")]
struct NodePage {
    shell: Shell,
    id: NodeId,
    title: Box<str>,
    place: Box<str>,
    mark: Option<Mark>,
    is_commanded: bool,
    /// Whether who looks at it may let it in.
    may_let_in: bool,
    terms: TermsWords,
    presence: PresenceWords,
    standing: Standing,
    tags: Vec<Box<str>>,
    tag_words: String,
    cells: Vec<Cell>,
    modules: String,
    commands: Vec<CommandRow>,
    facts: Vec<(&'static str, String)>,
    log: Vec<LogRow>,
}

/// What can be done with the node as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Admitted { identifies: bool },
    Disabled,
    Revoked,
    Archived,
}

/// `GET /nodes/{node}`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn node<B: Backend>(
    web: &Web<B>,
    id: &NodeId,
    refusal: Option<&Refusal>,
) -> Result<Reply, WebError> {
    let (overview, words) = (web.backend.overview().await?, web.words());
    let node = web.backend.node(id).await?;
    let filter = CommandFilter { node: Some(id.clone()), limit: COMMANDS, ..CommandFilter::default() };
    let commands = web.backend.commands(filter).await?;
    let notices = web.backend.activity(NOTICES.0).await?;
    let failed: Vec<_> = shell::failed(&overview).collect();
    let shell = Shell::new(web, &overview, "nodes");
    let setting =
        Setting { words: &words, failed: &failed, refusal, rights: &shell.rights, back: Back::Node };
    let mut cells = Vec::new();
    for module in &node.modules {
        cells.push(Cell::of(web, &node, module, setting).await);
    }
    let about = notices.iter().filter(|notice| notice.node.as_ref() == Some(id)).take(NOTICES.1);
    let rows = commands.iter().map(|command| CommandRow::new(command, &words, Among::Node, &shell.rights));
    let page = NodePage {
        id: id.clone(),
        title: node.title.clone(),
        place: node.place.clone(),
        mark: Mark::of(&node),
        is_commanded: node.permission.is_there(),
        may_let_in: shell.may_let_in(&node),
        terms: TermsWords::new(&node, &words),
        presence: words.presence(&node.presence),
        standing: Standing::of(&node),
        tag_words: node.tags.join(", "),
        tags: node.tags.clone(),
        cells,
        modules: modules(&node),
        commands: rows.collect(),
        facts: facts(&node, &words),
        log: about.map(|notice| LogRow::new(notice, &words, &[])).collect(),
        shell,
    };
    Ok(rendered(StatusCode::OK, &page))
}

impl Standing {
    fn of(node: &NodeView) -> Self {
        match (node.admission, node.presence.state) {
            (AdmissionState::Pending | AdmissionState::Matched, _) => Self::Waiting,
            (AdmissionState::Revoked, _) => Self::Revoked,
            (AdmissionState::Archived, _) => Self::Archived,
            (AdmissionState::Admitted, PresenceState::Disabled) => Self::Disabled,
            (AdmissionState::Admitted, _) => {
                Self::Admitted { identifies: node.capabilities.has(Capabilities::IDENTIFIES) }
            }
        }
    }

    fn identifies(self) -> bool {
        self == Self::Admitted { identifies: true }
    }

    fn is_admitted(self) -> bool {
        matches!(self, Self::Admitted { .. })
    }

    fn is_disabled(self) -> bool {
        self == Self::Disabled
    }

    fn is_revoked(self) -> bool {
        self == Self::Revoked
    }

    fn is_archived(self) -> bool {
        self == Self::Archived
    }

    fn is_waiting(self) -> bool {
        self == Self::Waiting
    }
}

fn modules(node: &NodeView) -> String {
    let (all, supported) =
        (node.modules.len(), node.modules.iter().filter(|module| module.kind.is_ok()).count());
    match all {
        0 => "none registered yet".into(),
        _ if all == supported => format!("{all}, all registered"),
        _ => format!("{all}, {supported} registered"),
    }
}

fn facts(node: &NodeView, words: &Words) -> Vec<(&'static str, String)> {
    let unknown_where_empty = |text: &str| if text.is_empty() { "unknown".into() } else { text.to_owned() };
    let heard =
        node.last_heard.map_or_else(|| "never".into(), |at| format!("{}, {}", words.time(at), words.age(at)));
    let sleep = node.sleep.map(|sleep| {
        let span = wording::span(i64::from(sleep.for_s) * 1_000);
        ("Sleep as declared", format!("{span} from {}", words.time(sleep.since)))
    });
    let mut facts = vec![
        ("Last heard", heard),
        ("Address", node.address.map_or_else(|| "unknown".into(), |address| address.ip().to_string())),
        ("Board", unknown_where_empty(&node.board)),
        ("Firmware", unknown_where_empty(&node.firmware)),
        ("Reached", reached(node.capabilities)),
        ("Reports kept", node.reports.to_string()),
        ("Reports lost", node.lost_reports.to_string()),
        ("Came twice", node.duplicates.to_string()),
        ("Commands waiting", node.queued.to_string()),
        ("Joined", words.day(node.first_seen)),
        ("Id", node.id.to_string()),
    ];
    facts.extend(node.home.map(|home| ("Let in at", format!("{home} alone"))));
    facts.extend(sleep);
    facts.extend(node.keys.iter().map(|key| ("Key", self::key(key, words))));
    facts
}

/// A key of the node: what people compare, and since when it is taken or not.
fn key(key: &KeyView, words: &Words) -> String {
    let KeyView { id, standing, since, until } = key;
    let since = words.time(*since);
    let until = until.map_or_else(String::new, |at| words.time(at));
    match standing {
        KeyStanding::Current => format!("{id}, since {since}"),
        KeyStanding::Next => format!("{id}, announced {since}; it counts if the node proves it by {until}"),
        KeyStanding::Former => format!("{id}, replaced {since} and taken until {until}"),
        KeyStanding::Ended => format!("{id}, not taken any more since {until}"),
    }
}

/// How commands reach the node.
fn reached(capabilities: Capabilities) -> String {
    let ways = [
        (Capabilities::KEEPS_SESSION, "keeps its session"),
        (Capabilities::LISTENS, "listens"),
        (Capabilities::SLEEPS, "sleeps"),
    ];
    let ways = ways.into_iter().filter(|(bit, _)| capabilities.has(*bit)).map(|(_, words)| words);
    let ways = ways.collect::<Vec<_>>().join(", ");
    if ways.is_empty() { "when it calls".into() } else { wording::capital(&ways) }
}
