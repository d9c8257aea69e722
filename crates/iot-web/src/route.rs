//! The route table: method and path to [`Route`], pure and whole. What a route answers is the handler's.

use std::sync::LazyLock;

use http::Method;
use iot_core::{IotError, NodeId};
use iot_proto::CommandId;
use matchit::{Params, Router};
use percent_encoding::percent_decode_str;

/// Something that can be asked of the web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A page to read.
    Page(Page),
    /// Something to read as JSON.
    Api(Api),
    /// Something to do, asked by a form or by a script.
    Act(Act, Surface),
    /// The live feed.
    Events,
    /// Whether the hub answers.
    Health,
    /// A file of the web interface itself.
    Asset(Box<str>),
    /// A file of a module kind.
    ModuleFile {
        /// Name of the kind.
        kind: Box<str>,
        /// Path in the kind's folder.
        path: Box<str>,
    },
}

/// Who reads the answer: it decides between HTML and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A person.
    Page,
    /// A script.
    Api,
}

impl Surface {
    /// Who reads what this path answers, errors included.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/api/") || path == "/healthz" { Self::Api } else { Self::Page }
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Overview,
    Nodes,
    Node(NodeId),
    Module(NodeId, u8),
    Commands,
    Inbox,
    Catalogue,
    Kind(Box<str>),
}

/// Something to read through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Overview,
    Activity,
    Nodes,
    Node(NodeId),
    Module(NodeId, u8),
    Readings,
    Commands,
    Command(CommandId),
    Catalogue,
    Kind(Box<str>),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Set a property, given by its number or name.
    Set(NodeId, u8, Box<str>),
    /// Run an action, given by its number or name.
    Invoke(NodeId, u8, Box<str>),
    /// Do something with a node as a whole.
    Node(NodeId, NodeAct),
    /// Cancel a command.
    Cancel(CommandId),
}

/// Something to do with a node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeAct {
    Identify,
    Restart,
    Admit,
    Reject,
    Disable,
    Enable,
    Revoke,
}

impl NodeAct {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "identify" => Self::Identify,
            "restart" => Self::Restart,
            "admit" => Self::Admit,
            "reject" => Self::Reject,
            "disable" => Self::Disable,
            "enable" => Self::Enable,
            "revoke" => Self::Revoke,
            _ => return None,
        })
    }
}

/// Why a request has no route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Miss {
    /// Nothing is at this path.
    Nothing,
    /// Something is at this path, but not for this method.
    Method {
        /// The methods that there are.
        allow: &'static str,
    },
    /// The path names something that cannot exist.
    Unknown(IotError),
}

/// Finds the route of a request. `HEAD` is `GET` without the body, which the server leaves out itself.
///
/// # Errors
/// [`Miss`].
pub(crate) fn route(method: &Method, path: &str) -> Result<Route, Miss> {
    let found = TABLE.at(path).map_err(|_| Miss::Nothing)?;
    let (place, params) = (*found.value, found.params);
    let reads = method == Method::GET || method == Method::HEAD;
    match (place.takes(), reads, method == Method::POST) {
        (Takes::Get, true, _) | (Takes::Post, _, true) => place.route(&params),
        (Takes::Get, ..) => Err(Miss::Method { allow: "GET, HEAD" }),
        (Takes::Post, ..) => Err(Miss::Method { allow: "POST" }),
    }
}

/// A path of the table, before its parts are read.
#[derive(Clone, Copy, Debug)]
enum Place {
    Page(Thing),
    Api(Thing),
    Act(Deed, Surface),
    Events,
    Health,
    Asset,
    ModuleFile,
}

#[derive(Clone, Copy, Debug)]
enum Thing {
    Overview,
    Activity,
    Nodes,
    Node,
    Module,
    Readings,
    Commands,
    Command,
    Inbox,
    Catalogue,
    Kind,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Set,
    Invoke,
    Node,
    Cancel,
}

