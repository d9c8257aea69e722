//! [`Crowd`]: connections that one attack holds open at one time, with what each was told.
//!
//! What is said on them is the cases' business. How many of them the hub holds is read from the operating system,
//! so that nothing rests on the hub's own word.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use iot_proto::{Body, Correlation, Frame, HubMessage, MAX_FRAME, MAX_UNPROVEN, Record, Refusal, RequestId};
use socket2::{Domain, Socket, Type};

use crate::wait::until;

/// How long the hub may take to answer all of a crowd.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the table of connections is looked at for one figure.
const LOOKS: usize = 5;

/// Connections to one port.
#[derive(Debug)]
pub(super) struct Crowd {
    to: SocketAddr,
    peers: Vec<Peer>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Peer {
    stream: TcpStream,
    from: IpAddr,
    came: Instant,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    /// What it was told, as far as that is known.
    pub(super) told: Told,
    /// Answers that say no more than that it is served.
    pub(super) answers: u64,
    ended: bool,
}

/// What a peer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing yet.
    Nothing,
    /// That it is welcome.
    Welcome,
    /// That it is refused, in these words, after so long.
    Refused(String, Duration),
}

impl Told {
    /// The words of a refusal.
    pub(super) fn words(&self) -> Option<&str> {
        match self {
            Self::Refused(words, _) => Some(words),
            Self::Nothing | Self::Welcome => None,
        }
    }
}

/// What stands for the words of whoever was closed without any.
pub(super) const SILENTLY: &str = "closed without a word";

impl Crowd {
    /// Nobody yet.
    pub(super) fn new(to: SocketAddr) -> Self {
        Self { to, peers: Vec::new() }
    }

    /// One more comes from here, and gets this place.
    ///
    /// # Errors
    /// When it cannot connect.
    pub(super) fn come(&mut self, from: IpAddr) -> Result<usize> {
        let socket = Socket::new(Domain::for_address(self.to), Type::STREAM, None)?;
        // Without the state that a closed connection leaves behind: there soon would be no port left.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&self.to.into(), PATIENCE).with_context(|| format!("connect from {from}"))?;
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (came, unread, unsent) = (Instant::now(), Vec::new(), Vec::new());
        self.peers.push(Peer {
            stream,
            from,
            came,
            unread,
            unsent,
            told: Told::Nothing,
            answers: 0,
            ended: false,
        });
        Ok(self.peers.len() - 1)
    }

    /// So many come from here.
    ///
    /// # Errors
    /// When one cannot connect.
    pub(super) fn come_all(&mut self, from: IpAddr, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| self.come(from).map(|_| ()))
    }

    /// A peer sends bytes. What the hub does not take yet goes out later.
    pub(super) fn say(&mut self, place: usize, bytes: &[u8]) {
        if let Some(peer) = self.peers.get_mut(place) {
            peer.unsent.extend_from_slice(bytes);
            peer.send();
        }
    }

    /// A peer sends a request.
    ///
    /// # Errors
    /// When the message has no form.
    pub(super) fn ask<'b, B: Body<'b>>(&mut self, place: usize, body: &B) -> Result<()> {
        let mut bytes = Vec::new();
        iot_proto::encode_to_vec(body, Correlation::Request(RequestId::FIRST), &mut bytes)?;
        self.say(place, &bytes);
        Ok(())
    }

    /// Everybody takes what has come for them.
    pub(super) fn listen(&mut self) {
        self.peers.iter_mut().filter(|peer| !peer.ended).for_each(Peer::listen);
    }

    /// Listens until the crowd is as wanted, or for as long as the hub may take: what it is then is judged.
    pub(super) fn settle(&mut self, wanted: impl Fn(&Self) -> bool) {
        let look = || {
            self.listen();
            Ok(wanted(self).then_some(()))
        };
        // That it did not come to that shows in what is counted.
        let _ = until("the crowd has settled", PATIENCE, look);
    }

    /// Everybody, in the order in which they came.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    /// How many were refused, with a word or without.
    pub(super) fn refused(&self) -> usize {
        self.peers().filter(|peer| peer.told.words().is_some()).count()
    }

    /// How many were not.
    pub(super) fn held(&self) -> usize {
        self.peers.len() - self.refused()
    }

    /// How many were told that they are welcome.
    pub(super) fn welcome(&self) -> usize {
        self.peers().filter(|peer| peer.told == Told::Welcome).count()
    }

    /// What the last of those was told who were refused.
    pub(super) fn last_words(&self) -> String {
        self.peers.iter().rev().find_map(|peer| peer.told.words()).unwrap_or("nothing").to_owned()
    }
}

