//! The loop of a node on tokio: sockets and a clock around a [`Node`], and your [`Device`] behind it.
//!
//! For small Linux boards and for simulators. The runner owns the sockets and decides nothing: when to
//! connect, what to send and when to give up is the session's. One task runs it; it holds no buffers of
//! its own while it waits.

mod device;
mod joining;
mod rekeying;
mod socket;
mod traffic;

use alloc::{boxed::Box, string::ToString};
use core::{net::SocketAddr, time::Duration};
use std::io;

use iot_proto::Label;
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};

pub use self::device::{Device, Ends};
pub use self::joining::{JoinFailed, join, join_with_button, new_key, random};
pub use self::socket::{CONNECT_LIMIT, PROOF_LIMIT};
use self::socket::{Connecting, Socket, accept, connect, listen, open, ready};

use crate::{
    Answer, Config, Connection, Event, Instant, Node,
    rekey::{Rekey, RekeyStep},
    tunnel::Keys,
};

/// A node with room for frames of 1 kB and about a hundred small reports: some 12 kB in all.
pub type HostNode<'c> = Node<'c, 1024, 4096, 1024>;

/// How long the runner does not accept after the system refused to.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Runs one node.
#[expect(missing_debug_implementations, reason = "a connection that is being opened cannot be shown")]
pub struct Runner<'c, D> {
    node: Box<HostNode<'c>>,
    device: D,
    ends: Ends,
    /// With which connections are encrypted; `None` for a plain node.
    keys: Option<Keys>,
    /// The change of the node's key that is under way.
    rekey: Option<Rekey>,
    /// Whether the hub has not proven its next key when it was tried last.
    next_hub_failed: bool,
    connecting: Option<Connecting>,
    own: Option<Socket>,
    dialled: Option<Socket>,
    listener: Option<TcpListener>,
    deaf_until: Instant,
    wake_at: Instant,
    start: time::Instant,
}

/// What the runner was woken by.
enum Woken {
    Connected(io::Result<TcpStream>),
    Ready(Connection),
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    Time,
}

/// Connects, reports and obeys until the future is dropped.
///
/// # Errors
/// The address to listen on is not to be had.
pub async fn run<D: Device>(config: Config<'_>, device: D, ends: Ends) -> io::Result<()> {
    let mut runner = Runner::new(config, device, ends)?;
    loop {
        runner.turn().await;
    }
}

impl<'c, D: Device> Runner<'c, D> {
    /// Encrypts every connection, and speaks with nobody but the hub of these keys. The identity of the
    /// configuration must be [`Keys::public`].
    #[must_use]
    pub fn encrypted(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// A node that has not connected yet, and listens where it should.
    ///
    /// # Errors
    /// The address to listen on is not to be had.
    pub fn new(config: Config<'c>, device: D, ends: Ends) -> io::Result<Self> {
        Ok(Self {
            node: Box::new(Node::new(config)),
            device,
            ends,
            keys: None,
            rekey: None,
            next_hub_failed: false,
            connecting: None,
            own: None,
            dialled: None,
            listener: ends.listen.map(listen).transpose()?,
            deaf_until: Instant(0),
            wake_at: Instant(0),
            start: time::Instant::now(),
        })
    }

    /// Waits until something happens, and does what follows. Dropping the future loses nothing.
    pub async fn turn(&mut self) {
        self.settle();
        let woken = self.wait().await;
        let now = self.now();
        match woken {
            Woken::Connected(result) => {
                self.connecting = None;
                match result {
                    Ok(stream) => self.opened(now, Connection::Own, stream),
                    Err(_) => self.node.closed(now, Connection::Own),
                }
            }
            Woken::Ready(connection) => self.read(connection),
            Woken::Accepted(Ok((stream, _))) => self.opened(now, Connection::Dialled, stream),
            Woken::Accepted(Err(_)) => self.deaf_until = now.after(ACCEPT_PAUSE),
            Woken::Time => self.give_up_late(now),
        }
        self.settle();
    }

    /// A connection is there: the node may use it at once, or once it is encrypted.
    fn opened(&mut self, now: Instant, connection: Connection, stream: TcpStream) {
        let socket = match self.keys_for(connection) {
            None => Socket::new(stream),
            Some(keys) => match Socket::encrypted(stream, connection, &keys, now) {
                Ok(socket) => socket,
                Err(_) => return self.node.closed(now, connection),
            },
        };
        let is_plain = socket.tunnel.is_none();
        match connection {
            Connection::Own => self.own = Some(socket),
            Connection::Dialled => self.dialled = Some(socket),
        }
        if is_plain {
            self.ready_for_node(now, connection);
        }
    }

    /// The node may use a connection from now on.
    fn ready_for_node(&mut self, now: Instant, connection: Connection) {
        match connection {
            Connection::Own => self.node.connected(now),
            Connection::Dialled => self.node.dialled(now),
        }
    }

    /// Hangs up where the other side has not proven itself in time.
    fn give_up_late(&mut self, now: Instant) {
        for connection in [Connection::Own, Connection::Dialled] {
            let by = self.socket(connection).and_then(|socket| socket.prove_by);
            if by.is_some_and(|by| now >= by) {
                self.hang_up(connection);
            }
        }
    }

    /// Ends the node's own session politely, within [`CLOSE_LIMIT`](crate::CLOSE_LIMIT).
    pub async fn stop(&mut self) {
        let now = self.now();
        self.node.stop(now);
        self.settle();
        while self.own.is_some() {
            self.turn().await;
        }
    }

    /// The node, to report or to stop it. What follows from that is done in the next [`turn`](Self::turn).
    pub fn node(&mut self) -> &mut HostNode<'c> {
        &mut self.node
    }

