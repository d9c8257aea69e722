//! The JSON API, as scripts use it.

use http::{Request, StatusCode, header};
use iot_core::people::Role;
use iot_core::{Request as Asked, view::Wanted};
use iot_proto::OwnedValue;
use serde_json::json;

use crate::{client::Hub, fake::id};

const LEVEL: &str = "/api/v1/nodes/plain:south-bay-3/modules/0/properties/level";
const FAN: &str = "/api/v1/nodes/plain:north-bay-1/modules/3/properties/on";

#[tokio::test]
async fn everything_that_pages_show_can_be_read() {
    let hub = Hub::start().await;
    let nodes = hub.get("/api/v1/nodes").await.json();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 11);
    let node = hub.get("/api/v1/nodes/plain:cold-store").await.json();
    assert_eq!(node["presence"]["state"], "lost");
    assert_eq!(node["presence"]["reason"], "no keepalive for 90 s");
    assert_eq!(node["keys"], json!([]), "a plain node has none");
    let keyed = hub.get("/api/v1/nodes/plain:main-gate").await.json();
    let keys: Vec<_> = keyed["keys"].as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(keys, ["current", "ended", "next"]);
    assert!(keyed["keys"][0]["until"].is_null() && keyed["keys"][1]["until"].is_i64(), "{keyed}");
    let page = hub.get("/nodes/plain:main-gate").await.text;
    assert!(!page.contains(">unproven<"), "it has a key");
    for path in ["/nodes", "/nodes/plain:well", "/nodes/plain:south-bay-3/modules/0", "/inbox"] {
        let page = hub.get(path).await.text;
        assert!(page.contains(">unproven<") && page.contains("pose as"), "{path}");
    }
    assert!(hub.get("/").await.text.contains(" · unproven"));
    for path in ["/nodes", "/nodes/plain:mist-bench", "/nodes/plain:mist-bench/modules/0"] {
        let page = hub.get(path).await.text;
        assert!(page.contains(">unverified<") && page.contains("may be another"), "{path}");
    }
    let unverified = hub.get("/nodes/plain:mist-bench").await.text;
    assert!(unverified.contains("Let in unverified</strong> by ada") && unverified.contains("no display"));
    let unverified = hub.get("/api/v1/nodes/plain:mist-bench").await.json();
    assert_eq!(
        (&unverified["unverified"]["by"], &unverified["permission"]),
        (&"ada".into(), &"given".into())
    );
    assert!(keyed["unverified"].is_null());
    assert!(hub.get("/inbox").await.text.contains("Admit unproven"));
    for (key, words) in [(0, ", since "), (1, ", not taken any more since "), (2, ", announced ")] {
        let shown = format!("{}{words}", keyed["keys"][key]["id"].as_str().unwrap());
        assert!(page.contains(&shown), "{shown}");
    }
    let module = hub.get("/api/v1/nodes/plain:south-bay-3/modules/1").await.json();
    assert_eq!(module["kind"], "rgb-light");
    assert_eq!(module["properties"][1]["latest"]["value"], "#ffb347");
    assert_eq!(module["properties"][3]["latest"]["value"], "none");
    let unknown = hub.get("/api/v1/nodes/plain:mist-bench/modules/0").await.json();
    assert!(unknown["properties"][0]["latest"].is_null(), "unknown is null, never a value");
    let desired = hub.get("/api/v1/nodes/plain:pump-house/modules/0").await.json();
    assert_eq!(desired["properties"][0]["desired"]["state"], "accepted");
    let unsupported = hub.get("/api/v1/nodes/plain:x/modules/1").await.json();
    assert_eq!((&unsupported["supported"], &unsupported["error"]["code"]), (&json!(false), &json!(30)));
    let overview = hub.get("/api/v1/overview").await.json();
    assert_eq!((&overview["hub"], &overview["presence"]["lost"]), (&json!("Lindenhof"), &json!(1)));
    assert_eq!(overview["needs"].as_array().unwrap().len(), 6);
    let activity = hub.get("/api/v1/activity?limit=2").await.json();
    assert_eq!(activity["activity"].as_array().unwrap().len(), 2);
    let kinds = hub.get("/api/v1/catalogue").await.json();
    assert!(kinds["kinds"].as_array().unwrap().len() >= 13);
    let kind = hub.get("/api/v1/catalogue/relay").await.json();
    assert_eq!(kind["actions"][0]["argument"]["value"]["min"], 50);
    assert_eq!(hub.get("/healthz").await.json(), json!({ "status": "ok" }));
}

