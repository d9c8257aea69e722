//! The page of a module: every property with its control, its actions, a chart, its commands and files.

use core::fmt;

use askama::Template;
use http::StatusCode;
use iot_core::{
    IotError, NodeId, PresenceState, Series,
    catalogue::{History, Property, ValueType},
    store::{ReadingQuery, RollupQuery},
    view::{CommandFilter, ModuleView, NodeView, PropertyView, Wanted},
};
use iot_proto::UnixMillis;

use super::{
    catalogue::{self, File},
    cell::{self, Face, Setting, Shown},
    chart::{self, Chart},
    control::{Control, Target},
    life::{Among, CommandRow},
    range::Range,
    refusal::{Back, Refusal},
    shell::{self, Shell, rendered},
    terms::Mark,
    trend::{self, Trend},
    unread::Unread,
};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    input::Query,
    web::Web,
    wording::{self, PresenceWords},
};

/// Most readings of a chart.
const READINGS: usize = 50_000;

/// How long before the time of a chart a value may have begun that held in it.
const BEFORE_MS: i64 = 24 * 3_600_000;

/// Commands on the page.
const COMMANDS: usize = 10;

#[derive(Template)]
#[template(path = "module.html")]
struct ModulePage {
    shell: Shell,
    node: String,
    node_title: Box<str>,
    mark: Option<Mark>,
    is_commanded: bool,
    title: Box<str>,
    /// Where a name for it is sent.
    name_at: String,
    presence: PresenceWords,
    waits: bool,
    kind: KindLine,
    unsupported: Option<(String, &'static str)>,
    properties: Vec<PropertyRow>,
    actions: Vec<ActionRow>,
    chart: Option<Drawing>,
    commands: Vec<CommandRow>,
    files: Vec<File>,
    help: Option<String>,
}

/// The chart of a module.
enum Drawing {
    Readings(Chart),
    Rollups(Trend),
    Unread(Unread),
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readings(chart) => chart.fmt(f),
            Self::Rollups(trend) => trend.fmt(f),
            Self::Unread(unread) => unread.fmt(f),
        }
    }
}

struct KindLine {
    title: String,
    /// Where the catalogue has changed since the module was registered.
    version: Option<String>,
    href: Option<String>,
}

struct PropertyRow {
    id: String,
    shown: Shown,
    /// What can be set, in words.
    takes: Option<String>,
    /// Where the node is asked for its value; `None` for whoever may not ask.
    read: Option<String>,
}

