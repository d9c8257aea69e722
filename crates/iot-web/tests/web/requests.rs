//! Forms: what each asks of the hub, where it leads, and how a refusal comes back.

use http::StatusCode;
use iot_core::{Request, view::Wanted};
use iot_proto::{CommandId, Finite, OwnedValue};

use crate::{client::Hub, fake::id, markup};

fn set(module: u8, channel: u8, value: OwnedValue) -> Wanted {
    Wanted::Set { module, channel, value }
}

#[tokio::test]
async fn every_control_asks_for_its_property_and_leads_back() {
    let hub = Hub::start().await;
    let angle = OwnedValue::Float(Finite::new(90.0).unwrap());
    for (node, module, channel, body, wanted) in [
        ("pump-house", 0, 1, "value=true", set(0, 1, OwnedValue::Bool(true))),
        ("pump-house", 2, 1, "value=90", set(2, 1, angle)),
        ("south-bay-3", 0, 2, "value=65", set(0, 2, OwnedValue::Int(65))),
        ("south-bay-3", 1, 2, "value=%23ffb347", set(1, 2, OwnedValue::Int(0xFF_B3_47))),
        ("south-bay-3", 1, 4, "value=rainbow", set(1, 4, OwnedValue::Int(2))),
        ("south-bay-3", 2, 1, "value=Caf%C3%A9+%26+cake", set(2, 1, OwnedValue::Text("Café & cake".into()))),
    ] {
        let path = format!("/nodes/plain:{node}/modules/{module}");
        let answer = hub.form(&format!("{path}/properties/{channel}"), body).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{body}: {}", answer.text);
        assert_eq!(answer.header("location"), path);
        let (by, _, request) = hub.fake.state().asked.last().cloned().unwrap();
        assert_eq!(by, "ada");
        assert_eq!(request, Request::Command { node: id(node), wanted, expires_in_s: None });
        assert!(hub.get(&path).await.text.contains("desired: "), "{path} shows it in pencil");
    }
}

#[tokio::test]
async fn a_form_leads_back_to_the_page_that_it_was_on() {
    let hub = Hub::start().await;
    for (back, location) in [
        ("overview", "/"),
        ("node", "/nodes/plain:pump-house"),
        ("module", "/nodes/plain:pump-house/modules/0"),
        ("//evil.example", "/nodes/plain:pump-house/modules/0"),
    ] {
        let path = "/nodes/plain:pump-house/modules/0/properties/1";
        let answer = hub.form(path, &format!("value=false&back={back}")).await;
        assert_eq!(answer.header("location"), location, "{back}");
    }
}

#[tokio::test]
async fn an_action_asks_with_its_argument() {
    let hub = Hub::start().await;
    let answer = hub.form("/nodes/plain:pump-house/modules/0/actions/2", "value=500").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = hub.form("/nodes/plain:pump-house/modules/3/actions/3", "back=module").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let asked: Vec<_> = hub.fake.state().asked.iter().map(|(.., request)| request.clone()).collect();
    let invoke = |module, channel, argument| Request::Command {
        node: id("pump-house"),
        wanted: Wanted::Invoke { module, channel, argument },
        expires_in_s: None,
    };
    assert_eq!(asked, [invoke(0, 2, Some(OwnedValue::Int(500))), invoke(3, 3, None)]);
}

#[tokio::test]
async fn forms_of_a_node_and_of_a_command_ask_for_what_they_say() {
    let hub = Hub::start().await;
    let node = || id("pump-house");
    let command = |wanted| Request::Command { node: node(), wanted, expires_in_s: None };
    for (act, body, location, request) in [
        ("identify", "", "/nodes/plain:pump-house", command(Wanted::Identify { for_s: 10 })),
        ("restart", "", "/nodes/plain:pump-house", command(Wanted::Restart)),
        (
            "name",
            "title=Well+pump&place=Well+house",
            "/nodes/plain:pump-house",
            Request::Name { node: node(), title: "Well pump".into(), place: "Well house".into() },
        ),
        (
            "modules/0/name",
            "title=Main+switch",
            "/nodes/plain:pump-house/modules/0",
            Request::NameModule { node: node(), module: 0, title: "Main switch".into() },
        ),
        (
            "modules/0/properties/1/read",
            "",
            "/nodes/plain:pump-house/modules/0",
            command(Wanted::Get { module: 0, channel: 1 }),
        ),
        ("disable", "why=being+rewired", "/nodes/plain:pump-house", Request::Disable { node: node() }),
        ("enable", "", "/nodes/plain:pump-house", Request::Enable { node: node() }),
        ("revoke", "", "/nodes/plain:pump-house", Request::Revoke { node: node() }),
        ("permit", "why=it+only+waters", "/nodes/plain:pump-house", Request::Permit { node: node() }),
        (
            "address",
            "address=192.168.137.66",
            "/nodes/plain:pump-house",
            Request::AcceptAddress { node: node(), address: [192, 168, 137, 66].into() },
        ),
        ("forbid", "", "/nodes/plain:pump-house", Request::Forbid { node: node() }),
        ("admit", "", "/inbox", Request::Admit { node: node() }),
        ("admit", "back=node", "/nodes/plain:pump-house", Request::Admit { node: node() }),
        ("reject", "", "/inbox", Request::Reject { node: node() }),
    ] {
        let answer = hub.form(&format!("/nodes/plain:pump-house/{act}"), body).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, location), "{act}");
        assert_eq!(hub.fake.state().asked.last().unwrap().2, request);
    }
    let id = CommandId([2; 16]);
    let answer = hub.form(&format!("/commands/{id}/cancel"), "").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/commands"));
    assert_eq!(hub.fake.state().asked.last().unwrap().2, Request::Cancel { id });
    let again = hub.form(&format!("/commands/{id}/cancel"), "").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("The command has ended already."));
}

#[tokio::test]
async fn a_refused_value_comes_back_beside_its_control_with_what_to_do() {
    let hub = Hub::start().await;
    for (path, body, sentence) in [
        (
            "/nodes/plain:south-bay-3/modules/0/properties/2",
            "value=165",
            "Level takes 0 to 100 % in steps of 1, not 165",
        ),
        ("/nodes/plain:south-bay-3/modules/0/properties/2", "value=loud&back=node", "Level takes 0 to 100 %"),
        ("/nodes/plain:north-bay-1/modules/0/properties/1", "value=20&back=overview", "cannot be set"),
        ("/nodes/plain:pump-house/modules/0/actions/2", "", "Pulse takes 50 to 60000 ms in steps of 50"),
    ] {
        let answer = hub.form(path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let said = answer.text.to_lowercase().replace('\u{a0}', " ");
        assert!(said.contains(&sentence.to_lowercase()), "{path}: {said}");
        assert!(said.contains("see the catalogue for what the module kind takes."), "{path}");
        assert!(answer.text.contains("role=\"alert\""), "{path} {body}");
        markup::check(path, &answer.text);
    }
    assert!(hub.fake.accepted().len() <= 1, "nothing was sent");
}

#[tokio::test]
async fn an_inbox_shows_what_waits_and_says_that_it_proves_nothing() {
    let hub = Hub::start().await;
    let page = hub.get("/inbox").await.text;
    for words in ["Seed table", "192.168.137.42", "can pose as this node", "module kind co2 is not supported"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(hub.form("/nodes/plain:seed-table/admit", "").await.status, StatusCode::SEE_OTHER);
    assert!(hub.get("/inbox").await.text.contains("No node waits"));
}
