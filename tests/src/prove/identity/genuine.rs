//! [`Genuine`]: a node that is who it says it is, with the book of what the hub must and may know of it.
//!
//! It reports texts of its own, no two of them equal, and does what is wanted of it.

use core::net::{IpAddr, SocketAddr};
use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iot_node::{noise::KeyPair, runner::random, tunnel::Keys};
use iot_proto::{
    Acknowledged, BootId, Capabilities, Correlation, ErrorCode, Hello, HubKey, HubMessage, Identity, Label,
    List, MessageKind, Outcome, OutcomeStatus, Pong, Reading, Report, Taken, Text, Value,
};

use super::saying::BOOT;
use crate::hand_node::{HandNode, Received, hello};

/// How long a connection within this machine may take.
const CONNECT: Duration = Duration::from_secs(10);

/// What the hub must know of a node, and what it may know beside.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// Readings that were acknowledged.
    pub(super) must: BTreeSet<String>,
    /// Readings that were sent.
    pub(super) may: BTreeSet<String>,
}

/// One node with its key.
#[derive(Debug)]
pub(super) struct Genuine {
    pub(super) keys: Keys,
    pub(super) id: String,
    pub(super) page: Page,
    capabilities: Capabilities,
    reports: u32,
    session: Option<HandNode>,
}

/// New keys of a node of this hub.
pub(super) fn keys(hub: HubKey) -> Result<Keys> {
    Ok(Keys::new(KeyPair::from_secret(random()?), hub))
}

impl Genuine {
    /// A node that nobody knows.
    pub(super) fn new(hub: HubKey, capabilities: Capabilities) -> Result<Self> {
        let keys = keys(hub)?;
        let id = keys.public().id().to_string();
        Ok(Self { keys, id, page: Page::default(), capabilities, reports: 0, session: None })
    }

    /// Opens a session from this address, and registers.
    pub(super) fn come(&mut self, hub: SocketAddr, from: IpAddr) -> Result<()> {
        let plain = HandNode::connect_from(from, hub, CONNECT)?;
        let mut node =
            plain.encrypt(&self.keys, |_| {})?.context("the hub opens a session with a genuine node")?;
        node.send(&self.hello()?, true)?;
        let welcome = node.next()?;
        ensure!(welcome.kind == MessageKind::WELCOME, "{} is not welcome: {:?}", self.id, welcome.message());
        let registered = node.register("text-display", 1, "Sign")?;
        ensure!(
            registered.kind == MessageKind::REGISTERED,
            "{} cannot register: {:?}",
            self.id,
            registered.message()
        );
        self.session = Some(node);
        Ok(())
    }

    /// Reports once, and waits until that is acknowledged. Does what is wanted meanwhile.
    pub(super) fn report(&mut self) -> Result<()> {
        let text = self.send()?;
        loop {
            let received = self.session()?.next()?;
            match received.kind {
                MessageKind::REPORT_ACK => break,
                _ => self.obey(&received)?,
            }
        }
        self.page.must.insert(text);
        Ok(())
    }

    /// Reports once, and gives the text of it.
    pub(super) fn send(&mut self) -> Result<String> {
        self.reports += 1;
        let text = format!("{} {}", self.id.get(..4).unwrap_or_default(), self.reports);
        let value = Value::Text(Text::new(&text)?);
        let readings = [Reading { module: 0, channel: 1, taken: Taken::Age(0), value }];
        let report = Report { boot: BOOT, sequence: self.reports, readings: List::new(&readings)? };
        self.page.may.insert(text.clone());
        self.session()?.send(&report, true)?;
        Ok(text)
    }

    /// Goes without a word, and waits until the hub has seen it.
    pub(super) fn go(&mut self) -> Result<()> {
        if let Some(session) = self.session.take() {
            session.end()?;
        }
        Ok(())
    }

    /// Waits until the hub ends the session.
    pub(super) fn sent_away(&mut self) -> Result<()> {
        let mut session = self.session.take().context("a session")?;
        session.until_end().map(drop)
    }

    /// Answers the hub that has dialled it, and does one thing that is wanted. Gives its reply to the dial.
    pub(super) fn answer_dial(&mut self, dialled: HandNode) -> Result<Vec<u8>> {
        let mut reply = Vec::new();
        let node = dialled.answer_dial(&self.keys, |said| reply.clone_from(said))?;
        let mut node = node.context("the hub has dialled")?;
        let dial = node.next()?;
        ensure!(dial.kind == MessageKind::DIAL, "the hub says whom it dials: {dial:?}");
        node.answer(&dial, &self.hello()?)?;
        self.session = Some(node);
        let wanted = self.session()?.next()?;
        ensure!(wanted.kind == MessageKind::SET, "the hub says what is wanted: {wanted:?}");
        self.obey(&wanted)?;
        self.go()?;
        Ok(reply)
    }

    fn session(&mut self) -> Result<&mut HandNode> {
        self.session.as_mut().context("a session")
    }

    fn hello(&self) -> Result<Hello<'static>> {
        let BootId(boot) = BOOT;
        Ok(Hello {
            identity: Identity::Key(self.keys.public()),
            ..hello("unused", boot, 60, self.capabilities)?
        })
    }

    /// Answers what the hub wants of a node.
    fn obey(&mut self, received: &Received) -> Result<()> {
        if !matches!(received.correlation, Correlation::Request(_)) {
            return Ok(());
        }
        let message = received.message()?;
        let session = self.session.as_mut().context("a session")?;
        if let HubMessage::Set(set) = message {
            if let Value::Text(text) = set.value {
                self.page.may.insert(text.as_str().to_owned());
                self.page.must.insert(text.as_str().to_owned());
            }
            let (status, code, value) = (OutcomeStatus::DONE, ErrorCode::OK, Some(set.value));
            session.answer(
                received,
                &Outcome { command: set.command, status, code, value, detail: Label::EMPTY },
            )
        } else if let HubMessage::Ping(_) = message {
            session.answer(received, &Pong { time: None })
        } else {
            session.answer(received, &Acknowledged)
        }
    }
}
