//! Commands: over the session, by dialling, refused, and never run twice.

use std::{
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{
    Capabilities, CommandId, Dial, Identity, Name, NodeMessage, Outcome, OutcomeStatus, Set, UnixMillis,
    Value, VersionRange,
};
use serde_json::json;

use super::{NODE_PORT, Walk, field};
use crate::{
    api::Api,
    hand_node::{HandNode, hello},
    people::{OWNER, command},
    wait::until,
};

const SOON: Duration = Duration::from_secs(10);

/// A node of the fleet in one of these states that carries a module of a kind: its id and the module's index.
pub(super) fn find(walk: &Walk, kind: &str, state: &str) -> Result<(String, u8)> {
    until(&format!("a node that is {state} carries a {kind}"), SOON, || {
        let nodes = walk.hub()?.api.get("/nodes")?;
        for known in walk.nodes() {
            let id = known.id.clone();
            let nodes = nodes["nodes"].as_array().cloned().unwrap_or_default();
            let there =
                nodes.iter().any(|node| node["id"] == id.as_str() && node["presence"]["state"] == state);
            if let Some(index) = known.modules.iter().position(|module| *module == kind).filter(|_| there) {
                return Ok(Some((id, u8::try_from(index)?)));
            }
        }
        Ok(None)
    })
}

/// What a property reports now.
fn reported(walk: &Walk, node: &str, module: u8) -> Result<serde_json::Value> {
    let module = walk.hub()?.api.get(&format!("/nodes/{node}/modules/{module}"))?;
    Ok(field(&module, "/properties/0/latest/value").cloned().unwrap_or_default())
}

/// The hub asked by a program of an operator, whose token has this label.
pub(super) fn operator(walk: &Walk, label: &str) -> Result<Api> {
    let create = ["token", "create", OWNER.0, "--label", label, "--role", "operator"];
    let token = command(walk.data_dir.path(), &create, "")?;
    Ok(walk.hub()?.api.apart().with_token(token.trim()))
}

/// A node that proves nothing takes no command until an admin permits it, on its page or by the API; for an operator there
/// is no button and no way. Then so do all others of the fleet.
pub(super) fn need_leave(walk: &mut Walk) -> Result<String> {
    let (node, module) = find(walk, "relay", "online")?;
    let api = &walk.hub()?.api;
    let switch = format!("/nodes/{node}/modules/{module}/properties/on");
    let (status, answer) = api.post(&switch, &json!({ "value": true }))?;
    ensure!(status == 409 && field(&answer, "/error/name")? == "not-permitted", "{status}: {answer}");
    let operator = operator(walk, "leave")?;
    let (page, permit) = (format!("/nodes/{node}"), format!("/nodes/{node}/permit"));
    let (_, shown) = operator.page(&page)?;
    ensure!(shown.contains("Commands are not permitted") && !shown.contains(&permit), "{shown}");
    ensure!(operator.post(&permit, &json!({}))?.0 == 403, "an operator has permitted commands");
    let (_, shown) = api.page(&page)?;
    ensure!(shown.contains(&permit) && !shown.contains("/restart"), "{shown}");
    let status = api.form(&permit, &[("why", "the walk")])?;
    ensure!(status == 303, "{permit}: {status}");
    let known = api.node(&node)?.context("the node")?;
    ensure!(field(&known, "/permitted/why")? == "the walk", "{known}");
    for node in walk.nodes().filter(|node| node.id.starts_with("plain:")) {
        let (status, answer) = api.post(&format!("/nodes/{}/permit", node.id), &json!({}))?;
        ensure!(status == 200, "{status}: {answer}");
    }
    Ok("refused with not-permitted, no way for an operator, permitted by the page's form".into())
}

/// A relay of a node in session is switched; done means that the node reports it.
pub(super) fn over_session(walk: &mut Walk) -> Result<String> {
    let (node, module) = find(walk, "relay", "online")?;
    for on in [true, false, true] {
        let command = walk.hub()?.api.set(&node, module, "on", &json!(on))?;
        ensure!(field(&command, "/state")? == "done", "{command}");
        ensure!(reported(walk, &node, module)? == on, "{node} reports {on}");
    }
    Ok(format!("{node} module {module}: done, and reported"))
}

/// The same by a form, as a browser without script sends it.
pub(super) fn by_form(walk: &mut Walk) -> Result<String> {
    let (node, module) = find(walk, "relay", "online")?;
    let path = format!("/nodes/{node}/modules/{module}/properties/1");
    let status = walk.hub()?.api.form(&path, &[("value", "false")])?;
    ensure!(status == 303, "{path}: {status}");
    until("the node reports off", SOON, || Ok((reported(walk, &node, module)? == false).then_some(())))?;
    Ok(format!("{node} module {module}: {status}, then reported off"))
}

/// A node without session is dialled on its port; the first frame names it.
pub(super) fn by_dialling(walk: &mut Walk) -> Result<String> {
    const NAME: &str = "walk-dialled";
    let hub = walk.hub()?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], NODE_PORT)))?;
    let (mut node, _) = HandNode::hello(hub.tcp, NAME, 3, 60, Capabilities::LISTENS)?;
    hub.api.admit_and_permit(&format!("plain:{NAME}"))?;
    node.next()?;
    node.register("relay", 1, "Dialled relay")?;
    drop(node);
    let dialled = thread::spawn(move || -> Result<()> {
        let mut node = HandNode::accept(&listener)?;
        let first = node.next()?;
        let iot_proto::HubMessage::Dial(dial) = first.message()? else { bail!("no dial: {first:?}") };
        ensure!(dial.to == Identity::Name(Name::new(NAME)?), "{dial:?}");
        node.answer(&first, &hello(NAME, 3, 60, Capabilities::LISTENS)?)?;
        node.obey()
    });
    let command = hub.api.set(&format!("plain:{NAME}"), 0, "on", &json!(true))?;
    dialled.join().map_err(|_| anyhow::anyhow!("the dialled node panicked"))??;
    ensure!(field(&command, "/state")? == "done", "{command}");
    let node = hub.api.node(&format!("plain:{NAME}"))?.context("the node")?;
    Ok(format!("done by dialling port {NODE_PORT}; the node is {}", field(&node, "/presence/state")?))
}

