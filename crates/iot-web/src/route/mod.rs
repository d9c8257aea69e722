//! Routes: method and path to [`Route`], pure and whole. What a route answers is the handler's.

mod act;
mod describe;
mod gate;
mod may;
mod part;
mod table;

use http::Method;
use iot_core::{IotError, NodeId};
use iot_proto::CommandId;

use self::table::Takes;
pub(crate) use self::{
    act::{Act, HubKeyAct, JoinAct, NodeAct, PeopleAct},
    describe::{Described, described, parts},
};
pub use self::{
    may::May,
    table::{RouteInfo, routes},
};

/// Something that can be asked of the web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A page to read.
    Page(Page),
    /// Something to read as JSON.
    Api(Api),
    /// Something to do, asked by a form or by a script.
    Act(Act, Surface),
    /// Something to do about who may use the hub, asked by a form.
    People(PeopleAct),
    /// Something to do about joining.
    Join(JoinAct, Surface),
    /// Something to do about the hub's own key.
    HubKey(HubKeyAct, Surface),
    /// Begin a backup.
    BackUp(Surface),
    /// The file of a backup, by its name.
    BackupFile(Box<str>),
    /// Take a backup that is sent.
    Upload(Surface),
    /// Restore a backup, by its name.
    Restore(Box<str>, Surface),
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
    Joining,
    Store,
    HubKey,
    Restore(Box<str>),
    Catalogue,
    Kind(Box<str>),
    Audit,
    Replacement(NodeId),
    Claim,
    LogIn,
    People,
    Account,
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
    Rollups,
    Gaps,
    Export,
    Commands,
    Command(CommandId),
    Store,
    HubKey,
    Backups,
    Restore(Box<str>),
    Catalogue,
    Kind(Box<str>),
    Audit,
    AuditExport,
    Replacement(NodeId),
    Account,
    Joining,
    Document,
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

/// Finds the route of a request, and whom it is for. `HEAD` is `GET` without the body, which the server leaves out itself.
///
/// # Errors
/// [`Miss`].
pub(crate) fn route(method: &Method, path: &str) -> Result<(Route, May), Miss> {
    let (place, may, params) = table::find(path).ok_or(Miss::Nothing)?;
    let reads = method == Method::GET || method == Method::HEAD;
    let route = match (place.takes(), reads, method == Method::POST) {
        (Takes::Get | Takes::Both, true, _) | (Takes::Post, _, true) => place.route(&params),
        (Takes::Both, _, true) => place.act(&params),
        (Takes::Both, ..) => Err(Miss::Method { allow: "GET, HEAD, POST" }),
        (Takes::Get, ..) => Err(Miss::Method { allow: "GET, HEAD" }),
        (Takes::Post, ..) => Err(Miss::Method { allow: "POST" }),
    }?;
    Ok((route, may))
}

/// Whom what is at this path is for: a path as it stands in the table, or one that is asked for. `None` where there is
/// nothing.
pub(crate) fn may(path: &str) -> Option<May> {
    table::find(path).map(|(_, may, _)| may)
}

