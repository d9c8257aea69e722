//! The list of nodes: what needs attention first, filtered and in pages.

use askama::Template;
use http::StatusCode;
use iot_core::{
    AdmissionState, PresenceState, Series,
    view::{Archived, NodeFilter, NodeView, PropertyView},
};

use super::{
    shell::{Shell, by_title, rendered},
    sketch::{Sketch, Trust},
    terms::Mark,
};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    input::Query,
    web::Web,
    wording::{self, PresenceWords, Words},
};

/// Nodes on one page of the list.
const PAGE: usize = 50;

/// States in the filter, worst first.
const STATES: [PresenceState; 6] = [
    PresenceState::Lost,
    PresenceState::Overdue,
    PresenceState::Connecting,
    PresenceState::Asleep,
    PresenceState::Online,
    PresenceState::Disabled,
];

#[derive(Template)]
#[template(path = "nodes.html")]
struct NodesPage {
    shell: Shell,
    lede: String,
    text: String,
    is: String,
    kinds: Vec<Choice>,
    tags: Vec<Choice>,
    archived: bool,
    filters: Vec<Filter>,
    rows: Vec<Row>,
    range: String,
    previous: Option<String>,
    next: Option<String>,
}

struct Choice {
    name: Box<str>,
    title: Box<str>,
    chosen: bool,
}

/// A link that filters a list by state.
struct Filter {
    href: String,
    word: String,
    count: usize,
    current: bool,
}

struct Row {
    href: String,
    title: Box<str>,
    board: String,
    presence: PresenceWords,
    /// How it stands, where it is not simply let in: class and word.
    standing: Option<(&'static str, &'static str)>,
    mark: Option<Mark>,
    tags: Vec<Box<str>>,
    place: Box<str>,
    address: String,
    value: Option<Value>,
    sketch: Sketch,
    modules: usize,
    queued: usize,
    heard: String,
}

/// The main value of a node's first module.
struct Value {
    series: String,
    text: String,
    old: Option<String>,
}

/// `GET /nodes?q=&kind=&tag=&is=&archived=&page=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a page that is no number.
pub(crate) async fn nodes<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let words = web.words();
    let archived = query.get("archived").is_some();
    let show = if archived { Archived::Only } else { Archived::Hidden };
    let filter = NodeFilter { archived: show, ..NodeFilter::default() };
    let (nodes, _room) = web.nodes(filter).await?;
    let mut nodes = by_title(nodes);
    nodes.retain(|node| node.admission != AdmissionState::Pending);
    let (all, modules) = (nodes.len(), nodes.iter().map(|node| node.modules.len()).sum());
    let (kinds, tags) = (kinds(&nodes, query.get("kind")), tags(&nodes, query.get("tag")));
    nodes.retain(|node| fits(node, query));
    let filters = filters(&nodes, query);
    let is = query.get("is").unwrap_or_default();
    nodes.retain(|node| is.is_empty() || node.presence.state.word() == is);
    nodes.sort_by_key(|node| (node.admission == AdmissionState::Revoked, rank(node.presence.state)));
    let page: usize =
        query.get("page").unwrap_or("1").parse().map_err(|_| WebError::malformed("page is a number"))?;
    let begin = page.saturating_sub(1).saturating_mul(PAGE).min(nodes.len());
    let end = begin.saturating_add(PAGE).min(nodes.len());
    let mut rows = Vec::new();
    for node in nodes.get(begin..end).unwrap_or_default() {
        rows.push(Row::of(web, node, &words).await);
    }
    let link = |page: usize| format!("/nodes?{}", query.with("page", &page.to_string()));
    let page = NodesPage {
        shell: Shell::load(web, "nodes").await?,
        lede: format!(
            "{}, {}. {}",
            wording::capital(&wording::count(all, "node", "nodes")),
            wording::count(modules, "module", "modules"),
            if archived { "They are not used any more." } else { "What needs attention is first." }
        ),
        archived,
        tags,
        text: query.get("q").unwrap_or_default().to_owned(),
        is: is.to_owned(),
        kinds,
        filters,
        range: if rows.is_empty() {
            String::new()
        } else {
            format!("{} to {end} of {}", begin + 1, nodes.len())
        },
        previous: (begin > 0).then(|| link(page.saturating_sub(1).max(1))),
        next: (end < nodes.len()).then(|| link(page.saturating_add(1))),
        rows,
    };
    Ok(rendered(StatusCode::OK, &page))
}

