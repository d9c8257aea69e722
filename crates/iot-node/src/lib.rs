//! The node's side of the wire: a session without IO, without a clock, without an allocator.
//!
//! Firmware owns a socket and a counter of milliseconds; a [`Node`] owns everything else that the protocol
//! asks of a node: hello and registration, reports that are kept until they are on disk at the hub,
//! commands that run once, keepalive, back-off with jitter, sleep, and the connections that the hub opens.
//!
//! | goes in | comes out |
//! |---|---|
//! | bytes: [`Node::received`] | bytes: [`Node::transmit`] and [`Node::sent`] |
//! | connections: [`Node::connected`], [`Node::dialled`], [`Node::closed`] | what to do: [`Node::poll`] gives an [`Event`] |
//! | time: an [`Instant`] in every call | time: [`Node::next_deadline`] |
//! | readings and answers: [`Node::report`], [`Node::answer`] | |
//!
//! The loop of a firmware, with a socket that takes and gives bytes without waiting:
//!
//! ```
//! use iot_node::{Answer, Config, Connection, Event, Instant, Node, What};
//! use iot_proto::{Announcement, BootId, Identity, Label, Name, Reading, Taken, Value};
//! # struct Socket(bool);
//! # impl Socket {
//! #     fn open(&mut self) -> bool { true }
//! #     fn close(&mut self) {}
//! #     fn read(&mut self, _: &mut [u8]) -> usize { 0 }
//! #     fn write(&mut self, bytes: &[u8]) -> usize { self.0 |= !bytes.is_empty(); bytes.len() }
//! #     fn wait_until(&mut self, _: Option<Instant>) -> bool { false }
//! # }
//! # fn clock() -> Instant { Instant(0) }
//! # fn run(socket: &mut Socket) -> Result<(), Box<dyn core::error::Error>> {
//! let relay = Announcement { index: 0, kind: Name::new("relay")?, kind_version: 1, title: Label::new("Pump")? };
//! let modules = [relay];
//! let mut node = Node::<1024, 2048>::new(Config::new(Identity::Name(Name::new("shed")?), BootId(1), 7, &modules));
//! let mut on = false;
//! loop {
//!     while let Some(event) = node.poll(clock()) {
//!         match event {
//!             Event::Connect => match socket.open() {
//!                 true => node.connected(clock()),
//!                 false => node.closed(clock(), Connection::Own),
//!             },
//!             Event::Close(connection) => {
//!                 socket.close();
//!                 node.closed(clock(), connection);
//!             }
//!             Event::Command(command) => {
//!                 let id = command.id;
//!                 if let What::Set { value: Value::Bool(wanted), .. } = command.what {
//!                     on = wanted;
//!                 }
//!                 node.answer(id, Answer::Done(Some(on.into())))?;
//!                 let now = Reading { module: 0, channel: 1, taken: Taken::Age(0), value: on.into() };
//!                 node.report(clock(), &[now])?;
//!             }
//!             _ => {}
//!         }
//!     }
//!     loop {
//!         let written = socket.write(node.transmit(clock(), Connection::Own));
//!         node.sent(clock(), Connection::Own, written);
//!         if written == 0 {
//!             break;
//!         }
//!     }
//!     if !socket.wait_until(node.next_deadline().map(|deadline| deadline.at)) {
//!         return Ok(());
//!     }
//!     let mut bytes = [0; 256];
//!     let read = socket.read(&mut bytes);
//!     // All of it is taken: the buffer is empty after polling, and longer than what was read.
//!     node.received(clock(), Connection::Own, &bytes[..read]);
//! }
//! # }
//! # let mut socket = Socket(false);
//! # run(&mut socket).unwrap();
//! # assert!(socket.0, "hello was written");
//! ```
//!
//! With the feature `tokio`, [`runner`] is that loop for a machine with an operating system.

#![no_std]

#[cfg(any(test, feature = "tokio"))]
extern crate alloc;
#[cfg(any(test, feature = "tokio"))]
extern crate std;

mod aged;
mod backoff;
mod command;
mod commands;
mod config;
mod dialled;
mod error;
mod event;
#[cfg(feature = "noise")]
mod going;
#[cfg(feature = "noise")]
pub mod hub_keys;
#[cfg(feature = "noise")]
pub mod join;
mod keepalive;
mod node;
mod registration;
#[cfg(feature = "noise")]
pub mod rekey;
mod reports;
mod requests;
mod session;
mod sleep;
mod time;
#[cfg(feature = "noise")]
pub mod tunnel;
mod wire;

#[cfg(feature = "noise")]
pub mod noise;
#[cfg(feature = "tokio")]
pub mod runner;

pub use backoff::{Backoff, FIRST_WAIT, LONGEST_WAIT};
pub use command::{Answer, Command, What};
pub use commands::{MAX_OUTCOME, REMEMBERED};
pub use config::{Config, Contact};
pub use dialled::DIALLED_SILENCE;
pub use error::{AnswerError, NotOnline, ReportError};
pub use event::{Connection, End, Event};
pub use iot_proto as proto;
pub use keepalive::DEFAULT_KEEPALIVE;
pub use node::Node;
pub use session::{CLOSE_LIMIT, HANDSHAKE_LIMIT, HELLO_LIMIT, RESEND_WAIT};
pub use time::{Deadline, Instant, Reason};
pub use wire::MIN_BUFFER;
