//! Pages show people only what their role may do: each page is read as each of them, and whatever stands on it is looked
//! up in the table of the routes.

use std::collections::BTreeSet;

use http::{Request, StatusCode, header};
use iot_core::{
    AdmissionState, NodeId,
    audit::Deed,
    people::Role,
    store::Decision,
    view::{KeyStanding, KeyView, NodeView},
};
use iot_proto::NodeKey;
use iot_web::{May, RouteInfo, routes};

use crate::{
    client::Hub,
    doors::{As, deeds, is_for},
};

const PAGES: [&str; 17] = [
    "/",
    "/nodes",
    "/nodes?archived=only",
    "/commands",
    "/inbox",
    "/joining",
    "/store",
    "/hub-key",
    "/store/restore/hub-20261114T132400Z.db",
    "/catalogue",
    "/catalogue/relay",
    "/audit",
    "/people",
    "/account",
    "/nodes/plain:well/replacement",
    "/nodes/plain:well/replacement?by=plain:pump-house",
    "/nothing-here",
];

/// A page as somebody sees it; `None` where it is not for them.
async fn page(hub: &Hub, path: &str, role: Role) -> Option<String> {
    let request = Request::get(path).header(header::COOKIE, hub.cookie(role));
    let answer = hub.send(request, "").await;
    (answer.status != StatusCode::FORBIDDEN).then_some(answer.text)
}

/// What stands between `before` and the next quote, each time, without what follows the path.
fn paths(text: &str, before: &str) -> BTreeSet<String> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split(['"', '?', '#']).next());
    found.filter(|path| path.starts_with('/')).map(str::to_owned).collect()
}

/// Whom a path is for: by the node where that is let in there, else by the route that names most of it.
fn may(method: &str, path: &str) -> Option<May> {
    let lets_in = ["/admit", "/unarchive", "/address"].iter().any(|act| path.ends_with(act));
    if lets_in && path.starts_with("/nodes/plain:") {
        return Some(May::Role(Role::Admin));
    }
    let parts: Vec<_> = path.split('/').collect();
    let fits = |route: &RouteInfo| {
        let known: Vec<_> = route.path.split('/').collect();
        let rest = known.iter().position(|part| part.starts_with("{*")).unwrap_or(known.len());
        let same =
            known.iter().zip(&parts).take(rest).all(|(known, part)| known.starts_with('{') || known == part);
        route.method == method && same && (rest < known.len() || known.len() == parts.len())
    };
    let named = |route: &RouteInfo| route.path.split('/').filter(|part| !part.starts_with('{')).count();
    routes().filter(fits).max_by_key(named).map(|route| route.may)
}

/// Every page that somebody can see, with the nodes and modules of the scene.
async fn all_pages(hub: &Hub, role: Role) -> Vec<(String, String)> {
    let mut waiting: Vec<String> = PAGES.map(str::to_owned).to_vec();
    let (mut known, mut pages) = (BTreeSet::new(), Vec::new());
    while let Some(path) = waiting.pop() {
        if !known.insert(path.clone()) {
            continue;
        }
        if let Some(text) = page(hub, &path, role).await {
            waiting.extend(paths(&text, "href=\"").into_iter().filter(|path| path.starts_with("/nodes/")));
            pages.push((path, text));
        }
    }
    pages
}

