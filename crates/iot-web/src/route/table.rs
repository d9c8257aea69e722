//! The table itself: every path with its place, and how the parts of a path are read.

use std::sync::LazyLock;

use iot_core::{IotError, NodeId};
use iot_proto::CommandId;
use matchit::{Params, Router};
use percent_encoding::percent_decode_str;

use super::{Act, Api, JoinAct, Miss, NodeAct, Page, Route, Surface, command_id};

/// Every path, in the order in which people think of them.
const PATHS: [(&str, Place); 60] = [
    ("/", Place::Page(Thing::Overview)),
    ("/nodes", Place::Page(Thing::Nodes)),
    ("/nodes/{node}", Place::Page(Thing::Node)),
    ("/nodes/{node}/modules/{module}", Place::Page(Thing::Module)),
    ("/commands", Place::Page(Thing::Commands)),
    ("/inbox", Place::Page(Thing::Inbox)),
    ("/joining", Place::Page(Thing::Joining)),
    ("/joining/open", Place::Join(JoinAct::Open, Surface::Page)),
    ("/joining/close", Place::Join(JoinAct::Close, Surface::Page)),
    ("/joining/secret", Place::Join(JoinAct::Secret, Surface::Page)),
    ("/joining/digits", Place::Join(JoinAct::Digits, Surface::Page)),
    ("/joining/end", Place::Join(JoinAct::End, Surface::Page)),
    ("/store", Place::Page(Thing::Store)),
    ("/store/backup", Place::BackUp),
    ("/catalogue", Place::Page(Thing::Catalogue)),
    ("/catalogue/{kind}", Place::Page(Thing::Kind)),
    ("/nodes/{node}/modules/{module}/properties/{channel}", Place::Act(Deed::Set, Surface::Page)),
    ("/nodes/{node}/modules/{module}/properties/{channel}/read", Place::Act(Deed::Get, Surface::Page)),
    ("/nodes/{node}/modules/{module}/actions/{channel}", Place::Act(Deed::Invoke, Surface::Page)),
    ("/nodes/{node}/modules/{module}/name", Place::Act(Deed::NameModule, Surface::Page)),
    ("/nodes/{node}/replacement", Place::Replacement(Surface::Page)),
    ("/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Page)),
    ("/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Page)),
    ("/audit", Place::Page(Thing::Audit)),
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
    ("/api/v1/rollups", Place::Api(Thing::Rollups)),
    ("/api/v1/gaps", Place::Api(Thing::Gaps)),
    ("/api/v1/export", Place::Api(Thing::Export)),
    ("/api/v1/commands", Place::Api(Thing::Commands)),
    ("/api/v1/commands/{command}", Place::Api(Thing::Command)),
    ("/api/v1/joining", Place::Api(Thing::Joining)),
    ("/api/v1/joining/open", Place::Join(JoinAct::Open, Surface::Api)),
    ("/api/v1/joining/close", Place::Join(JoinAct::Close, Surface::Api)),
    ("/api/v1/joining/secret", Place::Join(JoinAct::Secret, Surface::Api)),
    ("/api/v1/joining/digits", Place::Join(JoinAct::Digits, Surface::Api)),
    ("/api/v1/joining/end", Place::Join(JoinAct::End, Surface::Api)),
    ("/api/v1/store", Place::Api(Thing::Store)),
    ("/api/v1/backup", Place::Backups),
    ("/api/v1/backups/{name}", Place::BackupFile),
    ("/api/v1/audit", Place::Api(Thing::Audit)),
    ("/api/v1/audit/export", Place::Api(Thing::AuditExport)),
    ("/api/v1/catalogue", Place::Api(Thing::Catalogue)),
    ("/api/v1/catalogue/{kind}", Place::Api(Thing::Kind)),
    ("/api/v1/nodes/{node}/modules/{module}/properties/{channel}", Place::Act(Deed::Set, Surface::Api)),
    ("/api/v1/nodes/{node}/modules/{module}/properties/{channel}/read", Place::Act(Deed::Get, Surface::Api)),
    ("/api/v1/nodes/{node}/modules/{module}/actions/{channel}", Place::Act(Deed::Invoke, Surface::Api)),
    ("/api/v1/nodes/{node}/modules/{module}/name", Place::Act(Deed::NameModule, Surface::Api)),
    ("/api/v1/nodes/{node}/replacement", Place::Replacement(Surface::Api)),
    ("/api/v1/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Api)),
    ("/api/v1/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Api)),
    ("/api/v1/events", Place::Events),
];

static TABLE: LazyLock<Router<Place>> = LazyLock::new(|| {
    let mut table = Router::new();
    for (path, place) in PATHS {
        table.insert(path, place).expect("the paths of the table do not collide");
    }
    table
});

/// The place of a path, with the parts that the path names.
pub(super) fn find(path: &str) -> Option<(Place, Params<'_, '_>)> {
    TABLE.at(path).ok().map(|found| (*found.value, found.params))
}

/// Every path of the table.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.into_iter().map(|(path, _)| path)
}

/// A path of the table, before its parts are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Page(Thing),
    Api(Thing),
    Act(Deed, Surface),
    Join(JoinAct, Surface),
    /// Where a form begins a backup.
    BackUp,
    /// Where scripts begin and list backups.
    Backups,
    BackupFile,
    /// Looked at and done at one place.
    Replacement(Surface),
    Events,
    Health,
    Asset,
    ModuleFile,
}

/// Something that can be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Thing {
    Overview,
    Activity,
    Nodes,
    Node,
    Module,
    Readings,
    Rollups,
    Gaps,
    Export,
    Commands,
    Command,
    Inbox,
    Joining,
    Store,
    Catalogue,
    Kind,
    Audit,
    AuditExport,
}

/// Something that can be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Set,
    Get,
    Invoke,
    NameModule,
    Node,
    Cancel,
}

