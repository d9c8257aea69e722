//! The overview: what needs a person, the main values, the nodes by state, and what happened.

use askama::Template;
use http::StatusCode;
use iot_core::{
    AdmissionState, IotError,
    view::{CommandView, Need, NodeFilter, NodeView, Notice, Overview, Presence, PresenceCounts},
};

use super::{
    cell::{Cell, Setting},
    refusal::{Back, Refusal},
    shell::{self, Shell, rendered},
    ticks::{self, Room, StateRow},
};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    web::Web,
    wording::{self, Words},
};

/// Most cells on the board; all modules are on the pages of their nodes.
const CELLS: usize = 24;

/// Notices in the list of what happened.
const NOTICES: usize = 12;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    heading: String,
    lede: String,
    today: String,
    needs: Vec<NeedRow>,
    cells: Vec<Cell>,
    more_cells: usize,
    rooms: Vec<Room>,
    states: Vec<StateRow>,
    log: Vec<LogRow>,
}

/// One thing that needs a person: a sentence whose beginning is a link, and what to do.
struct NeedRow {
    flag: &'static str,
    icon: &'static str,
    href: String,
    name: String,
    what: String,
    detail: String,
    button: &'static str,
}

/// Something that happened.
pub(super) struct LogRow {
    pub(super) time: String,
    pub(super) iso: String,
    pub(super) text: Box<str>,
    pub(super) href: Option<String>,
}

/// `GET /`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn overview<B: Backend>(web: &Web<B>, refusal: Option<&Refusal>) -> Result<Reply, WebError> {
    let (overview, words) = (web.backend.overview().await?, web.words());
    let (nodes, _room) = web.nodes(NodeFilter::default()).await?;
    let nodes = shell::by_title(nodes);
    let notices = web.backend.activity(NOTICES).await?;
    let failed: Vec<_> = shell::failed(&overview).collect();
    let shell = Shell::new(web, &overview, "overview");
    let setting =
        Setting { words: &words, failed: &failed, refusal, rights: &shell.rights, back: Back::Overview };
    let admitted = nodes.iter().filter(|node| node.admission == AdmissionState::Admitted);
    let modules: Vec<_> = admitted
        .flat_map(|node| node.modules.iter().map(move |module| (node, module)))
        .filter(|(_, module)| module.kind.is_ok() && !module.properties.is_empty())
        .collect();
    let mut cells = Vec::new();
    for (node, module) in modules.iter().take(CELLS) {
        cells.push(Cell::of(web, node, module, setting).await);
    }
    let page = OverviewPage {
        heading: heading(&overview),
        lede: lede(&overview),
        today: words.today(),
        needs: overview.needs.iter().map(|need| NeedRow::new(need, &words, &nodes)).collect(),
        more_cells: modules.len() - cells.len(),
        cells,
        rooms: ticks::rooms(&nodes),
        states: ticks::by_state(overview.presence),
        log: notices
            .iter()
            .filter(|notice| words.is_today(notice.at))
            .map(|notice| LogRow::new(notice, &words, &nodes))
            .collect(),
        shell,
    };
    Ok(rendered(StatusCode::OK, &page))
}

fn heading(overview: &Overview) -> String {
    match overview.needs.len() {
        0 if overview.presence.total() == 0 => "No node has joined yet".into(),
        0 => "Nothing needs you".into(),
        1 => "One thing needs you".into(),
        needs => format!("{} things need you", wording::number(needs)),
    }
}

fn lede(overview: &Overview) -> String {
    let PresenceCounts { connecting, online, asleep, overdue, lost, disabled } = overview.presence;
    let total = overview.presence.total();
    if total == 0 {
        return "Point a node at this machine, port 5070, and it appears here.".into();
    }
    let mut lede = format!("{online} of {} online", wording::count(total, "node is", "nodes are"));
    for (count, words) in [
        (connecting, "connecting"),
        (asleep, "asleep as declared"),
        (overdue, "overdue"),
        (lost, "lost"),
        (disabled, "disabled"),
    ] {
        if count > 0 {
            lede = format!("{lede}, {count} {words}");
        }
    }
    format!("{lede}. {}.", wording::capital(&wording::count(overview.modules, "module", "modules")))
}