#[tokio::test]
async fn readings_are_found_by_time_and_limit() {
    let hub = Hub::start().await;
    let path = "/api/v1/readings?node=plain:north-bay-1&module=0&channel=temperature";
    let all = hub.get(path).await.json();
    let readings = all["readings"].as_array().unwrap();
    assert!(readings.len() > 900, "{}", readings.len());
    assert_eq!((&all["unit"], &all["channel"]), (&json!("°C"), &json!(1)));
    let some = hub.get(&format!("{path}&limit=3")).await.json();
    assert_eq!(some["readings"].as_array().unwrap().len(), 3);
    let (from, to) = (readings[10]["measured"].as_i64().unwrap(), readings[12]["measured"].as_i64().unwrap());
    let part = hub.get(&format!("{path}&from={from}&to={to}")).await.json();
    assert_eq!(part["readings"].as_array().unwrap().len(), 2);
    let rfc = hub.get(&format!("{path}&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00%2B01:00")).await;
    assert_eq!(rfc.json()["readings"], json!([]));
    for (query, status) in [
        ("", 400),
        ("?node=plain:well", 400),
        ("?node=plain:nobody&module=0&channel=1", 404),
        ("?node=plain:well&module=9&channel=1", 404),
        ("?node=plain:well&module=0&channel=none", 404),
        ("?node=plain:well&module=0&channel=1&from=yesterday", 400),
        ("?node=plain:well&module=0&channel=1&limit=0", 400),
    ] {
        assert_eq!(hub.get(&format!("/api/v1/readings{query}")).await.status.as_u16(), status, "{query}");
    }
}

#[tokio::test]
async fn a_command_is_taken_and_can_be_followed() {
    let hub = Hub::start().await;
    let answer = hub.json(LEVEL, r#"{"value": 40, "expires_in_s": 60, "why": "frost tonight"}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let location = answer.header("location").to_owned();
    assert_eq!(answer.json()["location"], *location);
    let (by, why, asked) = hub.fake.state().asked.last().cloned().unwrap();
    assert_eq!((&*by, &*why), ("ada (token backup)", "frost tonight"));
    let wanted = Wanted::Set { module: 0, channel: 2, value: OwnedValue::Int(40) };
    assert_eq!(asked, Asked::Command { node: id("south-bay-3"), wanted, expires_in_s: Some(60) });
    let command = hub.get(&location).await.json();
    assert_eq!((&command["state"], &command["wanted"]["set"]["value"]), (&json!("queued"), &json!(40)));
    assert_eq!(command["reported"]["value"], 50, "what is reported is not what is wanted");
    let queued = hub.get("/api/v1/commands?state=queued,sent&node=plain:south-bay-3&limit=1").await.json();
    assert_eq!(queued["commands"][0]["id"], command["id"]);
    assert_eq!(hub.json(&format!("{location}/cancel"), "").await.status, StatusCode::OK);
    assert_eq!(hub.get(&location).await.json()["state"], "cancelled");
}

#[tokio::test]
async fn whoever_waits_gets_the_value_that_was_reported() {
    let hub = Hub::start().await;
    let fake = hub.fake.clone();
    let mut events = iot_web::Backend::events(&fake);
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            if let iot_core::Event::Command { id, state: iot_core::CommandState::Accepted, .. } = event {
                fake.finish(id);
            }
        }
    });
    let answer = hub.json(&format!("{FAN}?wait=30"), r#"{"value": true}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let command = answer.json();
    assert_eq!((&command["state"], &command["reported"]["value"]), (&json!("done"), &json!(true)));
    assert_eq!(command["reported"]["text"], "On");
}

