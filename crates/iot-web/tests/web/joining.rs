//! Joining: the window on the page and in the API, its secrets, and the digits that a person types.

use http::StatusCode;
use iot_core::{
    IotError, NodeId, Request, SessionId,
    view::{JoiningView, PressingView, RunView, SecretView, ShowingView, WindowView},
};
use iot_proto::{Confirm, Digits, JoinSecret, NodeKey, UnixMillis};

use crate::{client::Hub, fake::now};

fn secret() -> JoinSecret {
    JoinSecret::new([9; 16])
}

/// An open window in which one node shows digits and one has joined.
fn window() -> WindowView {
    let taken = NodeId::of_key(&NodeKey([2; 32]));
    WindowView {
        opened_by: "Ada".into(),
        closes: UnixMillis(now().0 + 300_000),
        secrets: vec![
            SecretView { secret: secret(), taken: None },
            SecretView { secret: JoinSecret::new([8; 16]), taken: Some(taken) },
        ],
        no_digits: None,
        showing: vec![ShowingView { run: run(77, NodeKey([1; 32])), confirm: Confirm::Button }],
        unverified: None,
        unfinished: 7,
        news: Vec::new(),
    }
}

/// A node with this key joins on this connection.
fn run(session: u64, key: NodeKey) -> RunView {
    let (session, node) = (SessionId(session), NodeId::of_key(&key));
    RunView { session, node, peer: ([10, 0, 0, 5], 40_000).into(), since: now() }
}

fn opens(hub: &Hub) {
    hub.fake.joining.send_replace(JoiningView { window: Some(window()), ..JoiningView::default() });
}

fn last_request(hub: &Hub) -> Option<Request> {
    hub.fake.state().asked.last().map(|(_, _, request)| request.clone())
}

#[tokio::test]
async fn the_page_opens_the_window_and_shows_secret_squares_and_who_shows_digits() {
    let hub = Hub::start().await;
    let closed = hub.get("/joining").await;
    assert!(closed.text.contains("No node may join") && closed.text.contains("action=\"/joining/open\""));
    let sent = hub.form("/joining/open", "minutes=7&why=the+new+barn").await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/joining"));
    assert_eq!(last_request(&hub), Some(Request::OpenWindow { for_s: 420, secret: secret() }));

    opens(&hub);
    let page = hub.get("/joining").await.text;
    let shown = [secret().to_string(), format!("iot1:{}@192.168.137.1:5070", secret()), "<svg".into()];
    for text in shown.iter().map(String::as_str).chain(["data-left", "7 showed digits", "10.0.0.5"]) {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains(&JoinSecret::new([8; 16]).to_string()), "a used secret is not shown");
    hub.stop().await;
}

#[tokio::test]
async fn digits_are_typed_and_a_wrong_entry_is_said_on_the_page() {
    let hub = Hub::start().await;
    opens(&hub);
    let sent = hub.form("/joining/digits", "digits=482+913+507+226").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let digits = Digits { code: 482_913, answer: Some(507_226) };
    assert_eq!(last_request(&hub), Some(Request::EnterDigits { digits }));
    hub.form("/joining/digits", "digits=482+913").await;
    let digits = Digits { code: 482_913, answer: None };
    assert_eq!(last_request(&hub), Some(Request::EnterDigits { digits }));
    let refused = hub.form("/joining/digits", "digits=48291350722").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("welve digits"));
    hub.form("/joining/end", "session=77").await;
    assert_eq!(last_request(&hub), Some(Request::EndJoining { session: SessionId(77) }));
    hub.form("/joining/close", "").await;
    assert_eq!(last_request(&hub), Some(Request::CloseWindow));
    hub.stop().await;
}

