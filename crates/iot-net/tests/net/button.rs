//! Nodes with a button join over real sockets: who is in between, what is pressed too early, and what nobody presses.

use core::future::Future;
use std::{io, sync::Arc};

use iot_core::{AdmissionState, IotError, Request};
use iot_net::Running;
use iot_node::{
    join::{Join, JoinError, JoinStep},
    noise::KeyPair,
    runner::{Ends, JoinFailed, join_with_button},
};
use iot_proto::{Digits, HubKey};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::timeout,
};

use crate::{
    joining::{admission, ask, attackers, forgotten, opened, randomness, refused},
    keyed::{identity, keys},
    node::SOON,
};

/// What a person sees of a node, and does with it.
struct Hand {
    /// The digits, once the node shows them.
    digits: mpsc::UnboundedReceiver<Digits>,
    /// Whether the node waits for a press. People cannot see that.
    waits: mpsc::UnboundedReceiver<()>,
    /// The button.
    button: Arc<Notify>,
}

/// A node with a button that joins.
fn with_button(
    hub: &Running,
    own: &KeyPair,
) -> (impl Future<Output = Result<HubKey, JoinFailed>> + use<>, Hand) {
    let ((shown, digits), (wanted, waits)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let button = Arc::new(Notify::new());
    let run = Join::with_button(own, randomness()).expect("a genuine key");
    let told = move |step| match step {
        JoinStep::Show(digits) => shown.send(digits).map_err(io::Error::other),
        JoinStep::Press => wanted.send(()).map_err(io::Error::other),
        JoinStep::Met(_)
        | JoinStep::Revealed
        | JoinStep::Waits
        | JoinStep::Trusted(_)
        | JoinStep::Nothing => Ok(()),
    };
    let (ends, pressed) = (Ends::new(hub.local_addr()), Arc::clone(&button));
    let joining = async move {
        let pressed = async || {
            pressed.notified().await;
            Ok(())
        };
        join_with_button(ends, run, told, pressed).await
    };
    (joining, Hand { digits, waits, button })
}

#[tokio::test]
async fn a_node_joins_with_six_digits_that_a_person_types_and_a_press_of_its_button() {
    let (hub, _) = opened().await;
    let own = keys(60).own;
    let (joining, mut hand) = with_button(&hub, &own);
    let person = async {
        let digits = hand.digits.recv().await.expect("the node shows digits");
        assert_eq!(digits.to_string().len(), 7, "six of them");
        ask(&hub, Request::EnterDigits { digits }).await.expect("they are those of the node");
        let pressing = hub.handle().read(|view| view.joining().pressing.len()).await;
        assert_eq!(pressing, Ok(1), "the page asks for the press");
        assert_eq!(admission(&hub, &own).await, Some(AdmissionState::Matched), "which alone lets it in");
        hand.button.notify_one();
    };
    let (joined, ()) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert_eq!(joined.expect("it joins"), identity().public());
    let is_in = async {
        while admission(&hub, &own).await != Some(AdmissionState::Admitted) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, is_in).await.expect("and the hub lets it in");
    hub.stop().await;
}

#[tokio::test]
async fn digits_that_no_node_shows_lead_no_node_to_wait_for_a_press() {
    let (hub, _) = opened().await;
    let own = keys(61).own;
    let (joining, mut hand) = with_button(&hub, &own);
    let person = async {
        let Digits { code, answer } = hand.digits.recv().await.expect("the node shows digits");
        let digits = Digits { code: (code + 1) % iot_proto::CODES, answer };
        let typed = ask(&hub, Request::EnterDigits { digits }).await;
        assert_eq!(typed, Err(IotError::WrongDigits { left: 2 }));
        hand.button.notify_one();
        ask(&hub, Request::CloseWindow).await
    };
    let (joined, closed) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert_eq!((refused(&joined), closed), (Some(2), Ok(())));
    assert!(hand.waits.try_recv().is_err(), "it has never waited for one");
    assert_eq!(admission(&hub, &own).await, None);
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_is_cut_off_before_it_is_pressed_stores_no_key() {
    let (hub, _) = opened().await;
    let own = keys(62).own;
    let (joining, mut hand) = with_button(&hub, &own);
    let person = async {
        let digits = hand.digits.recv().await.expect("the node shows digits");
        ask(&hub, Request::EnterDigits { digits }).await.unwrap();
        hand.waits.recv().await.expect("it waits for a press");
        let pressing = hub.handle().read(|view| view.joining().pressing).await.unwrap();
        ask(&hub, Request::EndJoining { session: pressing[0].session }).await
    };
    let (joined, ended) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert_eq!((refused(&joined), ended), (Some(2), Ok(())));
    forgotten(&hub, &own).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_nobody_presses_says_so_and_the_hub_forgets_it() {
    let (hub, _) = opened().await;
    let own = keys(63).own;
    let mut stream = TcpStream::connect(hub.local_addr()).await.expect("the hub listens");
    let mut run = Join::with_button(&own, randomness()).expect("a genuine key");
    let gives_up = async {
        loop {
            let step = run.advance().expect("the hub is genuine");
            if step == JoinStep::Press {
                run.not_pressed().expect("it waits for that");
            }
            let waiting = run.waiting().to_vec();
            run.sent(waiting.len());
            stream.write_all(&waiting).await.expect("the hub reads");
            match step {
                JoinStep::Press => return,
                JoinStep::Show(digits) => ask(&hub, Request::EnterDigits { digits }).await.expect("its own"),
                JoinStep::Nothing => {
                    let read = stream.read(run.room()).await.expect("the hub answers");
                    run.received(read);
                }
                JoinStep::Met(_) | JoinStep::Revealed | JoinStep::Waits | JoinStep::Trusted(_) => {}
            }
        }
    };
    timeout(SOON, gives_up).await.expect("in time");
    assert_eq!(run.pressed(), Err(JoinError::OutOfTurn), "who presses then is too late");
    forgotten(&hub, &own).await;
    hub.stop().await;
}

#[tokio::test]
async fn who_is_in_between_makes_other_digits_and_can_make_a_node_wait_but_not_a_person_press() {
    // The node speaks with an attacker's hub, the attacker as a node with the real one.
    let ((hub, _), theirs) = (opened().await, attackers().await);
    let (victim, attacker) = (keys(64).own, keys(65).own);
    let (at_theirs, mut seen) = with_button(&theirs, &victim);
    let (at_ours, mut own) = with_button(&hub, &attacker);
    let person = async {
        let (digits, other) =
            (seen.digits.recv().await.expect("digits"), own.digits.recv().await.expect("digits"));
        assert_ne!(digits.code, other.code);
        let typed = ask(&hub, Request::EnterDigits { digits }).await;
        assert_eq!(typed, Err(IotError::WrongDigits { left: 2 }));
        // The attacker tells the node that all is well. It shows nothing of that, and the page asks for no press.
        ask(&theirs, Request::EnterDigits { digits }).await.unwrap();
        seen.waits.recv().await.expect("it waits");
        let pressing = hub.handle().read(|view| view.joining().pressing.len()).await;
        assert_eq!(pressing, Ok(0));
        ask(&hub, Request::CloseWindow).await.unwrap();
        let session = theirs.handle().read(|view| view.joining().pressing[0].session).await.unwrap();
        ask(&theirs, Request::EndJoining { session }).await.unwrap();
    };
    let all = async { tokio::join!(at_theirs, at_ours, person) };
    let (victims, attackers, ()) = timeout(SOON, all).await.expect("in time");
    assert!(matches!(victims, Err(JoinFailed::Run(JoinError::Refused(_)))), "{victims:?}");
    assert!(attackers.is_err());
    assert_eq!(admission(&hub, &attacker).await, None);
    theirs.stop().await;
    hub.stop().await;
}
