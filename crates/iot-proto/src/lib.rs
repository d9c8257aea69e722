//! The wire between nodes and their hub: frames, messages and encrypted records, version 1.
//!
//! `PROTOCOL.md` beside this crate's manifest is the normative text; this crate is its reference
//! implementation, used unchanged by firmware, simulators and the hub. It has no IO and no clock, and
//! without the feature `alloc` it needs no allocator: encoding writes into a slice of the caller, and
//! decoded messages borrow from the bytes that they came in.
//!
//! ```text
//!  0        1        2        3        4        5        6        7
//! +--------+--------+-----------------+-----------------+-----------------+
//! | marker | version| flags           | message kind    | body length     |
//! +--------+--------+-----------------+-----------------+-----------------+
//! | correlation id                    | body (postcard) …
//! +-----------------------------------+
//! ```
//!
//! A peer cuts frames with [`Frame::split`] and decodes bodies with [`NodeMessage::decode`] (in the hub)
//! or [`HubMessage::decode`] (in a node). The two steps fail differently on purpose: a [`FrameError`]
//! costs the session, a [`DecodeError`] costs one message. On an encrypted connection the frames travel
//! inside of records, which [`Record::split`] cuts; who encrypts is not this crate's business.
//!
//! ```
//! use iot_proto::{BootId, Correlation, Frame, Limits, List, NodeMessage, Reading, Report, RequestId, Taken, Value};
//!
//! let readings = [Reading { module: 0, channel: 1, taken: Taken::Age(250), value: Value::from(21.5) }];
//! let report = Report { boot: BootId(7), sequence: 42, readings: List::new(&readings).unwrap() };
//!
//! let mut wire = [0; 64];
//! let len = iot_proto::encode(&report, Correlation::Request(RequestId::FIRST), &mut wire).unwrap();
//!
//! let (frame, used) = Frame::split(&wire[..len], Limits::default().frame).unwrap().expect("a whole frame");
//! assert_eq!(used, len);
//! assert_eq!(NodeMessage::decode(frame.kind, frame.body), Ok(NodeMessage::Report(report)));
//! ```

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "key-ids")]
mod base32;
mod body;
#[cfg(feature = "key-ids")]
mod digits;
mod encode;
mod error;
mod frame;
mod from_hub;
mod from_node;
mod ids;
#[cfg(feature = "key-ids")]
mod joining;
#[cfg(feature = "key-ids")]
mod key;
mod kind;
mod limits;
mod list;
mod opening;
mod record;
mod shared;
mod status;
mod text;
mod value;
mod version;

pub use body::Body;
#[cfg(feature = "key-ids")]
pub use digits::{CODES, Confirm, Digits, PRESS_WITHIN, below_codes, commitment, join_code};
pub use encode::encode;
#[cfg(feature = "alloc")]
pub use encode::encode_to_vec;
pub use error::{DecodeError, EncodeError, FrameError, OpeningError, RecordError};
pub use frame::{Correlation, Frame, HEADER_LEN, MARKER, Origin};
pub use from_hub::{
    Admission, Dial, Get, HubKeyStage, HubMessage, Identify, Invoke, NextHubKey, Registered, Rejected,
    ReportAck, Restart, Set, SleepAck, UpdateBlock, UpdateOffer, Verdict, Welcome,
};
pub use from_node::{
    Announcement, Capabilities, Hello, Identity, NextKey, NodeMessage, Outcome, OutcomeStatus, Reading,
    Register, Report, Sleep, Taken, UpdateState, UpdateStatus,
};
pub use ids::{BootId, CommandId, HubKey, NodeKey, RequestId, UnixMillis};
#[cfg(feature = "key-ids")]
pub use joining::{JoinBytes, JoinMessage, JoinSecret};
#[cfg(feature = "key-ids")]
pub use key::{KeyId, KeyTextError};
pub use kind::MessageKind;
pub use limits::{DIAL_PORT, HUB_PORT, Limits, MAX_BODY, MAX_FRAME, MAX_MODULES, MAX_READINGS, MIN_FRAME};
pub use list::List;
pub use opening::{Acceptance, Clear, Offer, Opening, Prologue, Purpose, Refusal, SESSION_MESSAGE};
pub use record::{
    MAX_RECORD, MAX_UNPROVEN, MIN_RECORD, RECORD_HEADER_LEN, RECORD_MARKER, Record, RecordType, TAG_LEN,
};
pub use shared::{Acknowledged, Close, Error, Ping, Pong};
pub use status::ErrorCode;
pub use text::{Label, Name, Text, TextError};
#[cfg(feature = "alloc")]
pub use value::OwnedValue;
pub use value::{Finite, NotFinite, Value};
pub use version::{CURRENT, MIN, VersionRange};
