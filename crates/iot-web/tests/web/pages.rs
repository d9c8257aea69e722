//! Every page: it answers, is well-formed, leads nowhere dead, and shows what is, not what somebody wrote.

use std::collections::BTreeSet;

use http::{Request, StatusCode, header};
use iot_core::NodeId;
use iot_proto::NodeKey;

use crate::{client::Hub, markup};

/// All pages that can be reached from the overview by links.
async fn all(hub: &Hub) -> Vec<(String, String)> {
    let mut seen = BTreeSet::from(["/".to_owned()]);
    let mut to_see = vec!["/".to_owned()];
    let mut pages = Vec::new();
    while let Some(path) = to_see.pop() {
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} is a dead link");
        // Files of module kinds belong to their makers.
        if !answer.header("content-type").starts_with("text/html") || path.starts_with("/modules/") {
            continue;
        }
        for link in markup::links(&answer.text) {
            let base = path.split('?').next().unwrap_or_default();
            let link = if link.starts_with('?') { format!("{base}{link}") } else { link };
            let link = link.split('#').next().unwrap_or_default().to_owned();
            assert!(link.starts_with('/'), "{path} leads away, to {link}");
            if seen.insert(link.clone()) {
                to_see.push(link);
            }
        }
        pages.push((path, answer.text));
    }
    pages
}

#[tokio::test]
async fn every_page_is_well_formed_and_no_link_is_dead() {
    let hub = Hub::start().await;
    let pages = all(&hub).await;
    for (path, page) in &pages {
        markup::check(path, page);
    }
    let paths: Vec<_> = pages.iter().map(|(path, _)| path.as_str()).collect();
    for expected in [
        "/nodes",
        "/commands",
        "/inbox",
        "/catalogue",
        "/catalogue/relay",
        "/audit",
        "/audit?before=14",
        "/audit?node=plain%3Apump-house",
        "/nodes?archived=only",
        "/nodes/plain:worn-out",
        "/nodes/plain:pump-house/replacement",
        "/nodes/plain:pump-house",
        "/nodes/plain:pump-house/modules/3",
        "/nodes/plain:north-bay-1/modules/0?r=24h",
        "/nodes?is=lost",
    ] {
        assert!(paths.contains(&expected), "nothing leads to {expected}: {paths:?}");
    }
    let modules = paths.iter().filter(|path| path.contains("/modules/") && !path.contains('?'));
    assert!(modules.count() >= 20, "the pages of the modules");
}

#[tokio::test]
async fn the_list_of_commands_marks_nodes_as_the_list_of_nodes_does() {
    let hub = Hub::start().await;
    let [proven, unverified] = [[9; 32], [10; 32]].map(|key| NodeId::of_key(&NodeKey(key)));
    let commands = [(proven.clone(), false), (unverified.clone(), true)];
    for (command, (node, is_unverified)) in hub.fake.state().commands.iter_mut().zip(commands) {
        (command.node, command.is_node_unverified) = (node, is_unverified);
    }
    let page = hub.get("/commands").await.text;
    let mark = |node: &str| {
        let row = page.split("<li><div><h3>").find(|row| row.contains(&format!("href=\"/nodes/{node}/")));
        let row = row.unwrap_or_else(|| panic!("no command for {node}"));
        let word = row.split("<span class=\"tag warn\"").nth(1)?.split(['>', '<']).nth(1);
        word.map(str::to_owned)
    };
    assert_eq!(mark(proven.as_str()), None);
    assert_eq!(mark(unverified.as_str()).as_deref(), Some("unverified"));
    assert_eq!(mark("plain:well").as_deref(), Some("unproven"));
    hub.stop().await;
}

#[tokio::test]
async fn a_command_that_ends_while_the_page_is_made_stands_in_one_of_its_lists() {
    let hub = Hub::start().await;
    let commands = hub.fake.state().commands.clone();
    let under_way = commands.iter().filter(|command| command.state.is_under_way());
    let soon_done: Vec<_> = under_way.map(|command| command.id).collect();
    assert!(!soon_done.is_empty());
    hub.fake.state().soon_done = soon_done;
    let page = hub.get("/commands").await.text;
    assert_eq!(page.matches("<li><div><h3>").count(), commands.len());
    hub.stop().await;
}

#[tokio::test]
async fn every_form_posts_to_a_route() {
    let hub = Hub::start().await;
    let mut actions = BTreeSet::new();
    for (_, page) in all(&hub).await {
        actions.extend(markup::actions(&page));
    }
    assert!(actions.len() > 30, "{actions:?}");
    for action in actions {
        // A form that says nothing is refused or taken, but its address is there.
        let answer = hub.form(&action, "").await;
        let known = answer.status != StatusCode::NOT_FOUND && answer.status != StatusCode::METHOD_NOT_ALLOWED;
        assert!(known, "{action}: {}", answer.status);
    }
}