#[tokio::test]
async fn whoever_waits_in_vain_gets_the_command_as_it_is() {
    let hub = Hub::start().await;
    let answer = hub.json(&format!("{LEVEL}?wait=0"), r#"{"value": 40}"#).await;
    assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::OK, &json!("queued")));
    assert_eq!(
        hub.json(&format!("{LEVEL}?wait=31"), r#"{"value": 40}"#).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn whatever_a_node_can_be_told_has_its_route() {
    let hub = Hub::start().await;
    let base = "/api/v1/nodes/plain:pump-house";
    for (path, body, status) in [
        ("/modules/0/actions/pulse", r#"{"argument": 500}"#, 202),
        ("/modules/3/actions/stop", "", 202),
        ("/modules/1/actions/5", "{}", 202),
        ("/identify", r#"{"for_s": 5}"#, 202),
        ("/restart", "", 202),
        ("/modules/0/properties/on/read", "", 202),
        ("/name", r#"{"title": "Well pump", "place": ""}"#, 200),
        ("/modules/0/name", r#"{"title": "Main switch"}"#, 200),
        ("/disable", r#"{"why": "being rewired"}"#, 200),
        ("/enable", "", 200),
        ("/admit", "", 200),
        ("/reject", "", 200),
        ("/revoke", "{}", 200),
        ("/tags", r#"{"tags": ["wet", "north"], "why": "walked round"}"#, 200),
        ("/archive", r#"{"why": "sold"}"#, 200),
        ("/unarchive", "", 200),
        ("/forget", r#"{"why": "sold"}"#, 200),
        ("/forget", r#"{"why": ""}"#, 422),
        ("/forget", "", 400),
        ("/replacement", r#"{"by": "plain:well", "why": "it drowned"}"#, 200),
        ("/replacement", r#"{"by": "Bad Name"}"#, 404),
        ("/replacement", "", 400),
    ] {
        let answer = hub.json(&format!("{base}{path}"), body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    assert_eq!(hub.fake.state().asked.len(), 19, "what cannot be read is not asked");
}

#[tokio::test]
async fn what_is_wrong_is_numbered_named_and_said() {
    let hub = Hub::start().await;
    for (path, body, status, name) in [
        (LEVEL, r#"{"value": 165}"#, 422, "out-of-range"),
        (LEVEL, r#"{"value": "loud"}"#, 422, "wrong-type"),
        (LEVEL, r#"{"value": 40, "valeu": 1}"#, 400, "malformed"),
        (LEVEL, "{", 400, "malformed"),
        (LEVEL, "", 400, "malformed"),
        (
            "/api/v1/nodes/plain:north-bay-1/modules/0/properties/temperature",
            r#"{"value": 1}"#,
            422,
            "not-writable",
        ),
        (
            "/api/v1/nodes/plain:north-bay-1/modules/0/properties/none",
            r#"{"value": 1}"#,
            404,
            "unknown-channel",
        ),
        (
            "/api/v1/nodes/plain:north-bay-1/modules/9/properties/on",
            r#"{"value": 1}"#,
            404,
            "module-not-registered",
        ),
        ("/api/v1/nodes/plain:nobody/restart", "", 404, "unknown-node"),
        ("/api/v1/nodes/plain:pump-house/modules/0/actions/pulse", "{}", 422, "wrong-type"),
        ("/api/v1/nodes/plain:pump-house/restart", r#"{"now": true}"#, 400, "malformed"),
        ("/api/v1/commands/04040404-0404-0404-0404-040404040404/cancel", "", 409, "command-ended"),
        ("/api/v1/commands/7/cancel", "", 404, "unknown-command"),
        ("/api/v1/nope", "", 404, "not-found"),
        ("/api/v1/nodes", "", 405, "method-not-allowed"),
    ] {
        let answer = hub.json(path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
        let error = answer.json()["error"].clone();
        assert_eq!(error["name"], name, "{path} {body}");
        assert!(
            !error["message"].as_str().unwrap().is_empty() && !error["advice"].as_str().unwrap().is_empty()
        );
    }
    let range = hub.json(LEVEL, r#"{"value": 165}"#).await.json();
    assert_eq!(range["error"]["code"], 53);
    let text = Request::post(LEVEL).header(header::CONTENT_TYPE, "text/plain");
    let text = text.header(header::AUTHORIZATION, hub.token(Role::Admin));
    let answer = hub.send(text, r#"{"value": 40}"#).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["name"]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("content-type"))
    );
    hub.fake.state().stopping = true;
    let answer = hub.get("/healthz").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["name"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("stopping"))
    );
}

#[tokio::test]
async fn nodes_are_found_by_tag_and_archive_and_come_in_pages() {
    let hub = Hub::start().await;
    let ids = |document: &serde_json::Value| -> Vec<String> {
        let nodes = document["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = hub.get("/api/v1/nodes").await.json();
    assert!(all["next"].is_null() && !ids(&all).contains(&"plain:worn-out".into()));
    let mut paged = Vec::new();
    let mut path = "/api/v1/nodes?limit=4".to_owned();
    loop {
        let page = hub.get(&path).await.json();
        assert!(ids(&page).len() <= 4);
        paged.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/nodes?limit=4&after={next}");
    }
    assert_eq!(paged, ids(&all));
    assert_eq!(ids(&hub.get("/api/v1/nodes?archived=only").await.json()), ["plain:worn-out"]);
    assert_eq!(ids(&hub.get("/api/v1/nodes?archived=show").await.json()).len(), 12);
    assert_eq!(ids(&hub.get("/api/v1/nodes?tag=wet").await.json()).len(), 10, "all but the hostile one");
    let sleeper = hub.get("/api/v1/nodes/plain:south-bay-3").await.json();
    assert_eq!(sleeper["sleep"]["for_s"], 600);
    assert_eq!((&sleeper["tags"][1], &sleeper["modules"][0]["registered_with"]), (&json!("wet"), &json!(1)));
    for query in ["limit=0", "limit=1001", "limit=", "archived=yes"] {
        let path = format!("/api/v1/nodes?{}", query.replace(' ', "%20"));
        assert_eq!(hub.get(&path).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let nobody = hub.get("/api/v1/nodes?after=nobody%20at%20all").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND, "{}", nobody.text);
}

#[tokio::test]
async fn commands_come_in_pages_with_their_reason() {
    let hub = Hub::start().await;
    let commands = hub.get("/api/v1/commands").await.json();
    assert_eq!((&commands["next"], &commands["commands"][0]["why"]), (&json!(null), &json!("frost tonight")));
    let page = hub.get("/api/v1/commands?limit=2").await.json();
    let next = page["next"].as_str().unwrap();
    assert_eq!(page["commands"][1]["id"], next);
    assert_eq!(hub.get(&format!("/api/v1/commands?limit=2&before={next}")).await.status, StatusCode::OK);
    for query in ["before=7", "module=x", "limit=1001"] {
        let path = format!("/api/v1/commands?{query}");
        assert_eq!(hub.get(&path).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn the_difference_of_a_replacement_is_shown_before_it_is_done() {
    let hub = Hub::start().await;
    let path = "/api/v1/nodes/plain:pump-house/replacement";
    let shown = hub.get(&format!("{path}?by=plain:mist-bench")).await.json();
    assert_eq!(
        (&shown["modules"][0]["fate"], &shown["modules"][1]["fate"]),
        (&json!("moves"), &json!("missing"))
    );
    assert_eq!(shown["modules"][1]["before"]["kind"], "power-meter");
    assert_eq!(shown["commands"], json!({ "moving": 1, "cancelled": 2 }));
    assert_eq!(hub.get(path).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get(&format!("{path}?by=plain:nobody")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.get(&format!("{path}?by=plain:pump-house")).await.status, StatusCode::CONFLICT);
    assert!(hub.fake.state().asked.is_empty(), "to look does nothing");
}

#[tokio::test]
async fn changes_come_in_pages_filtered_and_all_as_lines() {
    let hub = Hub::start().await;
    let page = hub.get("/api/v1/audit?limit=2").await.json();
    assert_eq!((&page["audit"][0]["deed"], &page["audit"][0]["why"]), (&json!("forget"), &json!("sold")));
    assert_eq!((&page["next"], page["audit"].as_array().unwrap().len()), (&json!(62), 2));
    let rest = hub.get("/api/v1/audit?before=62").await.json();
    assert_eq!((&rest["audit"][0]["number"], &rest["next"]), (&json!(61), &json!(null)));
    let named = hub.get("/api/v1/audit?deed=name&node=plain:well&by=ADA").await.json();
    assert_eq!(named["audit"].as_array().unwrap().len(), 1);
    let export = hub.get("/api/v1/audit/export?deed=name").await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let lines: Vec<serde_json::Value> =
        export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["title"], "<script>alert(1)</script>", "as it is: it is for machines");
    assert_eq!(hub.get("/api/v1/audit/export").await.text.lines().count(), 63);
    for query in ["deed=explode", "before=x", "from=yesterday", "limit=0"] {
        assert_eq!(
            hub.get(&format!("/api/v1/audit?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}