fn fits(node: &NodeView, query: &Query) -> bool {
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let text = query.get("q").is_none_or(|part| {
        let modules =
            node.modules.iter().any(|module| has(&module.title, part) || has(&module.kind_name, part));
        let address = node.address.is_some_and(|address| has(&address.to_string(), part));
        has(&node.title, part)
            || has(&node.place, part)
            || node.tags.iter().any(|tag| has(tag, part))
            || has(node.id.as_str(), part)
            || has(&node.board, part)
            || modules
            || address
    });
    let kind =
        query.get("kind").is_none_or(|kind| node.modules.iter().any(|module| *module.kind_name == *kind));
    let tag = query.get("tag").is_none_or(|tag| node.tags.iter().any(|known| **known == *tag));
    text && kind && tag
}

fn tags(nodes: &[NodeView], chosen: Option<&str>) -> Vec<Choice> {
    let known: std::collections::BTreeSet<_> = nodes.iter().flat_map(|node| &node.tags).collect();
    let choice = |tag: &str| Choice { chosen: chosen == Some(tag), name: tag.into(), title: tag.into() };
    known.into_iter().map(|tag| choice(tag)).collect()
}

fn kinds(nodes: &[NodeView], chosen: Option<&str>) -> Vec<Choice> {
    let modules = nodes.iter().flat_map(|node| &node.modules);
    let names = modules.map(|module| {
        let title = module.kind.as_deref().map_or(&module.kind_name, |kind| &kind.title);
        (module.kind_name.clone(), title.clone())
    });
    let names: std::collections::BTreeMap<_, _> = names.collect();
    let choice = |(name, title): (Box<str>, Box<str>)| Choice { chosen: chosen == Some(&*name), name, title };
    names.into_iter().map(choice).collect()
}

fn filters(nodes: &[NodeView], query: &Query) -> Vec<Filter> {
    let is = query.get("is");
    let all = Filter {
        href: format!("/nodes?{}", query.with("is", "")),
        word: "All".into(),
        count: nodes.len(),
        current: is.is_none(),
    };
    let states = STATES.into_iter().filter_map(|state| {
        let count = nodes.iter().filter(|node| node.presence.state == state).count();
        let current = is == Some(state.word());
        (count > 0 || current).then(|| Filter {
            href: format!("/nodes?{}", query.with("is", state.word())),
            word: wording::capital(state.word()),
            count,
            current,
        })
    });
    std::iter::once(all).chain(states).collect()
}

fn rank(state: PresenceState) -> usize {
    STATES.iter().position(|known| *known == state).unwrap_or(STATES.len())
}

impl Row {
    async fn of<B: Backend>(web: &Web<B>, node: &NodeView, words: &Words) -> Self {
        let main =
            node.modules.iter().find_map(|module| module.properties.first().map(|view| (module, view)));
        let old = !matches!(node.presence.state, PresenceState::Online | PresenceState::Asleep);
        let sketch = match main {
            Some((module, view)) => {
                let series =
                    Series { node: node.id.clone(), module: module.index, channel: view.property.channel };
                Sketch::of(web, series, view, if old { Trust::Old } else { Trust::Fresh }).await
            }
            None => Sketch::None,
        };
        let value = main.and_then(|(module, view)| Value::new(node, module.index, view, old, words));
        Self {
            href: format!("/nodes/{}", node.id),
            title: node.title.clone(),
            board: [&*node.board, &*node.firmware].map(str::to_owned).join(" · "),
            presence: words.presence(&node.presence),
            standing: match node.admission {
                AdmissionState::Revoked => Some(("tag bad", node.admission.word())),
                AdmissionState::Archived | AdmissionState::Matched => Some(("tag", node.admission.word())),
                AdmissionState::Pending | AdmissionState::Admitted => None,
            },
            mark: Mark::of(node),
            tags: node.tags.clone(),
            place: node.place.clone(),
            address: node.address.map_or_else(|| "unknown".into(), |address| address.ip().to_string()),
            value,
            sketch,
            modules: node.modules.len(),
            queued: node.queued,
            heard: node.last_heard.map_or_else(|| "never".into(), |at| words.time(at)),
        }
    }
}

impl Value {
    fn new(node: &NodeView, module: u8, view: &PropertyView, old: bool, words: &Words) -> Option<Self> {
        let reading = view.latest.as_ref()?;
        Some(Self {
            series: format!("{}/{module}/{}", node.id, view.property.channel),
            text: view.property.value.text_with_unit(&reading.value).into(),
            old: old.then(|| words.age(reading.measured)),
        })
    }
}
