//! Nodes that join while the hub runs: one with six digits and a button, and one that can show nothing and gets in
//! unverified. The nodes are `iot-node`'s on real sockets; what people do, they do by the forms of the pages.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use iot_node::{
    join::{Join, JoinStep, Randomness},
    noise::KeyPair,
    runner::{Ends, JoinFailed, join_with_button, new_key, random},
};
use iot_proto::{HubKey, NodeKey};
use iot_sim::{Fleet, FleetConfig};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Walk, commands::operator, field};
use crate::{api::Api, wait::until};

const SOON: Duration = Duration::from_secs(20);

/// A node that joins, as somebody sees it who stands before it.
struct Joining {
    steps: mpsc::Receiver<JoinStep>,
    button: Arc<Notify>,
    run: JoinHandle<Result<HubKey, JoinFailed>>,
}

impl Joining {
    /// It begins.
    fn begin(walk: &Walk, hub: SocketAddr, run: Join) -> Self {
        let (tell, steps) = mpsc::channel();
        let button = Arc::new(Notify::new());
        let finger = Arc::clone(&button);
        let runtime = walk.runtime.handle().clone();
        let run = thread::spawn(move || {
            let told = |step| {
                // Whoever stood before it may have gone.
                let _ = tell.send(step);
                Ok(())
            };
            let pressed = async || {
                finger.notified().await;
                Ok(())
            };
            runtime.block_on(join_with_button(Ends::new(hub), run, told, pressed))
        });
        Self { steps, button, run }
    }

    /// Waits until it has come so far.
    fn comes_to<T>(&self, what: &str, of: impl Fn(JoinStep) -> Option<T>) -> Result<T> {
        loop {
            let step = self.steps.recv_timeout(SOON).with_context(|| format!("the node comes to {what}"))?;
            if let Some(found) = of(step) {
                return Ok(found);
            }
        }
    }

    /// The key of the hub that it has joined.
    fn joined(self) -> Result<HubKey> {
        let joined = self.run.join().map_err(|_| anyhow!("the node panicked"))?;
        joined.context("it joins")
    }
}

fn randomness() -> Result<Randomness> {
    Ok(Randomness { ephemeral: random()?, nonce: random()?, answer: random()? })
}

/// Sends a form of the page *Joining*.
fn submit(api: &Api, act: &str, fields: &[(&str, &str)]) -> Result<()> {
    let (status, page) = api.submit(&format!("/joining/{act}"), fields)?;
    ensure!(status == 303, "{act}: {status}: {page}");
    Ok(())
}

/// What the page shows as soon as it shows this.
fn page_shows(api: &Api, words: &str) -> Result<String> {
    until(&format!("the page Joining shows {words:?}"), SOON, || {
        let (status, page) = api.page("/joining")?;
        Ok((status == 200 && page.contains(words)).then_some(page))
    })
}

/// Starts the node with what it knows since it has joined, and waits until it is online.
fn goes_online(walk: &Walk, own: &KeyPair, hub_key: HubKey, first: Ipv4Addr) -> Result<(Fleet, String)> {
    let hub = walk.hub()?;
    ensure!(hub_key == hub.key()?, "it has joined this hub");
    let config = FleetConfig {
        own: Some(own.clone()),
        hub_key: Some(hub_key),
        first_address: Some(first),
        ..FleetConfig::new(hub.tcp, 1)
    };
    let fleet = walk.runtime.block_on(Fleet::start(config))?;
    let id = NodeKey(own.public()).id().to_string();
    until("the node is online", SOON, || {
        let state = hub.api.node(&id)?.and_then(|node| node.pointer("/presence/state").cloned());
        Ok((state == Some(Value::from("online"))).then_some(()))
    })?;
    Ok((fleet, id))
}

/// Asks the node to show itself, and waits for what comes of it: status and answer.
fn identify(api: &Api, id: &str) -> Result<(u16, Value)> {
    api.post(&format!("/nodes/{id}/identify?wait=20"), &json!({}))
}