#[derive(Clone, Copy, Debug)]
enum Takes {
    Get,
    Post,
}

static TABLE: LazyLock<Router<Place>> = LazyLock::new(|| {
    let mut table = Router::new();
    for (path, place) in [
        ("/", Place::Page(Thing::Overview)),
        ("/nodes", Place::Page(Thing::Nodes)),
        ("/nodes/{node}", Place::Page(Thing::Node)),
        ("/nodes/{node}/modules/{module}", Place::Page(Thing::Module)),
        ("/commands", Place::Page(Thing::Commands)),
        ("/inbox", Place::Page(Thing::Inbox)),
        ("/catalogue", Place::Page(Thing::Catalogue)),
        ("/catalogue/{kind}", Place::Page(Thing::Kind)),
        ("/nodes/{node}/modules/{module}/properties/{channel}", Place::Act(Deed::Set, Surface::Page)),
        ("/nodes/{node}/modules/{module}/actions/{channel}", Place::Act(Deed::Invoke, Surface::Page)),
        ("/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Page)),
        ("/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Page)),
        ("/events", Place::Events),
        ("/healthz", Place::Health),
        ("/static/{*path}", Place::Asset),
        ("/modules/{kind}/{*path}", Place::ModuleFile),
        ("/api/v1/overview", Place::Api(Thing::Overview)),
        ("/api/v1/activity", Place::Api(Thing::Activity)),
        ("/api/v1/nodes", Place::Api(Thing::Nodes)),
        ("/api/v1/nodes/{node}", Place::Api(Thing::Node)),
        ("/api/v1/nodes/{node}/modules/{module}", Place::Api(Thing::Module)),
        ("/api/v1/readings", Place::Api(Thing::Readings)),
        ("/api/v1/commands", Place::Api(Thing::Commands)),
        ("/api/v1/commands/{command}", Place::Api(Thing::Command)),
        ("/api/v1/catalogue", Place::Api(Thing::Catalogue)),
        ("/api/v1/catalogue/{kind}", Place::Api(Thing::Kind)),
        ("/api/v1/nodes/{node}/modules/{module}/properties/{channel}", Place::Act(Deed::Set, Surface::Api)),
        ("/api/v1/nodes/{node}/modules/{module}/actions/{channel}", Place::Act(Deed::Invoke, Surface::Api)),
        ("/api/v1/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Api)),
        ("/api/v1/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Api)),
        ("/api/v1/events", Place::Events),
    ] {
        table.insert(path, place).expect("the paths of the table do not collide");
    }
    table
});

impl Place {
    fn takes(self) -> Takes {
        match self {
            Self::Act(..) => Takes::Post,
            Self::Page(_) | Self::Api(_) | Self::Events | Self::Health | Self::Asset | Self::ModuleFile => {
                Takes::Get
            }
        }
    }

    fn route(self, params: &Params<'_, '_>) -> Result<Route, Miss> {
        Ok(match self {
            Self::Page(thing) => Route::Page(thing.page(params)?),
            Self::Api(thing) => Route::Api(thing.api(params)?),
            Self::Act(deed, surface) => Route::Act(deed.act(params)?, surface),
            Self::Events => Route::Events,
            Self::Health => Route::Health,
            Self::Asset => Route::Asset(text(params, "path")?),
            Self::ModuleFile => {
                Route::ModuleFile { kind: text(params, "kind")?, path: text(params, "path")? }
            }
        })
    }
}

impl Thing {
    fn page(self, params: &Params<'_, '_>) -> Result<Page, Miss> {
        Ok(match self {
            Self::Overview => Page::Overview,
            Self::Nodes => Page::Nodes,
            Self::Node => Page::Node(node(params)?),
            Self::Module => Page::Module(node(params)?, module(params)?),
            Self::Commands => Page::Commands,
            Self::Inbox => Page::Inbox,
            Self::Catalogue => Page::Catalogue,
            Self::Kind => Page::Kind(text(params, "kind")?),
            Self::Activity | Self::Readings | Self::Command => return Err(Miss::Nothing),
        })
    }

    fn api(self, params: &Params<'_, '_>) -> Result<Api, Miss> {
        Ok(match self {
            Self::Overview => Api::Overview,
            Self::Activity => Api::Activity,
            Self::Nodes => Api::Nodes,
            Self::Node => Api::Node(node(params)?),
            Self::Module => Api::Module(node(params)?, module(params)?),
            Self::Readings => Api::Readings,
            Self::Commands => Api::Commands,
            Self::Command => Api::Command(command(params)?),
            Self::Catalogue => Api::Catalogue,
            Self::Kind => Api::Kind(text(params, "kind")?),
            Self::Inbox => return Err(Miss::Nothing),
        })
    }
}

impl Deed {
    fn act(self, params: &Params<'_, '_>) -> Result<Act, Miss> {
        Ok(match self {
            Self::Set => Act::Set(node(params)?, module(params)?, text(params, "channel")?),
            Self::Invoke => Act::Invoke(node(params)?, module(params)?, text(params, "channel")?),
            Self::Node => {
                let act = NodeAct::parse(&text(params, "act")?).ok_or(Miss::Nothing)?;
                Act::Node(node(params)?, act)
            }
            Self::Cancel => Act::Cancel(command(params)?),
        })
    }
}

/// A part of the path, decoded. The table guarantees that it is there.
fn text(params: &Params<'_, '_>, name: &str) -> Result<Box<str>, Miss> {
    let part = percent_decode_str(params.get(name).unwrap_or_default()).decode_utf8();
    part.map(Into::into).map_err(|_| Miss::Nothing)
}

fn node(params: &Params<'_, '_>) -> Result<NodeId, Miss> {
    let node = text(params, "node")?;
    NodeId::parse(&node).ok_or(Miss::Unknown(IotError::UnknownNode { node }))
}

fn module(params: &Params<'_, '_>) -> Result<u8, Miss> {
    text(params, "module")?.parse().map_err(|_| Miss::Nothing)
}

fn command(params: &Params<'_, '_>) -> Result<CommandId, Miss> {
    let id = text(params, "command")?;
    command_id(&id).ok_or(Miss::Unknown(IotError::UnknownCommand { id }))
}

/// Reads a command's id in the usual form of a UUID.
pub(crate) fn command_id(text: &str) -> Option<CommandId> {
    uuid::Uuid::try_parse(text).ok().map(|id| CommandId(id.into_bytes()))
}

#[cfg(test)]
mod tests {
    use iot_proto::Name;

    use super::*;

    const UUID: &str = "0190b2f4-0000-7000-8000-000000000001";

    fn porch() -> NodeId {
        NodeId::plain(Name::new("porch").unwrap())
    }

    fn get(path: &str) -> Result<Route, Miss> {
        route(&Method::GET, path)
    }

    fn post(path: &str) -> Result<Route, Miss> {
        route(&Method::POST, path)
    }

    #[test]
    fn every_path_that_is_read_has_its_route() {
        let id = command_id(UUID).unwrap();
        for (path, expected) in [
            ("/", Route::Page(Page::Overview)),
            ("/nodes", Route::Page(Page::Nodes)),
            ("/nodes/plain:porch", Route::Page(Page::Node(porch()))),
            ("/nodes/plain%3Aporch", Route::Page(Page::Node(porch()))),
            ("/nodes/plain:porch/modules/7", Route::Page(Page::Module(porch(), 7))),
            ("/commands", Route::Page(Page::Commands)),
            ("/inbox", Route::Page(Page::Inbox)),
            ("/catalogue", Route::Page(Page::Catalogue)),
            ("/catalogue/relay", Route::Page(Page::Kind("relay".into()))),
            ("/events", Route::Events),
            ("/healthz", Route::Health),
            ("/static/hub.css", Route::Asset("hub.css".into())),
            ("/modules/relay/a/b.svg", Route::ModuleFile { kind: "relay".into(), path: "a/b.svg".into() }),
            ("/api/v1/overview", Route::Api(Api::Overview)),
            ("/api/v1/activity", Route::Api(Api::Activity)),
            ("/api/v1/nodes", Route::Api(Api::Nodes)),
            ("/api/v1/nodes/plain:porch", Route::Api(Api::Node(porch()))),
            ("/api/v1/nodes/plain:porch/modules/0", Route::Api(Api::Module(porch(), 0))),
            ("/api/v1/readings", Route::Api(Api::Readings)),
            ("/api/v1/commands", Route::Api(Api::Commands)),
            (&format!("/api/v1/commands/{UUID}"), Route::Api(Api::Command(id))),
            ("/api/v1/catalogue", Route::Api(Api::Catalogue)),
            ("/api/v1/catalogue/relay", Route::Api(Api::Kind("relay".into()))),
            ("/api/v1/events", Route::Events),
        ] {
            assert_eq!(get(path), Ok(expected.clone()), "{path}");
            assert_eq!(route(&Method::HEAD, path), Ok(expected), "HEAD {path}");
            assert_eq!(post(path), Err(Miss::Method { allow: "GET, HEAD" }), "POST {path}");
        }
    }

    #[test]
    fn every_deed_has_its_route_on_the_page_and_in_the_api() {
        let id = command_id(UUID).unwrap();
        for (path, expected) in [
            ("/nodes/plain:porch/modules/2/properties/1".to_owned(), Act::Set(porch(), 2, "1".into())),
            (
                "/nodes/plain:porch/modules/2/actions/pulse".to_owned(),
                Act::Invoke(porch(), 2, "pulse".into()),
            ),
            ("/nodes/plain:porch/identify".to_owned(), Act::Node(porch(), NodeAct::Identify)),
            ("/nodes/plain:porch/restart".to_owned(), Act::Node(porch(), NodeAct::Restart)),
            ("/nodes/plain:porch/admit".to_owned(), Act::Node(porch(), NodeAct::Admit)),
            ("/nodes/plain:porch/reject".to_owned(), Act::Node(porch(), NodeAct::Reject)),
            ("/nodes/plain:porch/disable".to_owned(), Act::Node(porch(), NodeAct::Disable)),
            ("/nodes/plain:porch/enable".to_owned(), Act::Node(porch(), NodeAct::Enable)),
            ("/nodes/plain:porch/revoke".to_owned(), Act::Node(porch(), NodeAct::Revoke)),
            (format!("/commands/{UUID}/cancel"), Act::Cancel(id)),
        ] {
            assert_eq!(post(&path), Ok(Route::Act(expected.clone(), Surface::Page)), "{path}");
            let api = format!("/api/v1{path}");
            assert_eq!(post(&api), Ok(Route::Act(expected, Surface::Api)), "{api}");
            assert_eq!(get(&path), Err(Miss::Method { allow: "POST" }), "GET {path}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_has_no_route() {
        for path in ["/nope", "/nodes/", "/nodes/plain:porch/modules/256", "/api/v2/nodes", "/api/v1/inbox"] {
            assert_eq!(get(path), Err(Miss::Nothing), "{path}");
        }
        assert_eq!(post("/nodes/plain:porch/explode"), Err(Miss::Nothing));
        assert_eq!(get("/nodes/%ff"), Err(Miss::Nothing), "not UTF-8");
        assert!(matches!(get("/nodes/Bad%20Name"), Err(Miss::Unknown(IotError::UnknownNode { .. }))));
        assert!(matches!(get("/api/v1/commands/7"), Err(Miss::Unknown(IotError::UnknownCommand { .. }))));
        assert_eq!(route(&Method::DELETE, "/nodes/plain:porch"), Err(Miss::Method { allow: "GET, HEAD" }));
    }
}