impl NeedRow {
    fn new(need: &Need, words: &Words, nodes: &[NodeView]) -> Self {
        match need {
            Need::Stranger { node, title, home, stranger } => Self {
                flag: "bad",
                icon: "cross",
                href: format!("/nodes/{node}#stranger"),
                name: title.to_string(),
                what: format!(": its name was said at {}", stranger.address),
                detail: format!(
                    "{}, and refused: it is let in at {home} alone. If it has moved, accept the new address. If not, \
                     somebody poses as it.",
                    words.time(stranger.at)
                ),
                button: "Look",
            },
            Need::Lost { node, title, presence } => Self {
                flag: "bad",
                icon: "cross",
                href: format!("/nodes/{node}"),
                name: title.to_string(),
                what: format!(" is lost since {}", words.since(presence.since)),
                detail: lost(presence, nodes.iter().find(|view| view.id == *node), words),
                button: "Open node",
            },
            Need::Overdue { node, title, presence } => {
                let presence_words = words.presence(presence);
                Self {
                    flag: "warn",
                    icon: "clock",
                    href: format!("/nodes/{node}"),
                    name: title.to_string(),
                    what: format!(" is overdue since {}", words.since(presence.since)),
                    detail: format!("It {}. {}", presence_words.why, presence_words.next),
                    button: "Open node",
                }
            }
            Need::Failed(command) => Self::failed(command, words),
            Need::Unsupported { node, title, module, error } => Self {
                flag: "warn",
                icon: "catalogue",
                href: format!("/nodes/{node}"),
                name: format!("{title}, {module}"),
                what: " is not supported".into(),
                detail: format!("{} {}", wording::sentence(&error.to_string()), error.advice()),
                button: "Open node",
            },
            Need::Waiting { count } => Self {
                flag: "sea",
                icon: "inbox",
                href: "/inbox".into(),
                name: waiting(*count),
                what: String::new(),
                detail: "Nothing that they report is kept until someone admits them.".into(),
                button: "Look",
            },
        }
    }

    /// What failed, when, why, and what to do.
    fn failed(command: &CommandView, words: &Words) -> Self {
        let module = command.module.as_ref();
        let place = module.map(|(index, _)| format!("/modules/{index}")).unwrap_or_default();
        let what = format!(": “{}” {}", command.summary, command.state.word());
        let time = command.steps.last().map(|step| words.time(step.at)).unwrap_or_default();
        let cause = command
            .cause()
            .map(|cause| format!(": {} {}", wording::sentence(&cause.to_string()), cause.advice()));
        Self {
            flag: "bad",
            icon: "warning",
            href: format!("/nodes/{}{place}", command.node),
            name: module.map_or_else(
                || command.node_title.to_string(),
                |(_, title)| format!("{}, {title}", command.node_title),
            ),
            what,
            detail: format!("{time}{}", cause.unwrap_or_else(|| ".".into())),
            button: "Open module",
        }
    }
}

/// `Two nodes wait to be admitted`.
pub(super) fn waiting(count: usize) -> String {
    let verb = if count == 1 { "node waits" } else { "nodes wait" };
    format!("{} {verb} to be admitted", wording::number(count))
}

fn lost(presence: &Presence, node: Option<&NodeView>, words: &Words) -> String {
    let reason = wording::sentence(&wording::reason(&presence.reason));
    let readings = node.into_iter().flat_map(|node| &node.modules).flat_map(|module| &module.properties);
    let latest = readings.filter_map(|view| view.latest.as_ref().map(|reading| (view, reading)));
    let last = latest.max_by_key(|(_, reading)| reading.measured).map(|(view, reading)| {
        let value = view.property.value.text_with_unit(&reading.value);
        format!(" Last reading: {} {value}, {}.", view.property.title, words.age(reading.measured))
    });
    let advice = IotError::Silent { for_s: 0 }.advice();
    format!("{reason}{} {advice}", last.unwrap_or_default())
}

impl LogRow {
    pub(super) fn new(notice: &Notice, words: &Words, nodes: &[NodeView]) -> Self {
        let known = notice.node.as_ref().filter(|id| nodes.iter().any(|node| node.id == **id));
        Self {
            time: words.time(notice.at),
            iso: Words::iso(notice.at),
            text: notice.text.clone(),
            href: known.map(|id| format!("/nodes/{id}")),
        }
    }
}