/// Reads a command's id in the usual form of a UUID.
pub(crate) fn command_id(text: &str) -> Option<CommandId> {
    uuid::Uuid::try_parse(text).ok().map(|id| CommandId(id.into_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use iot_proto::Name;

    use super::*;

    const UUID: &str = "0190b2f4-0000-7000-8000-000000000001";

    fn porch() -> NodeId {
        NodeId::plain(Name::new("porch").unwrap())
    }

    fn route(method: &Method, path: &str) -> Result<Route, Miss> {
        super::route(method, path).map(|(route, _)| route)
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
            ("/joining", Route::Page(Page::Joining)),
            ("/api/v1/joining", Route::Api(Api::Joining)),
            ("/store", Route::Page(Page::Store)),
            ("/api/v1/store", Route::Api(Api::Store)),
            ("/hub-key", Route::Page(Page::HubKey)),
            ("/api/v1/hub-key", Route::Api(Api::HubKey)),
            ("/api/v1/backups/hub-1.db", Route::BackupFile("hub-1.db".into())),
            ("/catalogue", Route::Page(Page::Catalogue)),
            ("/audit", Route::Page(Page::Audit)),
            ("/catalogue/relay", Route::Page(Page::Kind("relay".into()))),
            ("/events", Route::Events),
            ("/healthz", Route::Health),
            ("/static/hub.css", Route::Asset("hub.css".into())),
            ("/modules/relay/a/b.svg", Route::ModuleFile { kind: "relay".into(), path: "a/b.svg".into() }),
            ("/api/v1/openapi.json", Route::Api(Api::Document)),
            ("/api/v1/overview", Route::Api(Api::Overview)),
            ("/api/v1/activity", Route::Api(Api::Activity)),
            ("/api/v1/nodes", Route::Api(Api::Nodes)),
            ("/api/v1/nodes/plain:porch", Route::Api(Api::Node(porch()))),
            ("/api/v1/nodes/plain:porch/modules/0", Route::Api(Api::Module(porch(), 0))),
            ("/api/v1/readings", Route::Api(Api::Readings)),
            ("/api/v1/rollups", Route::Api(Api::Rollups)),
            ("/api/v1/gaps", Route::Api(Api::Gaps)),
            ("/api/v1/export", Route::Api(Api::Export)),
            ("/api/v1/commands", Route::Api(Api::Commands)),
            (&format!("/api/v1/commands/{UUID}"), Route::Api(Api::Command(id))),
            ("/api/v1/catalogue", Route::Api(Api::Catalogue)),
            ("/api/v1/audit", Route::Api(Api::Audit)),
            ("/api/v1/audit/export", Route::Api(Api::AuditExport)),
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
            ("/nodes/plain:porch/modules/2/properties/1/read".to_owned(), Act::Get(porch(), 2, "1".into())),
            (
                "/nodes/plain:porch/modules/2/actions/pulse".to_owned(),
                Act::Invoke(porch(), 2, "pulse".into()),
            ),
            ("/nodes/plain:porch/identify".to_owned(), Act::Node(porch(), NodeAct::Identify)),
            ("/nodes/plain:porch/restart".to_owned(), Act::Node(porch(), NodeAct::Restart)),
            ("/nodes/plain:porch/name".to_owned(), Act::Node(porch(), NodeAct::Name)),
            ("/nodes/plain:porch/modules/2/name".to_owned(), Act::NameModule(porch(), 2)),
            ("/nodes/plain:porch/admit".to_owned(), Act::Node(porch(), NodeAct::Admit)),
            ("/nodes/plain:porch/reject".to_owned(), Act::Node(porch(), NodeAct::Reject)),
            ("/nodes/plain:porch/disable".to_owned(), Act::Node(porch(), NodeAct::Disable)),
            ("/nodes/plain:porch/enable".to_owned(), Act::Node(porch(), NodeAct::Enable)),
            ("/nodes/plain:porch/revoke".to_owned(), Act::Node(porch(), NodeAct::Revoke)),
            ("/nodes/plain:porch/address".to_owned(), Act::Node(porch(), NodeAct::AcceptAddress)),
            ("/nodes/plain:porch/tags".to_owned(), Act::Node(porch(), NodeAct::Tags)),
            ("/nodes/plain:porch/archive".to_owned(), Act::Node(porch(), NodeAct::Archive)),
            ("/nodes/plain:porch/unarchive".to_owned(), Act::Node(porch(), NodeAct::Unarchive)),
            ("/nodes/plain:porch/forget".to_owned(), Act::Node(porch(), NodeAct::Forget)),
            ("/nodes/plain:porch/permit".to_owned(), Act::Node(porch(), NodeAct::Permit)),
            ("/nodes/plain:porch/forbid".to_owned(), Act::Node(porch(), NodeAct::Forbid)),
            (format!("/commands/{UUID}/cancel"), Act::Cancel(id)),
        ] {
            assert_eq!(post(&path), Ok(Route::Act(expected.clone(), Surface::Page)), "{path}");
            let api = format!("/api/v1{path}");
            assert_eq!(post(&api), Ok(Route::Act(expected, Surface::Api)), "{api}");
            assert_eq!(get(&path), Err(Miss::Method { allow: "POST" }), "GET {path}");
        }
    }

    #[test]
    fn what_is_done_about_joining_has_its_route_on_the_page_and_in_the_api() {
        for (word, act) in [
            ("open", JoinAct::Open),
            ("close", JoinAct::Close),
            ("secret", JoinAct::Secret),
            ("digits", JoinAct::Digits),
            ("unverified", JoinAct::Unverified),
            ("admit", JoinAct::Admit),
            ("end", JoinAct::End),
        ] {
            let path = format!("/joining/{word}");
            assert_eq!(post(&path), Ok(Route::Join(act, Surface::Page)));
            assert_eq!(post(&format!("/api/v1{path}")), Ok(Route::Join(act, Surface::Api)));
            assert_eq!(get(&path), Err(Miss::Method { allow: "POST" }));
        }
    }

    #[test]
    fn what_is_done_about_the_hubs_key_has_its_route_on_the_page_and_in_the_api() {
        for (path, act) in
            [("/hub-key/announce", HubKeyAct::Announce), ("/hub-key/change", HubKeyAct::Change)]
        {
            assert_eq!(post(path), Ok(Route::HubKey(act, Surface::Page)));
            assert_eq!(post(&format!("/api/v1{path}")), Ok(Route::HubKey(act, Surface::Api)));
            assert_eq!(get(path), Err(Miss::Method { allow: "POST" }));
        }
    }

    #[test]
    fn backups_are_listed_and_begun_at_one_address() {
        assert_eq!(get("/api/v1/backup"), Ok(Route::Api(Api::Backups)));
        assert_eq!(post("/api/v1/backup"), Ok(Route::BackUp(Surface::Api)));
        assert_eq!(post("/store/backup"), Ok(Route::BackUp(Surface::Page)));
        assert_eq!(route(&Method::DELETE, "/api/v1/backup"), Err(Miss::Method { allow: "GET, HEAD, POST" }));
    }

    #[test]
    fn a_backup_is_sent_by_a_form_and_by_a_script() {
        assert_eq!(post("/store/upload"), Ok(Route::Upload(Surface::Page)));
        assert_eq!(post("/api/v1/backups"), Ok(Route::Upload(Surface::Api)));
        assert_eq!(get("/api/v1/backups"), Err(Miss::Method { allow: "POST" }));
    }

    #[test]
    fn a_restore_is_looked_at_and_begun_at_one_place() {
        let name: Box<str> = "hub-1.db".into();
        for (path, looked_at, surface) in [
            ("/store/restore/hub-1.db", Route::Page(Page::Restore(name.clone())), Surface::Page),
            ("/api/v1/backups/hub-1.db/restore", Route::Api(Api::Restore(name.clone())), Surface::Api),
        ] {
            assert_eq!(get(path), Ok(looked_at));
            assert_eq!(post(path), Ok(Route::Restore(name.clone(), surface)));
        }
    }

    #[test]
    fn a_replacement_is_looked_at_and_done_at_one_place() {
        let act = Act::Node(porch(), NodeAct::Replace);
        for (path, page, surface) in [
            ("/nodes/plain:porch/replacement", Route::Page(Page::Replacement(porch())), Surface::Page),
            ("/api/v1/nodes/plain:porch/replacement", Route::Api(Api::Replacement(porch())), Surface::Api),
        ] {
            assert_eq!(get(path), Ok(page));
            assert_eq!(post(path), Ok(Route::Act(act.clone(), surface)));
            assert_eq!(route(&Method::PUT, path), Err(Miss::Method { allow: "GET, HEAD, POST" }));
        }
    }

    #[test]
    fn every_route_of_the_api_is_described_and_written_down_and_nothing_else_is() {
        let described = described();
        let all: BTreeSet<_> =
            described.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        for RouteInfo { method, path, .. } in routes().filter(|route| Surface::of(route.path) == Surface::Api)
        {
            let path = path.replace("{act}", "identify");
            assert!(all.contains(&format!("{method} {path}")), "{method} {path} is not described");
        }
        let written = include_str!("../../../../docs/api.md").split('`').filter(|text| {
            let path = text.strip_prefix("GET ").or_else(|| text.strip_prefix("POST "));
            path.is_some_and(|path| path.starts_with('/'))
        });
        let written: BTreeSet<_> =
            written.map(|text| text.split('?').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(all, written, "the document of the API, and docs/api.md");
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