#[tokio::test]
async fn nobodys_words_become_markup() {
    let hub = Hub::start().await;
    let mut escaped = 0;
    for (path, page) in all(&hub).await {
        for bad in ["<script>alert", "<img src=x", "<b>me", "<i>gas", "<b>now"] {
            assert!(!page.contains(bad), "{path} has {bad}");
        }
        escaped += usize::from(
            ["&#60;script&#62;alert(1)", "&lt;script&gt;alert(1)"].iter().any(|words| page.contains(words)),
        );
    }
    assert!(escaped >= 5, "the hostile node is on {escaped} pages");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let hub = Hub::start().await;
    for path in
        ["/", "/nodes", "/nope", "/api/v1/nodes", "/api/v1/nope", "/static/hub.css", "/healthz", "/events"]
    {
        let answer = hub.open(Request::get(path), "").await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
        let policy = header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(header("referrer-policy").is_some(), "{path}");
        assert!(header("cross-origin-opener-policy").is_some(), "{path}");
        assert!(header("cross-origin-resource-policy").is_some(), "{path}");
        assert!(header("cache-control").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_stranger_who_said_a_nodes_name_is_the_first_thing_that_needs_somebody() {
    let hub = Hub::start().await;
    let page = hub.get("/").await.text;
    let stranger = page.find(": its name was said at 192.168.137.66").expect("it is there");
    assert!(stranger < page.find(" is lost since").expect("it is there too"));
    assert!(page.contains("href=\"/nodes/plain:old-boiler#stranger\""), "{page}");
    let told = hub.get("/api/v1/overview").await.json();
    let first = &told["needs"][0];
    assert_eq!((&first["need"], &first["home"]), (&"stranger".into(), &"192.168.137.42".into()));
    assert_eq!(first["stranger"]["address"], "192.168.137.66");
}

#[tokio::test]
async fn presence_has_its_word_reason_and_time_on_the_page() {
    let hub = Hub::start().await;
    let page = hub.get("/nodes").await.text;
    for (state, why) in [
        ("lost", "no keepalive for 90 s, since"),
        ("overdue", "should have woken"),
        ("connecting", "saying hello, since"),
        ("asleep", "as declared since"),
        ("online", "since"),
        ("disabled", "by installer: “being rewired”, since"),
    ] {
        assert!(page.contains(&format!("data-state=\"{state}\"")), "{state}");
        assert!(page.contains(why), "{why}");
    }
    let lost = page.find("Cold store").unwrap();
    assert!(lost < page.find("Pump house").unwrap(), "what needs attention is first");
}

#[tokio::test]
async fn unknown_is_shown_as_unknown_and_old_as_old() {
    let hub = Hub::start().await;
    let unknown = hub.get("/nodes/plain:mist-bench").await.text;
    assert!(unknown.contains("data-reported=\"unknown\""));
    assert!(unknown.contains("Not reported since the node joined"));
    let old = hub.get("/nodes/plain:cold-store").await.text;
    assert!(old.contains("node lost") && old.contains("1 h 12 min old"));
    let late = hub.get("/nodes/plain:north-bay-1").await.text;
    assert!(late.contains("late by 41 min"));
}

#[tokio::test]
async fn what_is_desired_stands_beside_what_is_reported_and_never_in_its_place() {
    let hub = Hub::start().await;
    let page = hub.get("/nodes/plain:pump-house/modules/0").await.text;
    assert!(page.contains("role=\"switch\" aria-checked=\"false\" data-want=\"on\""), "{page}");
    assert!(page.contains("desired: On"));
    assert!(page.contains("waiting for its report"));
    let failed = hub.get("/nodes/plain:pump-house/modules/3").await.text;
    assert!(failed.contains("60\u{a0}% failed: blocked"));
}

/// What stands on every page while registration is open.
const NOTE: &str = "Registration is open: every node on this network is admitted without asking.";

#[tokio::test]
async fn open_registration_is_said_on_every_page() {
    let hub = Hub::start().await;
    assert!(!hub.get("/").await.text.contains(NOTE));
    hub.fake.open_registration();
    for path in ["/", "/nodes", "/nodes/plain:well", "/commands", "/inbox", "/catalogue", "/nope"] {
        assert!(hub.get(path).await.text.contains(NOTE), "{path}");
    }
}

#[tokio::test]
async fn the_list_of_nodes_is_filtered_by_text_kind_and_state() {
    let hub = Hub::start().await;
    for (query, in_it, not_in_it) in [
        ("q=pump", "Pump house", "Cold store"),
        ("kind=humidity", "North bay 1", "Pump house"),
        ("is=asleep", "South bay 3", "Cold store"),
    ] {
        let page = hub.get(&format!("/nodes?{query}")).await.text;
        assert!(page.contains(in_it) && !page.contains(not_in_it), "{query}");
    }
    assert!(hub.get("/nodes?q=nothing-is-called-this").await.text.contains("No node fits"));
}

#[tokio::test]
async fn nodes_in_the_archive_are_left_out_and_found_there() {
    let hub = Hub::start().await;
    assert!(!hub.get("/nodes").await.text.contains("Worn out"));
    let archive = hub.get("/nodes?archived=only").await.text;
    assert!(archive.contains("Worn out") && !archive.contains("Pump house"));
    let node = hub.get("/nodes/plain:worn-out").await.text;
    assert!(node.contains("Take out of the archive") && node.contains("See who put it there"));
    let tagged = hub.get("/nodes?tag=wet").await.text;
    assert!(tagged.contains("Pump house"));
}

#[tokio::test]
async fn a_replacement_shows_the_difference_before_it_asks() {
    let hub = Hub::start().await;
    let path = "/nodes/plain:pump-house/replacement";
    let choice = hub.get(path).await.text;
    assert!(choice.contains("Seed table (plain:seed-table, waits in the inbox)"));
    assert!(!choice.contains("in its place"), "nothing is asked before something is shown");
    let shown = hub.get(&format!("{path}?by=plain:mist-bench")).await.text;
    assert!(
        shown.contains("moves") && shown.contains("missing") && shown.contains("Put Mist bench in its place")
    );
    markup::check(path, &shown);
    let done = hub.form(path, "by=plain:mist-bench&why=it+drowned").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/nodes/plain:mist-bench"));
    assert_eq!(hub.fake.state().asked.last().unwrap().1, "it drowned");
}

#[tokio::test]
async fn the_audit_says_who_did_what_when_and_why() {
    let hub = Hub::start().await;
    let page = hub.get("/audit?deed=name").await.text;
    for words in ["Named", "Old well", "ada", "“as it is signed”"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(hub.get("/audit?node=plain:nobody").await.text.contains("No change fits"));
}

#[tokio::test]
async fn an_error_page_says_what_happened_and_what_to_do() {
    let hub = Hub::start().await;
    for (path, status, words) in [
        ("/nope", 404, "There is nothing at this address."),
        ("/nodes/plain:nobody", 404, "No node plain:nobody is known."),
        ("/nodes/Bad%20Name", 404, "No node Bad Name is known."),
        ("/nodes/plain:well/modules/9", 404, "has registered no module 9"),
        ("/catalogue/co2", 404, "Module kind co2 is not supported."),
        ("/nodes/plain:well/modules/0?r=8d", 400, "1h, 12h, 24h, 7d, 30d, 1y"),
    ] {
        let answer = hub.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(answer.text.contains(words), "{path}: {}", answer.text);
        markup::check(path, &answer.text);
    }
    hub.fake.state().stopping = true;
    let answer = hub.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("The hub is stopping."));
}

#[tokio::test]
async fn assets_have_a_tag_and_are_not_sent_twice() {
    let hub = Hub::start().await;
    for path in ["/static/hub.css", "/static/hub.js", "/static/icons.svg"] {
        let first = hub.get(path).await;
        assert_eq!(first.status, StatusCode::OK);
        let again =
            hub.send(Request::get(path).header(header::IF_NONE_MATCH, first.header("etag")), "").await;
        assert_eq!((again.status, again.text.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    assert_eq!(hub.get("/static/../Cargo.toml").await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.get("/static/..%2f..%2fCargo.toml").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn files_of_a_module_kind_are_served_in_a_sandbox_and_nothing_else_is() {
    let hub = Hub::start().await;
    let look = hub.get("/modules/level/page/look.html").await;
    assert_eq!((look.status, &*look.text), (StatusCode::OK, "<script>alert(1)</script>"));
    assert!(look.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert_eq!(hub.get("/modules/level/icon.svg").await.header("content-type"), "image/svg+xml");
    let firmware = hub.get("/modules/level/firmware.bin").await;
    assert_eq!(firmware.header("content-type"), "application/octet-stream");
    assert_eq!(firmware.header("content-disposition"), "attachment");
    for path in [
        "/modules/level/../level/icon.svg",
        "/modules/level/..%2f..%2fetc%2fpasswd",
        "/modules/level//etc/passwd",
        "/modules/level/none.txt",
        "/modules/none/help.md",
    ] {
        assert_eq!(hub.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let hub = Hub::start().await;
    for path in ["/", "/api/v1/nodes", "/static/hub.css"] {
        let head = hub.send(Request::head(path), "").await;
        assert_eq!((head.status, head.text.len()), (StatusCode::OK, 0), "{path}");
        assert!(head.header("content-length").parse::<usize>().unwrap() > 100, "{path}");
    }
}
