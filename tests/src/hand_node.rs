//! A node that is driven by hand, byte for byte, plain or encrypted: for all that no well-behaved node does.

mod received;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_node::{
    runner::random,
    tunnel::{Keys, Step, Tunnel},
};
use iot_proto::{
    Announcement, Body, BootId, Capabilities, Correlation, Frame, Hello, HubMessage, Identity, Label, List,
    MAX_FRAME, MessageKind, Name, Outcome, OutcomeStatus, RECORD_HEADER_LEN, Reading, Register, Report,
    RequestId, Taken, Value, VersionRange,
};
use socket2::{Domain, Socket, Type};

pub use self::received::Received;

/// Longest wait for the hub's next frame.
const PATIENCE: Duration = Duration::from_secs(15);

/// Room for every record that a hand node takes part in.
type AnyTunnel = Tunnel<4_200>;

/// One connection with a hub.
#[derive(Debug)]
pub struct HandNode {
    stream: TcpStream,
    /// What encrypts it; `None` on a plain connection.
    tunnel: Option<Box<AnyTunnel>>,
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
        Ok(Self { stream, tunnel: None, unread: Vec::new(), unsent: Vec::new(), request: RequestId::FIRST })
    }

    /// Opens an encrypted session on this connection. Whoever is in between may change its first record. `None`
    /// where the hub does not go on.
    ///
    /// # Errors
    /// When the hub neither answers nor ends the connection in time.
    pub fn encrypt(mut self, keys: &Keys, change: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Self>> {
        let tunnel = Box::new(AnyTunnel::connect(keys, random()?)?);
        let mut first = tunnel.waiting().to_vec();
        change(&mut first);
        // Where the hub has gone already, reading shows it.
        let _ = self.stream.write_all(&first);
        self.prove(tunnel, |_| {})
    }

    /// Answers a dial of the hub as the node with these keys. Whoever is in between may change its reply. `None` where
    /// it is not this node's hub.
    ///
    /// # Errors
    /// When the hub neither dials nor ends the connection in time.
    pub fn answer_dial(self, keys: &Keys, change: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Self>> {
        let tunnel = Box::new(AnyTunnel::accept(keys.clone(), random()?));
        self.prove(tunnel, change)
    }

    /// Reads until both sides are proven.
    fn prove(
        mut self,
        mut tunnel: Box<AnyTunnel>,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Option<Self>> {
        tunnel.sent(tunnel.waiting().len());
        loop {
            match tunnel.advance() {
                Ok(Step::Opened) => break,
                Ok(Step::Nothing) => {}
                Ok(Step::Text) | Err(_) => return Ok(None),
            }
            match self.read(tunnel.room())? {
                0 => return Ok(None),
                len => tunnel.received(len),
            }
        }
        let mut reply = tunnel.waiting().to_vec();
        tunnel.sent(reply.len());
        change(&mut reply);
        let _ = self.stream.write_all(&reply);
        self.tunnel = Some(tunnel);
        Ok(Some(self))
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
        self.frames(&frame)
    }

    /// Sends a frame with any body of any kind.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn frame(&mut self, kind: MessageKind, body: &[u8]) -> Result<()> {
        let mut frame = Vec::new();
        Frame { kind, correlation: Correlation::Request(self.request), body }.encode_to_vec(&mut frame)?;
        self.request = self.request.next();
        self.frames(&frame)
    }

    /// Sends whole frames, in a record where the connection is encrypted.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn frames(&mut self, frames: &[u8]) -> Result<()> {
        let record = self.seal(frames)?;
        self.raw(&record)
    }

    /// What would be sent of these frames next: a record where the connection is encrypted, which takes its number.
    ///
    /// # Errors
    /// When they do not fit a record.
    pub fn seal(&mut self, frames: &[u8]) -> Result<Vec<u8>> {
        let Some(tunnel) = &mut self.tunnel else { return Ok(frames.to_vec()) };
        ensure!(tunnel.seal(frames)? == frames.len(), "{} bytes do not fit a record", frames.len());
        let record = tunnel.waiting().to_vec();
        tunnel.sent(record.len());
        Ok(record)
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
            let len = self.read(&mut buffer)?;
            ensure!(len > 0, "the hub has ended the connection");
            let bytes = buffer.get(..len).unwrap_or_default();
            match &mut self.tunnel {
                None => self.unread.extend_from_slice(bytes),
                Some(tunnel) => open(tunnel, bytes, &mut self.unread)?,
            }
        }
    }

    /// The next record of the hub, as it is.
    ///
    /// # Errors
    /// When none comes in time, or the hub ends the connection.
    pub fn next_record(&mut self) -> Result<Vec<u8>> {
        let mut record = vec![0; RECORD_HEADER_LEN];
        self.stream.read_exact(&mut record)?;
        let len = record.last_chunk().map_or(0, |len| u16::from_le_bytes(*len));
        record.resize(RECORD_HEADER_LEN + usize::from(len), 0);
        self.stream.read_exact(record.get_mut(RECORD_HEADER_LEN..).unwrap_or_default())?;
        Ok(record)
    }

    /// Says that nothing follows, and gives all bytes that the hub still sends before it ends the connection: by then it
    /// has done whatever it does about what was said.
    ///
    /// # Errors
    /// When it does not end it in time.
    pub fn end(mut self) -> Result<Vec<u8>> {
        // Where the hub has ended it already, reading shows it.
        let _ = self.stream.shutdown(Shutdown::Write);
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(said),
                len => said.extend_from_slice(buffer.get(..len).unwrap_or_default()),
            }
        }
    }

    /// Reads what has arrived; 0 bytes where the connection has ended.
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        match self.stream.read(room) {
            Ok(len) => Ok(len),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
            Err(error) => Err(error).context("bytes of the hub, or its end"),
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
                Err(error) => return Err(error),
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

/// Opens the records in these bytes and those before, and puts the frames in them behind `frames`.
fn open(tunnel: &mut AnyTunnel, mut bytes: &[u8], frames: &mut Vec<u8>) -> Result<()> {
    loop {
        match tunnel.advance()? {
            Step::Text => {
                let len = tunnel.text().len();
                frames.extend_from_slice(tunnel.text());
                tunnel.took(len);
            }
            Step::Opened => bail!("it was open"),
            Step::Nothing if bytes.is_empty() => return Ok(()),
            Step::Nothing => {
                let room = tunnel.room();
                let len = room.len().min(bytes.len());
                ensure!(len > 0, "a record of the hub is larger than was offered");
                let (now, later) = bytes.split_at(len);
                room.get_mut(..len).unwrap_or_default().copy_from_slice(now);
                tunnel.received(len);
                bytes = later;
            }
        }
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
