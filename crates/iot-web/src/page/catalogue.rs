//! The catalogue: every module kind with its properties, actions, events and files.

use askama::Template;
use http::StatusCode;
use iot_core::catalogue::{Access, History, ModuleKind, Origin};

use super::{
    markdown,
    shell::{Shell, rendered},
};
use crate::{Backend, body::Reply, error::WebError, web::Web, wording};

#[derive(Template)]
#[template(path = "catalogue.html")]
struct CataloguePage {
    shell: Shell,
    lede: String,
    kinds: Vec<KindRow>,
}

struct KindRow {
    href: String,
    icon: Box<str>,
    title: Box<str>,
    name: String,
    summary: Box<str>,
    controls: String,
    origin: &'static str,
}

#[derive(Template)]
#[template(path = "kind.html")]
struct KindPage {
    shell: Shell,
    title: Box<str>,
    summary: Box<str>,
    origin: &'static str,
    channels: Vec<Channel>,
    files: Vec<File>,
    help: Option<String>,
}

/// A property, action or event.
struct Channel {
    number: u8,
    title: Box<str>,
    name: Box<str>,
    what: &'static str,
    takes: String,
    kept: &'static str,
}

/// A file of the kind.
pub(super) struct File {
    pub(super) path: Box<str>,
    pub(super) href: String,
    pub(super) size: String,
}

/// `GET /catalogue`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn catalogue<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let catalogue = web.backend.catalogue();
    let kinds: Vec<_> = catalogue.kinds().map(|kind| KindRow::new(kind)).collect();
    let count = wording::capital(&wording::count(kinds.len(), "module kind", "module kinds"));
    let lede =
        format!("{count} that this hub supports. A folder in modules/ of the data directory adds one.");
    Ok(rendered(StatusCode::OK, &CataloguePage { shell: Shell::load(web, "catalogue").await?, lede, kinds }))
}

impl KindRow {
    fn new(kind: &ModuleKind) -> Self {
        let titles = kind.properties.iter().map(|property| &*property.title);
        let titles: Vec<_> = titles.chain(kind.actions.iter().map(|action| &*action.title)).collect();
        Self {
            href: format!("/catalogue/{}", kind.name),
            icon: kind.icon.clone(),
            title: kind.title.clone(),
            name: format!("{} {}", kind.name, kind.version),
            summary: kind.summary.clone(),
            controls: titles.join(", "),
            origin: origin(kind),
        }
    }
}

/// `GET /catalogue/{kind}`.
///
/// # Errors
/// [`IotError::KindUnsupported`](iot_core::IotError::KindUnsupported).
pub(crate) async fn kind<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let catalogue = web.backend.catalogue();
    let kind = catalogue.kind(name)?;
    let page = KindPage {
        shell: Shell::load(web, "catalogue").await?,
        title: kind.title.clone(),
        summary: kind.summary.clone(),
        origin: origin(kind),
        channels: channels(kind),
        files: files(kind),
        help: help(kind),
    };
    Ok(rendered(StatusCode::OK, &page))
}

fn origin(kind: &ModuleKind) -> &'static str {
    match kind.origin {
        Origin::BuiltIn => "built in",
        Origin::Folder => "from a folder",
    }
}

fn channels(kind: &ModuleKind) -> Vec<Channel> {
    let properties = kind.properties.iter().map(|property| Channel {
        number: property.channel,
        title: property.title.clone(),
        name: property.name.clone(),
        what: match property.access {
            Access::Read => "reported",
            Access::ReadWrite => "reported and set",
        },
        takes: wording::capital(&property.value.expected()),
        kept: match property.history {
            History::Every => "every reading",
            History::Changes => "changes",
            History::Latest => "the latest",
        },
    });
    let actions = kind.actions.iter().map(|action| Channel {
        number: action.channel,
        title: action.title.clone(),
        name: action.name.clone(),
        what: "action",
        takes: action.argument.as_ref().map_or_else(
            || "No argument".into(),
            |argument| format!("{}: {}", argument.title, argument.value.expected()),
        ),
        kept: "",
    });
    let events = kind.events.iter().map(|event| Channel {
        number: event.channel,
        title: event.title.clone(),
        name: event.name.clone(),
        what: "event",
        takes: wording::capital(&event.value.expected()),
        kept: "every occurrence",
    });
    properties.chain(actions).chain(events).collect()
}

/// The files of a kind, as links.
pub(super) fn files(kind: &ModuleKind) -> Vec<File> {
    let files = kind.files.iter().map(|(path, bytes)| File {
        path: path.clone(),
        href: address(kind, path),
        size: format!("{}\u{a0}bytes", bytes.len()),
    });
    files.collect()
}

/// Where a file of a kind is to be had.
fn address(kind: &ModuleKind, path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
    format!("/modules/{}/{}", kind.name, utf8_percent_encode(path, KEPT))
}

/// The help of a kind, as HTML, where its maker wrote one.
pub(super) fn help(kind: &ModuleKind) -> Option<String> {
    let markdown = String::from_utf8_lossy(kind.files.get(kind.help.as_deref()?)?);
    Some(markdown::to_html(&markdown, |path| kind.files.contains_key(path).then(|| address(kind, path))))
}
