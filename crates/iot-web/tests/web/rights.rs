//! Pages show people only what their role may do: each page is read as each of them, and whatever stands on it is looked
//! up in the table of the routes.

use std::collections::BTreeSet;

use http::{Request, StatusCode, header};
use iot_core::people::Role;
use iot_web::{May, RouteInfo, routes};

use crate::{
    client::Hub,
    doors::{As, is_for},
};

const PAGES: [&str; 16] = [
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

/// Whom a path is for: by the route that names most of it.
fn may(method: &str, path: &str) -> Option<May> {
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
        ("/nodes/plain:old-boiler", "action=\"/nodes/plain:old-boiler/address\"", Role::Operator),
        ("/inbox", "/admit\"", Role::Operator),
        ("/commands", "/cancel\"", Role::Operator),
        ("/store", "action=\"/store/backup\"", Role::Operator),
        ("/store", "href=\"/store/restore/", Role::Admin),
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