struct ActionRow {
    id: String,
    title: Box<str>,
    control: Option<Control>,
    takes: Option<String>,
    /// The last time that it was run, and what became of it.
    last: Option<String>,
    refused: Option<(String, &'static str)>,
}

/// `GET /nodes/{node}/modules/{index}?r=`.
///
/// # Errors
/// As the backend's; [`IotError::ModuleNotRegistered`]; [`WebError::Malformed`] for an unknown range.
pub(crate) async fn module<B: Backend>(
    web: &Web<B>,
    id: &NodeId,
    index: u8,
    query: &Query,
    refusal: Option<&Refusal>,
) -> Result<Reply, WebError> {
    let range = Range::parse(query.get("r"))?;
    let (overview, words) = (web.backend.overview().await?, web.words());
    let node = web.backend.node(id).await?;
    let module = node.modules.iter().find(|module| module.index == index);
    let module = module.ok_or_else(|| IotError::ModuleNotRegistered { node: id.clone(), module: index })?;
    let filter = CommandFilter {
        node: Some(id.clone()),
        module: Some(index),
        limit: COMMANDS,
        ..CommandFilter::default()
    };
    let commands = web.backend.commands(filter).await?;
    let failed: Vec<_> = shell::failed(&overview).collect();
    let shell = Shell::new(web, &overview, "nodes");
    let setting =
        Setting { words: &words, failed: &failed, refusal, rights: &shell.rights, back: Back::Module };
    let kind = module.kind.as_deref();
    let rows = module.properties.iter().map(|view| PropertyRow::new(&node, module, view, setting));
    let page = ModulePage {
        node: id.to_string(),
        node_title: node.title.clone(),
        mark: Mark::of(&node),
        is_commanded: node.permission.is_there(),
        title: module.title.clone(),
        name_at: format!("/nodes/{id}/modules/{}/name", module.index),
        presence: words.presence(&node.presence),
        waits: node.presence.state != PresenceState::Online,
        kind: KindLine {
            title: cell::kind_words(module),
            version: version(module),
            href: kind.ok().map(|kind| format!("/catalogue/{}", kind.name)),
        },
        unsupported: kind.err().map(|error| (wording::sentence(&error.to_string()), error.advice())),
        properties: rows.collect(),
        actions: actions(&node, module, &commands, setting),
        chart: Unread::unless(chart(web, &node, module, range).await, "What was measured")?
            .unwrap_or_else(|unread| Some(Drawing::Unread(unread))),
        commands: commands
            .iter()
            .map(|command| CommandRow::new(command, &words, Among::Module, &shell.rights))
            .collect(),
        files: kind.map(catalogue::files).unwrap_or_default(),
        help: kind.ok().and_then(catalogue::help),
        shell,
    };
    Ok(rendered(StatusCode::OK, &page))
}

/// Says so where the module was registered with another version of its kind than the catalogue has today.
fn version(module: &ModuleView) -> Option<String> {
    let (kind, with) = (module.kind.as_deref().ok()?, module.registered_with?);
    (kind.version != with).then(|| {
        format!("Registered with version {with} of its kind; the catalogue has {} today.", kind.version)
    })
}

impl PropertyRow {
    fn new(node: &NodeView, module: &ModuleView, view: &PropertyView, setting: Setting<'_>) -> Self {
        let shown = Shown::new(node, module, view, setting);
        let takes = match view.property.value {
            ValueType::Int { .. } | ValueType::Float { .. } | ValueType::Text { .. } => {
                shown.control.is_some().then(|| wording::capital(&view.property.value.expected()))
            }
            ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour => None,
        };
        let channel = view.property.channel;
        let read = format!("/nodes/{}/modules/{}/properties/{channel}/read", node.id, module.index);
        Self {
            id: format!("p{channel}"),
            shown,
            takes,
            read: Some(read).filter(|read| node.permission.is_there() && setting.rights.may(read)),
        }
    }
}

fn actions(
    node: &NodeView,
    module: &ModuleView,
    commands: &[iot_core::view::CommandView],
    setting: Setting<'_>,
) -> Vec<ActionRow> {
    let Ok(kind) = &module.kind else { return Vec::new() };
    let target = Target { node: &node.id, module: module.index, title: &module.title, back: Back::Module };
    let row = |action: &std::sync::Arc<iot_core::catalogue::Action>| {
        let refusal =
            setting.refusal.filter(|refusal| refusal.is_about(&node.id, module.index, action.channel));
        let mut runs = commands.iter().filter(
            |command| matches!(command.wanted, Wanted::Invoke { channel, .. } if channel == action.channel),
        );
        let control = Control::of_action(target, action, refusal.map(|refusal| &*refusal.entered));
        ActionRow {
            id: format!("a{}", action.channel),
            title: action.title.clone(),
            control: Some(control)
                .filter(|control| node.permission.is_there() && setting.rights.may(&control.url)),
            takes: action
                .argument
                .as_ref()
                .map(|argument| format!("{}: {}", argument.title, argument.value.expected())),
            last: runs.next().map(|run| {
                let at = run.steps.first().map(|step| setting.words.time(step.at)).unwrap_or_default();
                format!("Last run {at}, {}", run.state.word())
            }),
            refused: refusal
                .map(|refusal| (wording::sentence(&refusal.error.to_string()), refusal.error.advice())),
        }
    };
    kind.actions.iter().map(row).collect()
}

/// The chart of the main number, or else of the first state that is kept.
async fn chart<B: Backend>(
    web: &Web<B>,
    node: &NodeView,
    module: &ModuleView,
    range: Option<Range>,
) -> Result<Option<Drawing>, WebError> {
    let number = module.properties.iter().find(|view| is_number(&view.property));
    let state = || module.properties.iter().find(|view| is_state(&view.property));
    let Some(view) = number.or_else(state) else { return Ok(None) };
    let words = web.words();
    let series = Series { node: node.id.clone(), module: module.index, channel: view.property.channel };
    let to = UnixMillis(words.now().0.saturating_add(1));
    let since = |range: Range, before: i64| {
        UnixMillis(words.now().0.saturating_sub(range.length_ms().saturating_add(before)))
    };
    if let Some(range) = range
        && let Some(resolution) = range.resolution().filter(|_| is_number(&view.property))
    {
        let query = RollupQuery { series: series.clone(), resolution, from: since(range, 0), to };
        let buckets = web.backend.rollup(query).await?;
        return Ok(Some(Drawing::Rollups(trend::trend(view, &buckets, range, &words, &series))));
    }
    // A value that is kept only when it changes may have begun long before.
    let before = if view.property.history == History::Changes { BEFORE_MS } else { 0 };
    let from = since(range.unwrap_or(Range::HalfDay), before);
    let readings =
        web.backend.readings(ReadingQuery { series: series.clone(), from, to, limit: READINGS }).await?;
    let range = range.unwrap_or_else(|| Range::fitting(&readings, words.now()));
    Ok(Some(Drawing::Readings(chart::chart(view, &readings, range, &words, node, &series))))
}

fn is_number(property: &Property) -> bool {
    match property.value {
        ValueType::Int { .. } | ValueType::Float { .. } => true,
        ValueType::Bool { .. } | ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => false,
    }
}

fn is_state(property: &Property) -> bool {
    match property.value {
        ValueType::Bool { .. } | ValueType::Enum { .. } => true,
        ValueType::Int { .. } | ValueType::Float { .. } | ValueType::Colour | ValueType::Text { .. } => false,
    }
}
