//! The table itself: every path with its place and whom it is for. How the parts of a path are read is `part.rs`.

use std::sync::LazyLock;

use iot_core::people::Role;
use matchit::{Params, Router};

use super::{
    Act, Api, HubKeyAct, JoinAct, May, Miss, NodeAct, Page, Route, Surface,
    gate::Gate,
    part::{command, module, node, text},
};

/// Who may look, who may command and admit, and who may say who may.
const VIEWERS: May = May::Role(Role::Viewer);
const OPERATORS: May = May::Role(Role::Operator);
const ADMINS: May = May::Role(Role::Admin);

/// Every path, in the order in which people think of them, and whom it is for.
pub(super) const PATHS: [(&str, Place, May); 93] = [
    ("/", Place::Page(Thing::Overview), VIEWERS),
    ("/nodes", Place::Page(Thing::Nodes), VIEWERS),
    ("/nodes/{node}", Place::Page(Thing::Node), VIEWERS),
    ("/nodes/{node}/modules/{module}", Place::Page(Thing::Module), VIEWERS),
    ("/commands", Place::Page(Thing::Commands), VIEWERS),
    ("/inbox", Place::Page(Thing::Inbox), VIEWERS),
    ("/joining", Place::Page(Thing::Joining), OPERATORS),
    ("/joining/open", Place::Join(JoinAct::Open, Surface::Page), OPERATORS),
    ("/joining/close", Place::Join(JoinAct::Close, Surface::Page), OPERATORS),
    ("/joining/secret", Place::Join(JoinAct::Secret, Surface::Page), OPERATORS),
    ("/joining/digits", Place::Join(JoinAct::Digits, Surface::Page), OPERATORS),
    ("/joining/unverified", Place::Join(JoinAct::Unverified, Surface::Page), ADMINS),
    ("/joining/admit", Place::Join(JoinAct::Admit, Surface::Page), ADMINS),
    ("/joining/end", Place::Join(JoinAct::End, Surface::Page), OPERATORS),
    ("/store", Place::Page(Thing::Store), VIEWERS),
    ("/store/backup", Place::BackUp, OPERATORS),
    ("/store/upload", Place::Upload(Surface::Page), ADMINS),
    ("/store/restore/{name}", Place::Restore(Surface::Page), ADMINS),
    ("/hub-key", Place::Page(Thing::HubKey), ADMINS),
    ("/hub-key/announce", Place::HubKey(HubKeyAct::Announce, Surface::Page), ADMINS),
    ("/hub-key/change", Place::HubKey(HubKeyAct::Change, Surface::Page), ADMINS),
    ("/catalogue", Place::Page(Thing::Catalogue), VIEWERS),
    ("/catalogue/{kind}", Place::Page(Thing::Kind), VIEWERS),
    ("/nodes/{node}/modules/{module}/properties/{channel}", Place::Act(Deed::Set, Surface::Page), OPERATORS),
    (
        "/nodes/{node}/modules/{module}/properties/{channel}/read",
        Place::Act(Deed::Get, Surface::Page),
        OPERATORS,
    ),
    ("/nodes/{node}/modules/{module}/actions/{channel}", Place::Act(Deed::Invoke, Surface::Page), OPERATORS),
    ("/nodes/{node}/modules/{module}/name", Place::Act(Deed::NameModule, Surface::Page), OPERATORS),
    ("/nodes/{node}/replacement", Place::Replacement(Surface::Page), OPERATORS),
    ("/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Page), OPERATORS),
    ("/nodes/{node}/forget", Place::Node(NodeAct::Forget, Surface::Page), ADMINS),
    ("/nodes/{node}/permit", Place::Node(NodeAct::Permit, Surface::Page), ADMINS),
    ("/nodes/{node}/forbid", Place::Node(NodeAct::Forbid, Surface::Page), ADMINS),
    ("/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Page), OPERATORS),
    ("/audit", Place::Page(Thing::Audit), OPERATORS),
    ("/events", Place::Events, VIEWERS),
    ("/healthz", Place::Health, May::Anyone),
    ("/static/{*path}", Place::Asset, May::Always),
    ("/modules/{kind}/{*path}", Place::ModuleFile, VIEWERS),
    ("/api/v1/openapi.json", Place::Api(Thing::Document), VIEWERS),
    ("/api/v1/overview", Place::Api(Thing::Overview), VIEWERS),
    ("/api/v1/activity", Place::Api(Thing::Activity), VIEWERS),
    ("/api/v1/nodes", Place::Api(Thing::Nodes), VIEWERS),
    ("/api/v1/nodes/{node}", Place::Api(Thing::Node), VIEWERS),
    ("/api/v1/nodes/{node}/modules/{module}", Place::Api(Thing::Module), VIEWERS),
    ("/api/v1/readings", Place::Api(Thing::Readings), VIEWERS),
    ("/api/v1/rollups", Place::Api(Thing::Rollups), VIEWERS),
    ("/api/v1/gaps", Place::Api(Thing::Gaps), VIEWERS),
    ("/api/v1/export", Place::Api(Thing::Export), VIEWERS),
    ("/api/v1/commands", Place::Api(Thing::Commands), VIEWERS),
    ("/api/v1/commands/{command}", Place::Api(Thing::Command), VIEWERS),
    ("/api/v1/joining", Place::Api(Thing::Joining), OPERATORS),
    ("/api/v1/joining/open", Place::Join(JoinAct::Open, Surface::Api), OPERATORS),
    ("/api/v1/joining/close", Place::Join(JoinAct::Close, Surface::Api), OPERATORS),
    ("/api/v1/joining/secret", Place::Join(JoinAct::Secret, Surface::Api), OPERATORS),
    ("/api/v1/joining/digits", Place::Join(JoinAct::Digits, Surface::Api), OPERATORS),
    ("/api/v1/joining/unverified", Place::Join(JoinAct::Unverified, Surface::Api), ADMINS),
    ("/api/v1/joining/admit", Place::Join(JoinAct::Admit, Surface::Api), ADMINS),
    ("/api/v1/joining/end", Place::Join(JoinAct::End, Surface::Api), OPERATORS),
    ("/api/v1/store", Place::Api(Thing::Store), VIEWERS),
    ("/api/v1/backup", Place::Backups, OPERATORS),
    ("/api/v1/backups", Place::Upload(Surface::Api), ADMINS),
    ("/api/v1/backups/{name}", Place::BackupFile, ADMINS),
    ("/api/v1/backups/{name}/restore", Place::Restore(Surface::Api), ADMINS),
    ("/api/v1/hub-key", Place::Api(Thing::HubKey), ADMINS),
    ("/api/v1/hub-key/announce", Place::HubKey(HubKeyAct::Announce, Surface::Api), ADMINS),
    ("/api/v1/hub-key/change", Place::HubKey(HubKeyAct::Change, Surface::Api), ADMINS),
    ("/api/v1/audit", Place::Api(Thing::Audit), OPERATORS),
    ("/api/v1/audit/export", Place::Api(Thing::AuditExport), OPERATORS),
    ("/api/v1/catalogue", Place::Api(Thing::Catalogue), VIEWERS),
    ("/api/v1/catalogue/{kind}", Place::Api(Thing::Kind), VIEWERS),
    (
        "/api/v1/nodes/{node}/modules/{module}/properties/{channel}",
        Place::Act(Deed::Set, Surface::Api),
        OPERATORS,
    ),
    (
        "/api/v1/nodes/{node}/modules/{module}/properties/{channel}/read",
        Place::Act(Deed::Get, Surface::Api),
        OPERATORS,
    ),
    (
        "/api/v1/nodes/{node}/modules/{module}/actions/{channel}",
        Place::Act(Deed::Invoke, Surface::Api),
        OPERATORS,
    ),
    ("/api/v1/nodes/{node}/modules/{module}/name", Place::Act(Deed::NameModule, Surface::Api), OPERATORS),
    ("/api/v1/nodes/{node}/replacement", Place::Replacement(Surface::Api), OPERATORS),
    ("/api/v1/nodes/{node}/{act}", Place::Act(Deed::Node, Surface::Api), OPERATORS),
    ("/api/v1/nodes/{node}/forget", Place::Node(NodeAct::Forget, Surface::Api), ADMINS),
    ("/api/v1/nodes/{node}/permit", Place::Node(NodeAct::Permit, Surface::Api), ADMINS),
    ("/api/v1/nodes/{node}/forbid", Place::Node(NodeAct::Forbid, Surface::Api), ADMINS),
    ("/api/v1/commands/{command}/cancel", Place::Act(Deed::Cancel, Surface::Api), OPERATORS),
    ("/api/v1/events", Place::Events, VIEWERS),
    ("/claim", Place::Door(Gate::Claim), May::ToClaim),
    ("/login", Place::Door(Gate::LogIn), May::Anyone),
    ("/logout", Place::Door(Gate::LogOut), May::Person(Role::Viewer)),
    ("/account", Place::Door(Gate::Account), May::Person(Role::Viewer)),
    ("/account/password", Place::Door(Gate::OwnPassword), May::Person(Role::Viewer)),
    ("/account/tokens", Place::Door(Gate::Tokens), May::Person(Role::Viewer)),
    ("/account/tokens/{token}/revoke", Place::Door(Gate::RevokeToken), May::Person(Role::Viewer)),
    ("/people", Place::Door(Gate::People), May::Person(Role::Admin)),
    ("/people/{user}/role", Place::Door(Gate::UserRole), May::Person(Role::Admin)),
    ("/people/{user}/password", Place::Door(Gate::UserPassword), May::Person(Role::Admin)),
    ("/people/{user}/remove", Place::Door(Gate::RemoveUser), May::Person(Role::Admin)),
    ("/api/v1/account", Place::Api(Thing::Account), VIEWERS),
];

static TABLE: LazyLock<Router<(Place, May)>> = LazyLock::new(|| {
    let mut table = Router::new();
    for (path, place, may) in PATHS {
        table.insert(path, (place, may)).expect("the paths of the table do not collide");
    }
    table
});

/// The place of a path and whom it is for, with the parts that the path names.
pub(super) fn find(path: &str) -> Option<(Place, May, Params<'_, '_>)> {
    let found = TABLE.at(path).ok()?;
    let (place, may) = *found.value;
    Some((place, may, found.params))
}

/// A route as it is told to others: tests, documents and proofs go through all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with names in braces for its parts.
    pub path: &'static str,
    /// Whom it is for.
    pub may: May,
}

/// Every route of the table.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    PATHS.into_iter().flat_map(|(path, place, may)| {
        let methods: &[&str] = match place.takes() {
            Takes::Get => &["GET"],
            Takes::Post => &["POST"],
            Takes::Both => &["GET", "POST"],
        };
        methods.iter().map(move |method| RouteInfo { method, path, may })
    })
}