/// Which method a place takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    Get,
    Post,
    Both,
}

impl Place {
    /// Which method it takes.
    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Act(..) | Self::Join(..) | Self::BackUp => Takes::Post,
            Self::Backups | Self::Replacement(_) => Takes::Both,
            Self::Page(_)
            | Self::Api(_)
            | Self::BackupFile
            | Self::Events
            | Self::Health
            | Self::Asset
            | Self::ModuleFile => Takes::Get,
        }
    }

    /// The route, with its parts read.
    pub(super) fn route(self, params: &Params<'_, '_>) -> Result<Route, Miss> {
        Ok(match self {
            Self::Page(thing) => Route::Page(thing.page(params)?),
            Self::Api(thing) => Route::Api(thing.api(params)?),
            Self::Act(deed, surface) => Route::Act(deed.act(params)?, surface),
            Self::Join(act, surface) => Route::Join(act, surface),
            Self::BackUp => Route::BackUp(Surface::Page),
            Self::Backups => Route::Api(Api::Backups),
            Self::BackupFile => Route::BackupFile(text(params, "name")?),
            Self::Replacement(Surface::Page) => Route::Page(Page::Replacement(node(params)?)),
            Self::Replacement(Surface::Api) => Route::Api(Api::Replacement(node(params)?)),
            Self::Events => Route::Events,
            Self::Health => Route::Health,
            Self::Asset => Route::Asset(text(params, "path")?),
            Self::ModuleFile => {
                Route::ModuleFile { kind: text(params, "kind")?, path: text(params, "path")? }
            }
        })
    }
}

impl Place {
    /// What is done where something is looked at too.
    pub(super) fn act(self, params: &Params<'_, '_>) -> Result<Route, Miss> {
        match self {
            Self::Replacement(surface) => Ok(Route::Act(Act::Node(node(params)?, NodeAct::Replace), surface)),
            Self::Backups => Ok(Route::BackUp(Surface::Api)),
            Self::Page(_)
            | Self::Api(_)
            | Self::Act(..)
            | Self::Join(..)
            | Self::BackUp
            | Self::BackupFile
            | Self::Events
            | Self::Health
            | Self::Asset
            | Self::ModuleFile => self.route(params),
        }
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
            Self::Joining => Page::Joining,
            Self::Store => Page::Store,
            Self::Catalogue => Page::Catalogue,
            Self::Kind => Page::Kind(text(params, "kind")?),
            Self::Audit => Page::Audit,
            Self::Activity
            | Self::Readings
            | Self::Rollups
            | Self::Gaps
            | Self::Export
            | Self::Command
            | Self::AuditExport => return Err(Miss::Nothing),
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
            Self::Rollups => Api::Rollups,
            Self::Gaps => Api::Gaps,
            Self::Export => Api::Export,
            Self::Commands => Api::Commands,
            Self::Command => Api::Command(command(params)?),
            Self::Joining => Api::Joining,
            Self::Store => Api::Store,
            Self::Catalogue => Api::Catalogue,
            Self::Kind => Api::Kind(text(params, "kind")?),
            Self::Audit => Api::Audit,
            Self::AuditExport => Api::AuditExport,
            Self::Inbox => return Err(Miss::Nothing),
        })
    }
}

impl Deed {
    fn act(self, params: &Params<'_, '_>) -> Result<Act, Miss> {
        Ok(match self {
            Self::Set => Act::Set(node(params)?, module(params)?, text(params, "channel")?),
            Self::Get => Act::Get(node(params)?, module(params)?, text(params, "channel")?),
            Self::Invoke => Act::Invoke(node(params)?, module(params)?, text(params, "channel")?),
            Self::NameModule => Act::NameModule(node(params)?, module(params)?),
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