#[tokio::test]
async fn a_script_is_told_the_secret_that_it_had_made_and_nobody_else_is() {
    let hub = Hub::start().await;
    let opened = hub.json("/api/v1/joining/open", "{}").await.json();
    assert_eq!(opened["secret"], secret().to_string());
    assert_eq!(opened["invitation"], format!("iot1:{}@192.168.137.1:5070", secret()));
    opens(&hub);
    let read = hub.get("/api/v1/joining").await;
    assert!(!read.text.contains(&secret().to_string()), "{}", read.text);
    let window = &read.json()["window"];
    assert_eq!((&window["unfinished"], &window["showing"][0]["session"]), (&7.into(), &77.into()));
    let printed = JoinSecret::new([3; 16]);
    hub.json("/api/v1/joining/secret", &format!("{{\"secret\":\"{printed}\"}}")).await;
    assert_eq!(last_request(&hub), Some(Request::AddSecret { secret: printed }));
    let wrong = hub.json("/api/v1/joining/secret", "{\"secret\":\"0000\"}").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    hub.stop().await;
}

#[tokio::test]
async fn the_page_says_what_a_node_shows_and_asks_for_the_press_of_its_button_also_when_the_window_has_closed()
 {
    let hub = Hub::start().await;
    opens(&hub);
    let page = hub.get("/joining").await.text;
    assert!(page.contains("six digits, and it has a button") && !page.contains("Now press the button"));
    let showing = &hub.get("/api/v1/joining").await.json()["window"]["showing"][0];
    assert_eq!(showing["shows"], "six-digits-and-button");
    let pressing = PressingView {
        session: SessionId(78),
        node: NodeId::of_key(&NodeKey([1; 32])),
        peer: ([10, 0, 0, 6], 40_000).into(),
        until: UnixMillis(now().0 + 180_000),
    };
    hub.fake.joining.send_replace(JoiningView { pressing: vec![pressing], ..JoiningView::default() });
    let page = hub.get("/joining").await.text;
    assert!(
        page.contains("Now press the button of the node whose digits you typed") && page.contains("10.0.0.6")
    );
    let pressing = &hub.get("/api/v1/joining").await.json()["pressing"][0];
    assert_eq!((&pressing["session"], &pressing["address"]), (&78.into(), &"10.0.0.6:40000".into()));
    hub.stop().await;
}

#[tokio::test]
async fn nodes_that_can_show_nothing_ask_where_an_admin_lets_them_and_each_is_let_in_with_a_warning() {
    let hub = Hub::start().await;
    opens(&hub);
    let page = hub.get("/joining").await.text;
    assert!(page.contains("action=\"/joining/unverified\"") && !page.contains("/joining/admit"));
    assert!(hub.get("/api/v1/joining").await.json()["window"]["unverified"].is_null());
    hub.form("/joining/unverified", "").await;
    assert_eq!(last_request(&hub), Some(Request::AllowUnverified));
    let asks = run(79, NodeKey([5; 32]));
    let node = asks.node.clone();
    let window = Some(WindowView { unverified: Some(vec![asks]), ..window() });
    hub.fake.joining.send_replace(JoiningView { window, ..JoiningView::default() });
    let page = hub.get("/joining").await.text;
    for words in ["must not get in here", "takes no commands until an admin permits them", node.as_str()] {
        assert!(page.contains(words), "{words}");
    }
    hub.form("/joining/admit", "session=79&why=no+display").await;
    assert_eq!(last_request(&hub), Some(Request::AdmitUnverified { session: SessionId(79) }));
    hub.json("/api/v1/joining/admit", r#"{"session": 79, "why": "no display"}"#).await;
    assert_eq!(last_request(&hub), Some(Request::AdmitUnverified { session: SessionId(79) }));
    let told = &hub.get("/api/v1/joining").await.json()["window"]["unverified"][0];
    assert_eq!((&told["session"], &told["node"]), (&79.into(), &node.as_str().into()));
    hub.stop().await;
}

#[test]
fn a_wrong_entry_says_how_many_more_there_may_be() {
    let text = IotError::WrongDigits { left: 2 }.to_string();
    assert_eq!(text, "no node shows these digits; 2 more such entries may be made");
}