    /// The device.
    pub fn device(&mut self) -> &mut D {
        &mut self.device
    }

    /// Shows the node to the device, for what it counts or decides beside its usual calls.
    pub fn with_node(&mut self, show: impl FnOnce(&mut D, &HostNode<'c>)) {
        show(&mut self.device, &self.node);
    }

    /// The clock that the node goes by.
    pub fn now(&self) -> Instant {
        Instant(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Calls [`Device::wake`] in the next turn, however long it wanted to wait.
    pub fn wake(&mut self) {
        self.wake_at = Instant(0);
    }

    /// Drops a connection without a word, as a crash or a pulled plug would.
    pub fn cut(&mut self, connection: Connection) {
        self.hang_up(connection);
    }

    /// Writes bytes to the node's own connection past the session, as a broken firmware would. Gives how
    /// many the socket took.
    ///
    /// # Errors
    /// There is no connection, or it does not take bytes now.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.own.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match &mut socket.tunnel {
            Some(tunnel) => tunnel.seal(bytes).map_err(io::Error::other),
            None => socket.stream.try_write(bytes),
        }
    }

    async fn wait(&mut self) -> Woken {
        let now = self.now();
        let deadline = self.node.next_deadline().map_or(self.wake_at, |next| next.at.min(self.wake_at));
        let proofs = [&self.own, &self.dialled].into_iter().flatten().filter_map(|socket| socket.prove_by);
        let deadline = proofs.fold(deadline, Instant::min);
        let own = ready(self.own.as_ref(), self.node.room(Connection::Own));
        let dialled = ready(self.dialled.as_ref(), self.node.room(Connection::Dialled));
        let may_accept = self.dialled.is_none() && now >= self.deaf_until;
        tokio::select! {
            result = connect(&mut self.connecting) => Woken::Connected(result),
            () = own => Woken::Ready(Connection::Own),
            () = dialled => Woken::Ready(Connection::Dialled),
            result = accept(self.listener.as_ref()), if may_accept => Woken::Accepted(result),
            () = time::sleep(deadline.since(now)) => Woken::Time,
        }
    }

    /// Does what the session wants, until it wants nothing more for now.
    fn settle(&mut self) {
        loop {
            let mut happened = self.happens();
            let now = self.now();
            if now >= self.wake_at {
                self.wake_at = now.after(self.device.wake(&mut self.node, now).max(Duration::from_millis(1)));
            }
            happened |= self.take_in(Connection::Own) | self.take_in(Connection::Dialled);
            happened |= self.write(Connection::Own) | self.write(Connection::Dialled);
            if !happened {
                return;
            }
        }
    }

    /// Hands events on; whether there was one.
    fn happens(&mut self) -> bool {
        let mut happened = false;
        loop {
            let now = self.now();
            let Some(event) = self.node.poll(now) else { return happened };
            happened = true;
            self.device.observe(&event);
            let step = self.rekey.as_mut().map_or(RekeyStep::Nothing, |rekey| rekey.observe(&event));
            match event {
                Event::Connect => self.connecting = Some(open(self.ends)),
                Event::Close(connection) => self.hang_up(connection),
                Event::Connected { .. } | Event::Admission(_) => self.wake_at = Instant(0),
                Event::Registered(_)
                | Event::KeyNoted
                | Event::Acknowledged { .. }
                | Event::Repeated(_)
                | Event::Disconnected { .. }
                | Event::Error { .. }
                | Event::Refused { .. } => {}
                Event::NextHubKey(told) => self.learn_hub_key(told),
                Event::Command(command) => {
                    let id = command.id;
                    // The command has just come and is open: a value too long for the wire is the only failure.
                    let answer = self.device.obey(command);
                    if let Err(error) = self.node.answer(id, answer) {
                        let detail = error.to_string();
                        let code = iot_proto::ErrorCode::INTERNAL;
                        let failed = Answer::Failed { code, detail: &Label::clipped(&detail) };
                        let _ = self.node.answer(id, failed);
                    }
                    self.wake_at = Instant(0);
                }
            }
            self.rekey(step);
        }
    }

    fn hang_up(&mut self, connection: Connection) {
        let socket = match connection {
            Connection::Own => self.own.take(),
            Connection::Dialled => self.dialled.take(),
        };
        let now = self.now();
        if socket.is_some_and(|socket| socket.prove_by.is_some()) {
            match connection {
                Connection::Own => self.hub_not_proven(),
                // Whoever it was is not the hub, and may not keep the node busy.
                Connection::Dialled => self.deaf_until = now.after(ACCEPT_PAUSE),
            }
        }
        self.node.closed(now, connection);
    }

    fn socket(&mut self, connection: Connection) -> Option<&mut Socket> {
        match connection {
            Connection::Own => self.own.as_mut(),
            Connection::Dialled => self.dialled.as_mut(),
        }
    }
}