/// A simulated node that keeps no session is reached by dialling its own address.
pub(super) fn to_visitor(walk: &mut Walk) -> Result<String> {
    let kinds = [("relay", "on", json!(true)), ("dimmer", "on", json!(true)), ("servo", "angle", json!(90))];
    let found = kinds.iter().find_map(|(kind, property, value)| {
        find(walk, kind, "asleep").ok().map(|(node, module)| (node, module, *property, value.clone()))
    });
    let (node, module, property, value) = found.context("a visitor that can be commanded")?;
    let command = walk.hub()?.api.set(&node, module, property, &value)?;
    ensure!(field(&command, "/state")? == "done", "{command}");
    Ok(format!("{node} module {module} {property}: done"))
}

/// A value that the kind does not take is refused by name before anything is sent.
pub(super) fn out_of_range(walk: &mut Walk) -> Result<String> {
    let (node, module) = find(walk, "dimmer", "online")?;
    let path = format!("/nodes/{node}/modules/{module}/properties/level");
    let (status, answer) = walk.hub()?.api.post(&path, &json!({ "value": 400 }))?;
    ensure!(status == 422 && field(&answer, "/error/code")? == 53, "{status}: {answer}");
    let (status, _) = walk.hub()?.api.post(&path.replace("level", "nonsense"), &json!({ "value": 1 }))?;
    ensure!(status == 404 || status == 422, "unknown property: {status}");
    Ok(field(&answer, "/error/message")?.to_string())
}

/// A node runs a command once, however often it is sent, and answers the same each time.
pub(super) fn duplicate(walk: &mut Walk) -> Result<String> {
    let known = walk.fleet.nodes().iter().find(|node| node.modules.contains(&"relay")).context("a relay")?;
    let module = known.modules.iter().position(|kind| *kind == "relay").context("its index")?;
    let address = known.address.context("an address of its own")?;
    let before = walk.fleet.stats();
    let mut hub = HandNode::connect(SocketAddr::new(address, NODE_PORT))?;
    let name = Name::new(&known.name)?;
    let dial = Dial { versions: VersionRange::OURS, to: Identity::Name(name), time: UnixMillis(0) };
    hub.send(&dial, true)?;
    ensure!(hub.next()?.kind == iot_proto::MessageKind::HELLO, "the node says hello");
    let set = Set {
        command: CommandId(*b"walk-duplicate-1"),
        module: u8::try_from(module)?,
        channel: 1,
        value: Value::Bool(true),
    };
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        hub.send(&set, true)?;
        outcomes.push(hub.next()?);
    }
    let outcomes = outcomes.iter().map(outcome).collect::<Result<Vec<_>>>()?;
    ensure!(outcomes.iter().all(|outcome| outcome.status == OutcomeStatus::DONE), "{outcomes:?}");
    ensure!(outcomes.windows(2).all(|pair| pair.first() == pair.last()), "the same each time: {outcomes:?}");
    let after = walk.fleet.stats();
    let (ran, repeated) =
        (after.commands - before.commands, after.repeated_commands - before.repeated_commands);
    ensure!(repeated == 2, "ran {ran}, recognised {repeated} repeats");
    Ok(format!("sent 3 times, {repeated} recognised as repeats"))
}

fn outcome(received: &crate::hand_node::Received) -> Result<Outcome<'_>> {
    let message = NodeMessage::decode(received.kind, &received.body)?;
    let NodeMessage::Outcome(outcome) = message else { bail!("no outcome: {message:?}") };
    Ok(outcome)
}
