//! A node that is driven by hand, byte for byte: for all that no well-behaved node does.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{
    Announcement, Body, BootId, Capabilities, Correlation, Frame, Hello, HubMessage, Identity, Label, List,
    MAX_FRAME, MessageKind, Name, Outcome, OutcomeStatus, Reading, Register, Report, RequestId, Taken, Value,
    VersionRange,
};
use socket2::{Domain, Socket, Type};

/// Longest wait for the hub's next frame.
const PATIENCE: Duration = Duration::from_secs(15);

/// A frame that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// What kind of message it is.
    pub kind: MessageKind,
    /// How it belongs to others.
    pub correlation: Correlation,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// The message in it.
    ///
    /// # Errors
    /// When the hub sent what is no message of a hub.
    pub fn message(&self) -> Result<HubMessage<'_>> {
        HubMessage::decode(self.kind, &self.body).with_context(|| format!("{:?}", self.kind))
    }
}

/// One connection with a hub.
#[derive(Debug)]
pub struct HandNode {
    stream: TcpStream,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    request: RequestId,
}

impl HandNode {
    /// Connects to a hub.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn connect(hub: SocketAddr) -> Result<Self> {
        Self::on(TcpStream::connect(hub)?)
    }

    /// Connects to a hub from an address of this machine.
    ///
    /// # Errors
    /// When the address is none of this machine, or the hub does not answer in time.
    pub fn connect_from(from: IpAddr, hub: SocketAddr, within: Duration) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(hub), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&hub.into(), within).with_context(|| format!("connect from {from}"))?;
        Self::on(socket.into())
    }

    /// Takes a connection that the hub dials.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn accept(listener: &TcpListener) -> Result<Self> {
        Self::on(listener.accept()?.0)
    }

    fn on(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, unread: Vec::new(), unsent: Vec::new(), request: RequestId::FIRST })
    }

    /// Connects, says hello as a plain node of this name, and gives the hub's answer.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub fn hello(
        hub: SocketAddr,
        name: &str,
        boot: u32,
        keepalive_s: u32,
        can: Capabilities,
    ) -> Result<(Self, Received)> {
        let mut node = Self::connect(hub)?;
        node.send(&hello(name, boot, keepalive_s, can)?, true)?;
        let answer = node.next()?;
        Ok((node, answer))
    }

    /// Sends a message, as a request or one way.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn send<'b, B: Body<'b>>(&mut self, body: &B, wants_answer: bool) -> Result<()> {
        let correlation = if wants_answer { Correlation::Request(self.request) } else { Correlation::OneWay };
        self.request = self.request.next();
        self.send_as(body, correlation)
    }

    /// Puts a request behind what [`flush`](Self::flush) will send in one write.
    ///
    /// # Errors
    /// When the message does not fit a frame.
    pub fn queue<'b, B: Body<'b>>(&mut self, body: &B) -> Result<()> {
        iot_proto::encode_to_vec(body, Correlation::Request(self.request), &mut self.unsent)?;
        self.request = self.request.next();
        Ok(())
    }

    /// Sends what was queued.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.unsent)?;
        self.unsent.clear();
        Ok(())
    }

    /// Answers a frame.
    ///
    /// # Errors
    /// When it wants no answer or the connection has ended.
    pub fn answer<'b, B: Body<'b>>(&mut self, to: &Received, body: &B) -> Result<()> {
        let correlation = to.correlation.answer().context("the frame wants no answer")?;
        self.send_as(body, correlation)
    }

    fn send_as<'b, B: Body<'b>>(&mut self, body: &B, correlation: Correlation) -> Result<()> {
        let mut frame = Vec::new();
        iot_proto::encode_to_vec(body, correlation, &mut frame)?;
        self.raw(&frame)
    }

    /// Sends a frame with any body of any kind.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn frame(&mut self, kind: MessageKind, body: &[u8]) -> Result<()> {
        let mut frame = Vec::new();
        Frame { kind, correlation: Correlation::Request(self.request), body }.encode_to_vec(&mut frame)?;
        self.request = self.request.next();
        self.raw(&frame)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Registers one module as index 0 and gives the hub's answer.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub fn register(&mut self, kind: &str, version: u16, title: &str) -> Result<Received> {
        let kind = Name::new(kind)?;
        let module = Announcement { index: 0, kind, kind_version: version, title: Label::clipped(title) };
        self.send(&Register { total: 1, modules: List::new(&[module])? }, true)?;
        self.next()
    }

    /// Reports one value of module 0 and gives the hub's answer.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub fn report(&mut self, boot: u32, sequence: u32, channel: u8, value: Value<'_>) -> Result<Received> {
        let reading = Reading { module: 0, channel, taken: Taken::Age(0), value };
        self.send(&Report { boot: BootId(boot), sequence, readings: List::new(&[reading])? }, true)?;
        self.next()
    }

    /// The next frame of the hub.
    ///
    /// # Errors
    /// When none comes in time, or the hub ends the connection.
    #[expect(clippy::should_implement_trait, reason = "a connection is no iterator: each step can fail")]
    pub fn next(&mut self) -> Result<Received> {
        loop {
            if let Some((frame, used)) = Frame::split(&self.unread, MAX_FRAME)? {
                let received =
                    Received { kind: frame.kind, correlation: frame.correlation, body: frame.body.to_vec() };
                self.unread.drain(..used);
                return Ok(received);
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer)? {
                0 => bail!("the hub has ended the connection"),
                len => self.unread.extend_from_slice(buffer.get(..len).unwrap_or_default()),
            }
        }
    }

    /// Waits until the hub ends the connection, and gives what it said before.
    ///
    /// # Errors
    /// When it does not.
    pub fn until_end(&mut self) -> Result<Vec<Received>> {
        let mut said = Vec::new();
        loop {
            match self.next() {
                Ok(received) => said.push(received),
                Err(error) if error.to_string().contains("ended the connection") => return Ok(said),
                Err(error) => match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
                    Some(ErrorKind::ConnectionReset) => return Ok(said),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Does what the hub's next command wants: answers that it is done, with this value.
    ///
    /// # Errors
    /// When the next frame is no command.
    pub fn obey(&mut self) -> Result<()> {
        let received = self.next()?;
        let HubMessage::Set(set) = received.message()? else { bail!("no command: {received:?}") };
        let outcome = Outcome {
            command: set.command,
            status: OutcomeStatus::DONE,
            code: iot_proto::ErrorCode::OK,
            value: Some(set.value),
            detail: Label::EMPTY,
        };
        self.answer(&received, &outcome)
    }
}

/// A hello of a plain node.
///
/// # Errors
/// When the name is none.
pub fn hello(name: &str, boot: u32, keepalive_s: u32, capabilities: Capabilities) -> Result<Hello<'_>> {
    ensure!(boot != 0, "a run has a number");
    Ok(Hello {
        versions: VersionRange::OURS,
        identity: Identity::Name(Name::new(name)?),
        boot: BootId(boot),
        max_frame: 4096,
        inflight: 4,
        capabilities,
        keepalive_s,
        board: Label::clipped("hand"),
        firmware: Label::clipped("hand-node"),
        firmware_version: Label::clipped("1"),
    })
}
