//! The live feed: the hub's events as server-sent events. One task for each reader, which ends with it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use iot_core::{
    Event, NodeId,
    catalogue::{ModuleKind, ValueType},
};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{self, MissedTickBehavior},
};

use crate::{
    Backend, StoreView,
    api::{Happened, Reading},
    body::{self, BodyError, Reply},
    door::{Door, Who},
    page,
    web::Web,
};

/// A comment is sent so often, so that both ends notice when the other is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Events that may wait for a slow reader here; more wait in the hub until it loses some and is told.
const QUEUE: usize = 32;

/// Begins a feed.
pub(crate) fn feed<B: Backend>(web: &Web<B>, headers: &HeaderMap) -> Reply {
    let (sender, channel) = Channel::<Bytes, BodyError>::new(QUEUE);
    let feed = Feed {
        backend: web.backend.clone(),
        events: web.backend.events(),
        store: web.backend.store(),
        stopping: web.stopping.clone(),
        door: Arc::clone(&web.door),
        who: web.who.clone(),
        sender,
        kinds: BTreeMap::new(),
        next_id: 1,
    };
    tokio::spawn(feed.run(headers.contains_key("last-event-id")));
    let mut reply = body::reply(StatusCode::OK, "text/event-stream", "");
    *reply.body_mut() = channel.boxed_unsync();
    let unbuffered = HeaderValue::from_static("no-cache, no-transform");
    reply.headers_mut().insert(header::CACHE_CONTROL, unbuffered);
    reply
}

/// The feed of one reader.
struct Feed<B> {
    backend: B,
    events: Receiver<Event>,
    store: watch::Receiver<StoreView>,
    stopping: watch::Receiver<()>,
    door: Arc<Door>,
    who: Option<Arc<Who>>,
    sender: Sender<Bytes, BodyError>,
    kinds: BTreeMap<(NodeId, u8), Option<Arc<ModuleKind>>>,
    next_id: u64,
}

/// A reading that has just come.
#[derive(Serialize)]
struct ReadingEvent<'a> {
    #[serde(flatten)]
    reading: Reading<'a>,
    node: &'a str,
    module: u8,
    channel: u8,
    name: &'a str,
    /// Where a number lies in its range, in per cent.
    part: Option<f64>,
}

/// The reader is gone.
struct Gone;

impl<B: Backend> Feed<B> {
    /// Sends events until the reader is gone or the server stops. A reader that comes back has missed some.
    async fn run(mut self, came_back: bool) {
        let mut keepalive = time::interval(KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if came_back && self.send("resync", &json!({})).await.is_err() {
            return;
        }
        loop {
            let sent = tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => self.event(event).await,
                    Err(RecvError::Lagged(missed)) => self.send("resync", &json!({ "missed": missed })).await,
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = self.store.changed() => self.send("store", &json!({})).await,
                _ = keepalive.tick() => self.keep_alive().await,
                _ = self.stopping.changed() => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Whoever has been logged out since hears no more.
    async fn keep_alive(&mut self) -> Result<(), Gone> {
        if let Some(who) = &self.who
            && !self.door.still(who, self.backend.now()).await
        {
            return Err(Gone);
        }
        self.sender.send_data(": keepalive\n\n".into()).await.map_err(|_| Gone)
    }

    async fn event(&mut self, event: Event) -> Result<(), Gone> {
        match event {
            Event::Node { node } => self.send("node", &json!({ "node": node.as_str() })).await,
            Event::Modules { node } => {
                self.kinds.retain(|(known, _), _| *known != node);
                self.send("modules", &json!({ "node": node.as_str() })).await
            }
            Event::Joining => self.send("joining", &json!({})).await,
            Event::Gone { node } => {
                self.kinds.retain(|(known, _), _| *known != node);
                self.send("gone", &json!({ "node": node.as_str() })).await
            }
            Event::Reading { node, module, channel, reading } => {
                let kind = self.kind(&node, module).await;
                let found = kind.as_deref().and_then(|kind| definition(kind, channel));
                let Some((name, value)) = found else { return Ok(()) };
                let data = ReadingEvent {
                    reading: Reading::new(&reading, value),
                    node: node.as_str(),
                    module,
                    channel,
                    name,
                    part: page::part_of_range(value, &reading.value),
                };
                self.send("reading", &json!(data)).await
            }
            Event::Command { id, node, state } => {
                let data = json!({ "id": id.to_string(), "node": node.as_str(), "state": state.word() });
                self.send("command", &data).await
            }
            Event::Notice(notice) => self.send("notice", &json!(Happened::from(&notice))).await,
        }
    }

    /// The kind of a module, asked of the hub once.
    async fn kind(&mut self, node: &NodeId, module: u8) -> Option<Arc<ModuleKind>> {
        let key = (node.clone(), module);
        if !self.kinds.contains_key(&key) {
            let view = self.backend.node(node).await.ok()?;
            for module in view.modules {
                self.kinds.insert((node.clone(), module.index), module.kind.ok());
            }
        }
        self.kinds.get(&key).cloned().flatten()
    }

    async fn send(&mut self, name: &str, data: &Json) -> Result<(), Gone> {
        let id = self.next_id;
        self.next_id += 1;
        let text = format!("event: {name}\nid: {id}\ndata: {data}\n\n");
        self.sender.send_data(text.into()).await.map_err(|_| Gone)
    }
}

/// Name and values of the property or event with this number.
fn definition(kind: &ModuleKind, channel: u8) -> Option<(&str, &ValueType)> {
    let property = kind.properties.iter().find(|property| property.channel == channel);
    let event = || kind.events.iter().find(|event| event.channel == channel);
    property
        .map(|property| (&*property.name, &property.value))
        .or_else(|| event().map(|event| (&*event.name, &event.value)))
}
