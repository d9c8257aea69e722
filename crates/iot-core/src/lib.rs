//! The whole logic of the hub: no IO, no clock, no threads, no randomness of its own.
//!
//! A [`Hub`] is told everything that happens as an [`Input`], with the time ([`Now`]) at which it happens, and
//! answers with what it wants done: [`Effects`]. One call of [`Hub::handle`] is one complete transaction. Whoever
//! owns the hub (the driver in `iot-net`, a test, a replay) puts the records on disk, executes the list in order,
//! and calls again with [`Input::Tick`] when [`Hub::next_deadline`] has come.
//!
//! ```
//! use std::sync::Arc;
//!
//! use iot_core::{
//!     Effect, Effects, Hub, Input, Instant, Now, SessionId, UnixMillis, catalogue::Catalogue, config::HubConfig,
//!     store::Snapshot,
//! };
//! use iot_proto::{
//!     BootId, Capabilities, Correlation, Frame, Hello, HubMessage, Identity, Label, Name, RequestId, VersionRange,
//! };
//!
//! let at = |ms: u64| Now { instant: Instant(ms), wall: UnixMillis(1_767_225_600_000) };
//! let catalogue = Arc::new(Catalogue::built_in());
//! let mut hub = Hub::new(HubConfig::default(), catalogue, Snapshot::default(), at(0));
//! let mut out = Effects::new();
//!
//! // A node connects. If it does not say hello, the hub wants to be told when ten seconds are over.
//! let session = SessionId(1);
//! hub.handle(at(0), Input::SessionOpened { session, peer: "10.0.0.5:49152".parse()? }, &mut out);
//! assert_eq!(hub.next_deadline().map(|deadline| deadline.at), Some(Instant(10_000)));
//!
//! // It says hello: bytes, of which the driver cuts a frame.
//! let hello = Hello {
//!     versions: VersionRange::OURS,
//!     identity: Identity::Name(Name::new("kitchen-1")?),
//!     boot: BootId(7),
//!     max_frame: 1024,
//!     inflight: 1,
//!     capabilities: Capabilities::KEEPS_SESSION,
//!     keepalive_s: 20,
//!     board: Label::new("ESP32-C6")?,
//!     firmware: Label::new("kitchen")?,
//!     firmware_version: Label::new("1.0.0")?,
//! };
//! let mut bytes = Vec::new();
//! iot_proto::encode_to_vec(&hello, Correlation::Request(RequestId::FIRST), &mut bytes)?;
//! let (frame, _) = Frame::split(&bytes, 1024)?.expect("a whole frame");
//! out.clear();
//! hub.handle(at(40), Input::Received { session, frame: &frame }, &mut out);
//!
//! // A new node waits for a person, so nothing of it is kept, and it is told so.
//! assert!(out.records.is_empty());
//! let sent = out.list.iter().find_map(|effect| match effect {
//!     Effect::Send { frames, .. } => Some(&out.bytes[frames.clone()]),
//!     _ => None,
//! });
//! let (frame, _) = Frame::split(sent.expect("an answer"), 1024)?.expect("a whole frame");
//! let HubMessage::Welcome(welcome) = HubMessage::decode(frame.kind, frame.body)? else { panic!() };
//! assert_eq!(welcome.admission, iot_proto::Admission::PENDING);
//! assert_eq!(hub.view(at(40)).overview().waiting, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where things are
//!
//! State is split by who owns it; the flows are conversations, which own none. The states that a session goes
//! through are drawn in `sessions.rs`, those of presence in `presence/`; those of a command are
//! [`CommandState`].
//!
//! | file | what it owns |
//! |---|---|
//! | `hub.rs` | [`Hub`]: which part handles an input, and nothing else |
//! | `input.rs`, `effect.rs`, `event.rs` | what goes in and out: [`Input`], [`Effects`], [`Event`] |
//! | `flow/` | one conversation each: hello, register, report, sleep, command, outcome, send, deliver, ask, admission, window, join, unverified, hub keys, naming, replace, session, terms, tick, restore |
//! | `registry/` | nodes, their modules with the latest readings, which reports are stored |
//! | `target.rs` | which addresses are dialled: [`Dialling`] |
//! | `limit.rs`, `origin.rs` | limits that a peer can reach, and whom they count as one peer |
//! | `sessions.rs` | connections that nodes opened, and requests that wait for an answer |
//! | `joining.rs` | the window in which nodes join, its secrets and counts, and who joins |
//! | `commands/` | commands with their lives, each node's queue, attempts to dial, ids |
//! | `hub_keys.rs` | [`HubKeys`]: by which keys nodes know the hub, and which of them is told to whom |
//! | `audit.rs` | what a change that a person makes is kept as |
//! | `people/` | who may use the hub: rules of users, roles, logins, tokens and the claim; no part of [`Hub`] |
//! | `presence/` | whether a node is there, why and since when |
//! | `deadlines.rs` | every timer with its reason |
//! | `catalogue/` | module kinds, read from folders |
//! | `view/` | snapshots for those who read: [`View`] |
//! | `store.rs` | the persistence port: records, and what a hub starts from |
//! | `config.rs`, `error.rs`, `ids.rs`, `time.rs`, `activity.rs` | every number that steers the hub, [`IotError`], identifiers, clocks, the last sentences |
//!
//! # Invariants
//!
//! The tests in `tests/hub` check these after every input, in scenarios and in random worlds.
//!
//! - The same configuration, snapshot, inputs and times give the same effects, bit for bit.
//! - A node has at most one open session, and at most one delivery of its commands under way.
//! - Every ticket is answered exactly once: at the latest when its connection ends or its time is over.
//! - A command that has ended changes no more. One that is on its way is waited for on exactly one connection; when
//!   that ends, the command waits anew, unless a newer one for the same property is under way or done.
//! - [`Hub::next_deadline`] is later than the last input, and a timer never outlives what it is for.
//! - No frame is longer than its receiver takes, and nothing is sent on a connection after its close.
//! - Every change that a person makes is kept with who, what, before, after and why, in the commit of the change.
//! - Nothing of a node that waits for a person is kept, but what a person did with it. Every reading that is kept belongs to a report, and a report
//!   is kept once.
//! - No input of a peer panics.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod activity;
pub mod audit;
pub mod catalogue;
mod commands;
pub mod config;
mod deadlines;
mod effect;
mod error;
mod event;
mod flow;
mod hub;
mod hub_keys;
mod ids;
mod input;
mod joining;
mod limit;
mod numbered;
mod origin;
pub mod people;
mod presence;
mod registry;
mod sessions;
pub mod store;
mod target;
mod time;
pub mod view;

pub use deadlines::{Deadline, DeadlineReason};
pub use effect::{Effect, Effects, JoinTurn};
pub use error::IotError;
pub use event::Event;
pub use flow::MAX_TAGS;
pub use hub::Hub;
pub use hub_keys::{HUB_KEY_GRACE, HubKeys, NumberedKey};
pub use ids::{DeliveryId, NodeId, Series, SessionId, Ticket};
pub use input::{Answer, Input, JoinNews, JoinWay, Request};
pub use joining::{MAX_JOINING, MAX_SECRETS, MAX_UNVERIFIED, MAX_WINDOW_S};
pub use limit::{Limit, Reached};
pub use numbered::Numbered;
pub use origin::Origin;
pub use target::{Dialling, NamedBy};
pub use time::{Instant, Now, UnixMillis};
pub use view::{AdmissionState, CommandState, PresenceState, View};