#[tokio::test]
async fn whoever_looks_at_a_page_may_do_and_see_all_that_stands_on_it() {
    let hub = Hub::start().await;
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let pages = all_pages(&hub, role).await;
        assert!(pages.len() > 30, "{role:?} sees {} pages", pages.len());
        for (page, text) in &pages {
            let links = paths(text, "href=\"").into_iter().map(|path| ("GET", path));
            let forms = paths(text, "action=\"").into_iter().map(|path| ("POST", path));
            for (method, path) in links.chain(forms) {
                // Forms that only filter are asked for as links are.
                let may = may(method, &path).or_else(|| may("GET", &path));
                let may = may.unwrap_or_else(|| panic!("{page} leads to {path}, where nothing is"));
                assert!(
                    is_for(may, As::Login(role)),
                    "{page} offers {role:?} {method} {path}, which is for {may}"
                );
            }
            for opened in text.split("popovertarget=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(text.contains(&format!("id=\"{opened}\"")), "{page}: nothing opens for {opened}");
            }
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn controls_are_there_for_those_whom_they_are_for() {
    let hub = Hub::start().await;
    for (path, control, least) in [
        ("/nodes/plain:pump-house", "action=\"/nodes/plain:pump-house/restart\"", Role::Operator),
        ("/nodes/plain:pump-house", "action=\"/nodes/plain:pump-house/forget\"", Role::Admin),
        ("/nodes/plain:pump-house", "role=\"switch\"", Role::Operator),
        ("/nodes/plain:pump-house", "action=\"/nodes/plain:pump-house/forbid\"", Role::Admin),
        ("/nodes/plain:old-boiler", "action=\"/nodes/plain:old-boiler/permit\"", Role::Admin),
        ("/nodes/plain:pump-house/modules/0", "/properties/1/read\"", Role::Operator),
        ("/nodes/plain:old-boiler", "action=\"/nodes/plain:old-boiler/address\"", Role::Admin),
        ("/nodes/plain:old-boiler", "Keep 192.168.137.42", Role::Admin),
        ("/nodes/plain:old-gate", "action=\"/nodes/plain:old-gate/admit\"", Role::Admin),
        ("/nodes/plain:worn-out", "action=\"/nodes/plain:worn-out/unarchive\"", Role::Admin),
        ("/inbox", "action=\"/nodes/plain:seed-table/admit\"", Role::Admin),
        ("/inbox", "action=\"/nodes/plain:seed-table/reject\"", Role::Operator),
        ("/commands", "/cancel\"", Role::Operator),
        ("/store", "action=\"/store/backup\"", Role::Operator),
        ("/store", "href=\"/store/restore/", Role::Admin),
        ("/store", "action=\"/store/upload\"", Role::Admin),
        ("/store", "href=\"/hub-key\"", Role::Admin),
        ("/", "href=\"/audit\"", Role::Operator),
        ("/", "href=\"/joining\"", Role::Operator),
        ("/", "href=\"/people\"", Role::Admin),
    ] {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let text = page(&hub, path, role).await.expect("it is for all of them");
            assert_eq!(text.contains(control), role >= least, "{path} as {role:?}: {control}");
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_node_without_leave_has_no_control_for_anybody_and_says_why() {
    let hub = Hub::start().await;
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        for path in ["/nodes/plain:old-boiler", "/nodes/plain:old-boiler/modules/0"] {
            let text = page(&hub, path, role).await.expect("it is for all of them");
            assert!(text.contains("Commands are not permitted"), "{path} as {role:?}");
            let of_modules = "action=\"/nodes/plain:old-boiler/modules/0/";
            let text = text.replace(&format!("{of_modules}name\""), "");
            for control in [of_modules, "/restart\"", "/identify\"", "role=\"switch\""] {
                assert!(!text.contains(control), "{path} as {role:?} has {control}");
            }
        }
        let board = page(&hub, "/", role).await.expect("it is for all of them");
        assert!(!board.contains("action=\"/nodes/plain:old-boiler/modules/"), "the overview as {role:?}");
        let given = page(&hub, "/nodes/plain:pump-house", role).await.expect("it is for all of them");
        assert!(
            given.contains("Commands are permitted by ada") && given.contains("it only waters"),
            "{role:?}"
        );
        let proven = page(&hub, "/nodes/plain:main-gate", role).await.expect("it is for all of them");
        assert!(!proven.contains("Commands are"), "who proves who it is needs no leave");
    }
    hub.stop().await;
}

/// Nodes with keys beside those of the scene: one that waits, and one that was let in unverified and is revoked.
fn keyed(hub: &Hub) -> [NodeId; 2] {
    let keys = [NodeKey([9; 32]), NodeKey([10; 32])];
    let mut state = hub.fake.state();
    let waits = state.nodes.iter().find(|node| node.id.as_str() == "plain:seed-table").cloned();
    let waits = waits.expect("it is in the scene");
    let [waiting, unverified] = keys.map(|key| {
        let standing = KeyStanding::Current;
        let shown = KeyView { id: key.id(), standing, since: waits.first_seen, until: None };
        NodeView { id: NodeId::of_key(&key), keys: vec![shown], ..waits.clone() }
    });
    let word = Decision { by: "ada".into(), why: "".into(), at: waits.first_seen };
    let unverified = NodeView { unverified: Some(word), admission: AdmissionState::Revoked, ..unverified };
    let ids = [waiting.id.clone(), unverified.id.clone()];
    state.nodes.extend([waiting, unverified]);
    ids
}

#[tokio::test]
async fn who_proves_nothing_or_is_unverified_is_let_in_by_an_admin_and_one_with_a_key_by_an_operator_too() {
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let hub = Hub::start().await;
        let [keyed, unverified] = keyed(&hub);
        let inbox = page(&hub, "/inbox", role).await.expect("it is for all of them");
        let admits_keyed = inbox.contains(&format!("action=\"/nodes/{keyed}/admit\""));
        assert_eq!(admits_keyed, role >= Role::Operator, "{role:?}");
        assert_eq!(inbox.contains("An admin can admit it"), role == Role::Operator, "{role:?}");
        let replacement = "/nodes/plain:well/replacement?by=plain:pump-house";
        let replacement = page(&hub, replacement, role).await.unwrap_or_default();
        assert_eq!(replacement.contains("Put Pump house in its place"), role == Role::Admin, "{role:?}");
        assert_eq!(replacement.contains("an admin can put it"), role == Role::Operator, "{role:?}");
        let revoked = page(&hub, &format!("/nodes/{unverified}"), role).await.expect("it is for all of them");
        assert_eq!(revoked.contains("Admit anew"), role == Role::Admin, "{role:?}");
        for (node, least) in [
            ("plain:seed-table", Role::Admin),
            (keyed.as_str(), Role::Operator),
            (unverified.as_str(), Role::Admin),
        ] {
            for (path, body) in [
                (format!("{node}/admit"), "{}".to_owned()),
                (format!("{node}/unarchive"), "{}".to_owned()),
                (format!("{node}/address"), "{\"address\": \"192.168.137.66\"}".to_owned()),
                ("plain:well/replacement".to_owned(), format!("{{\"by\": \"{node}\"}}")),
            ] {
                let before = hub.fake.state().asked.len();
                let request = Request::post(format!("/api/v1/nodes/{path}"))
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(header::AUTHORIZATION, hub.token(role));
                let status = hub.send(request, &body).await.status;
                let expected = if role >= least { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(status, expected, "{path} {body} as {role:?}");
                let is_asked = hub.fake.state().asked.len() > before;
                assert_eq!(is_asked, role >= least, "{path} {body} as {role:?}");
            }
        }
        let is_kept = deeds(&hub).iter().any(|(deed, _)| *deed == Deed::Refuse);
        assert_eq!(is_kept, role < Role::Admin, "{role:?}");
        hub.stop().await;
    }
}

#[test]
fn only_an_admin_lets_nodes_ask_that_can_show_nothing_and_lets_them_in() {
    for path in
        ["/joining/unverified", "/joining/admit", "/api/v1/joining/unverified", "/api/v1/joining/admit"]
    {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let may = may("POST", path).expect("it is in the table");
            assert_eq!(is_for(may, As::Login(role)), role == Role::Admin, "{path} as {role:?}");
        }
    }
}

#[test]
fn only_an_admin_permits_commands_and_forbids_them() {
    for act in ["permit", "forbid"] {
        for surface in ["", "/api/v1"] {
            let path = format!("{surface}/nodes/plain:old-boiler/{act}");
            for role in [Role::Viewer, Role::Operator, Role::Admin] {
                let may = may("POST", &path).expect("it is in the table");
                assert_eq!(is_for(may, As::Login(role)), role == Role::Admin, "{path} as {role:?}");
            }
        }
    }
}