/// A path of the table, before its parts are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Page(Thing),
    Api(Thing),
    Act(Deed, Surface),
    Join(JoinAct, Surface),
    HubKey(HubKeyAct, Surface),
    /// Where a form begins a backup.
    BackUp,
    /// Where scripts begin and list backups.
    Backups,
    BackupFile,
    /// Where a backup is sent.
    Upload(Surface),
    /// What a restore would do is looked at, and done, at one place.
    Restore(Surface),
    /// Looked at and done at one place.
    Replacement(Surface),
    /// Beside what else is done with a node, because it is for others than that.
    Node(NodeAct, Surface),
    /// Who may use the hub.
    Door(Gate),
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
    HubKey,
    Catalogue,
    Kind,
    Audit,
    AuditExport,
    Account,
    /// What describes the API.
    Document,
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
            Self::Act(..)
            | Self::Join(..)
            | Self::HubKey(..)
            | Self::BackUp
            | Self::Upload(_)
            | Self::Node(..) => Takes::Post,
            Self::Door(gate) => gate.takes(),
            Self::Backups | Self::Restore(_) | Self::Replacement(_) => Takes::Both,
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
            Self::Node(act, surface) => Route::Act(Act::Node(node(params)?, act), surface),
            Self::Door(gate) => match gate.page() {
                Some(page) => Route::Page(page),
                None => Route::People(gate.act(params)?),
            },
            Self::Join(act, surface) => Route::Join(act, surface),
            Self::HubKey(act, surface) => Route::HubKey(act, surface),
            Self::BackUp => Route::BackUp(Surface::Page),
            Self::Backups => Route::Api(Api::Backups),
            Self::Upload(surface) => Route::Upload(surface),
            Self::BackupFile => Route::BackupFile(text(params, "name")?),
            Self::Restore(Surface::Page) => Route::Page(Page::Restore(text(params, "name")?)),
            Self::Restore(Surface::Api) => Route::Api(Api::Restore(text(params, "name")?)),
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
            Self::Restore(surface) => Ok(Route::Restore(text(params, "name")?, surface)),
            Self::Door(gate) => Ok(Route::People(gate.act(params)?)),
            Self::Node(..)
            | Self::Page(_)
            | Self::Api(_)
            | Self::Act(..)
            | Self::Join(..)
            | Self::HubKey(..)
            | Self::BackUp
            | Self::BackupFile
            | Self::Upload(_)
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
            Self::HubKey => Page::HubKey,
            Self::Catalogue => Page::Catalogue,
            Self::Kind => Page::Kind(text(params, "kind")?),
            Self::Audit => Page::Audit,
            Self::Activity
            | Self::Readings
            | Self::Rollups
            | Self::Gaps
            | Self::Export
            | Self::Command
            | Self::AuditExport
            | Self::Account
            | Self::Document => return Err(Miss::Nothing),
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
            Self::HubKey => Api::HubKey,
            Self::Catalogue => Api::Catalogue,
            Self::Kind => Api::Kind(text(params, "kind")?),
            Self::Audit => Api::Audit,
            Self::AuditExport => Api::AuditExport,
            Self::Account => Api::Account,
            Self::Document => Api::Document,
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