/// Its six digits are typed, the page asks for the press, and only the press lets it in: compared, and commanded at once.
pub(super) fn with_button(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let (api, own) = (&hub.api, new_key()?);
    submit(api, "open", &[("minutes", "5"), ("why", "the walk")])?;
    let node = Joining::begin(walk, hub.tcp, Join::with_button(&own, randomness()?)?);
    let digits = node
        .comes_to("its digits", |step| if let JoinStep::Show(digits) = step { Some(digits) } else { None })?;
    let page = page_shows(api, "six digits, and it has a button")?;
    ensure!(!page.contains("press the button of the node"), "the press is wanted too early");
    submit(api, "digits", &[("digits", &digits.to_string())])?;
    page_shows(api, "Now press the button of the node whose digits you typed.")?;
    node.comes_to("waiting for the press", |step| (step == JoinStep::Press).then_some(()))?;
    let id = NodeKey(own.public()).id().to_string();
    let matched = api.node(&id)?.context("the node")?;
    ensure!(*field(&matched, "/admission")? != "admitted" && !node.run.is_finished(), "{matched}");
    node.button.notify_one();
    let (fleet, id) = goes_online(walk, &own, node.joined()?, Ipv4Addr::new(127, 22, 0, 1))?;
    let known = api.node(&id)?.context("the node")?;
    ensure!(
        *field(&known, "/permission")? == "needless" && field(&known, "/unverified")?.is_null(),
        "{known}"
    );
    let (status, done) = identify(api, &id)?;
    ensure!(status == 200 && *field(&done, "/state")? == "done", "{status}: {done}");
    submit(api, "close", &[])?;
    walk.runtime.block_on(fleet.stop());
    Ok(format!("{id} let in by its press, verified, commanded at once"))
}

/// It is let in by an admin alone, marked, and commanded only once an admin permits that; revoked, it is let in again by
/// an admin alone.
pub(super) fn with_nothing(walk: &mut Walk) -> Result<String> {
    let hub = walk.hub()?;
    let (api, operator, own) = (&hub.api, operator(walk, "joining")?, new_key()?);
    submit(api, "open", &[("minutes", "5")])?;
    submit(api, "unverified", &[])?;
    let node = Joining::begin(walk, hub.tcp, Join::on_trust(&own, randomness()?)?);
    node.comes_to("waiting for an admin", |step| (step == JoinStep::Waits).then_some(()))?;
    page_shows(api, "Let in unverified")?;
    let asking = api.get("/joining")?;
    let session = field(&asking, "/window/unverified/0/session")?.to_string();
    let refused = operator.form("/joining/admit", &[("session", &session)])?;
    ensure!(refused == 403 && !node.run.is_finished(), "an operator lets it in: {refused}");
    submit(api, "admit", &[("session", &session), ("why", "it has no display")])?;
    let (fleet, id) = goes_online(walk, &own, node.joined()?, Ipv4Addr::new(127, 23, 0, 1))?;
    let known = api.node(&id)?.context("the node")?;
    ensure!(*field(&known, "/unverified/why")? == "it has no display", "{known}");
    for page in [format!("/nodes/{id}"), "/nodes".to_owned()] {
        ensure!(api.page(&page)?.1.contains(">unverified</span>"), "{page} does not mark it");
    }
    commanded_by_leave(api, &operator, &id)?;
    let (status, _) = operator.post(&format!("/nodes/{id}/revoke"), &json!({}))?;
    ensure!(status == 200, "revoke: {status}");
    let admit = format!("/nodes/{id}/admit");
    let refused = operator.post(&admit, &json!({}))?.0;
    let status = api.post(&admit, &json!({}))?.0;
    ensure!((refused, status) == (403, 200), "let in again: {refused} as an operator, {status} as an admin");
    let back = api.node(&id)?.context("the node")?;
    ensure!(*field(&back, "/admission")? == "admitted" && !field(&back, "/unverified")?.is_null(), "{back}");
    submit(api, "close", &[])?;
    walk.runtime.block_on(fleet.stop());
    Ok(format!("{id} let in by an admin, marked, refused a command without leave, took one with it"))
}

/// A command is refused until an admin permits it, which an operator cannot, and then it is done and marked.
fn commanded_by_leave(api: &Api, operator: &Api, id: &str) -> Result<()> {
    let (status, answer) = identify(operator, id)?;
    ensure!(status == 409 && *field(&answer, "/error/name")? == "not-permitted", "{status}: {answer}");
    let permit = format!("/nodes/{id}/permit");
    if operator.form(&permit, &[])? != 403 {
        bail!("an operator has permitted commands");
    }
    ensure!(api.form(&permit, &[("why", "the walk")])? == 303, "an admin permits commands");
    let (status, done) = identify(operator, id)?;
    ensure!(status == 200 && *field(&done, "/state")? == "done", "{status}: {done}");
    let (_, page) = api.page(&format!("/commands?q={id}"))?;
    ensure!(page.contains(">unverified</span>"), "the list of commands does not mark it");
    Ok(())
}