impl Peer {
    /// Where it came from.
    pub(super) fn from(&self) -> IpAddr {
        self.from
    }

    /// Sends what waits, as far as the hub takes it.
    fn send(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// Takes what has come.
    fn listen(&mut self) {
        self.send();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break self.end(),
                Ok(len) => self.unread.extend_from_slice(buffer.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => break self.end(),
            }
        }
        self.read();
    }

    fn end(&mut self) {
        self.read();
        self.ended = true;
        if self.told.words().is_none() {
            self.told = Told::Refused(SILENTLY.into(), self.came.elapsed());
        }
    }

    /// Reads what has come: the head of an answer, a record, or frames.
    fn read(&mut self) {
        if self.unread.starts_with(b"HTTP/1.1 ") {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            let is_served = text.split(' ').nth(1) == Some("200");
            self.told = if is_served { Told::Welcome } else { self.refused(text) };
            return self.unread.clear();
        }
        if let Ok(Some((record, used))) = Record::split(&self.unread, MAX_UNPROVEN) {
            self.told = match Refusal::of(record) {
                Some(Refusal(why)) => self.refused(format!("refused with {why}")),
                None => Told::Welcome,
            };
            self.unread.drain(..used);
        }
        while let Ok(Some((frame, used))) = Frame::split(&self.unread, MAX_FRAME) {
            match HubMessage::decode(frame.kind, frame.body) {
                Ok(HubMessage::Welcome(_)) => self.told = Told::Welcome,
                Ok(HubMessage::Error(error)) => {
                    self.told = self.refused(error.detail.to_string());
                }
                _ => self.answers += 1,
            }
            self.unread.drain(..used);
        }
    }

    fn refused(&self, words: String) -> Told {
        Told::Refused(words, self.came.elapsed())
    }
}

/// How many connections a process holds on this port of its own, in all or from one address.
///
/// # Errors
/// Where the operating system does not say so.
pub(super) fn held_on(port: u16, from: Option<IpAddr>) -> Result<usize> {
    let mut least = usize::MAX;
    // A table that is read while connections come and go has some of them twice, at other places.
    for _ in 0..LOOKS {
        let table = fs::read_to_string("/proc/net/tcp").context("the table of connections")?;
        let held = table.lines().skip(1).filter_map(Line::read).filter(|line| line.is_held(port, from));
        least = least.min(held.count());
    }
    Ok(least)
}

/// A line of the table of connections.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    local: u16,
    remote: IpAddr,
    is_listener: bool,
    inode: u64,
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let port = |text: &str| u16::from_str_radix(text.split_once(':')?.1, 16).ok();
        let (address, _) = fields.get(2)?.split_once(':')?;
        let remote = Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.to_le_bytes()).into();
        let (local, inode) = (port(fields.get(1)?)?, fields.get(9)?.parse().ok()?);
        Some(Self { local, remote, is_listener: *fields.get(3)? == "0A", inode })
    }

    /// Whether some process holds it: one that waits to be accepted, or is being closed, has no inode.
    fn is_held(&self, port: u16, from: Option<IpAddr>) -> bool {
        let is_from = from.is_none_or(|from| from == self.remote);
        self.local == port && !self.is_listener && self.inode != 0 && is_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_of_connections_is_read() {
        let line = "   3: 0100007F:13CE 0201047F:E2A4 01 00000000:00000000 00:00000000 00000000     0        0 \
                    48213 1 0000000000000000 20 4 30 10 -1";
        let read = Line::read(line).expect("a line");
        let remote = IpAddr::from([127, 4, 1, 2]);
        assert_eq!(read, Line { local: 5070, remote, is_listener: false, inode: 48213 });
        assert!(read.is_held(5070, None) && read.is_held(5070, Some(remote)));
        assert!(!read.is_held(5070, Some([127, 0, 0, 1].into())) && !read.is_held(80, None));
        assert_eq!(Line::read("  sl  local_address"), None);
    }
}
