//! [`Watcher`]: a process in the hub's network that tells every connection which is begun there, and that begins some
//! itself where it is told to.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    process::{Child, ChildStdin, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{network::anew, visit};
use crate::{out, wait::until};

/// Longest wait for the watcher to do as it is told, and to tell what it saw.
const PATIENCE: Duration = Duration::from_secs(15);

/// An attempt to connect, made in the hub's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Since the watcher was started.
    pub(super) at: Duration,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// The process that watches. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
    orders: ChildStdin,
    done: Receiver<String>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

impl Watcher {
    /// Starts it in a network of its own, and waits until it watches.
    ///
    /// # Errors
    /// When the machine does not let it.
    pub(super) fn start() -> Result<Self> {
        let mut child =
            anew("watch")?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("run unshare")?;
        let orders = child.stdin.take().context("the watcher's input")?;
        let told = child.stdout.take().context("the watcher's output")?;
        let (tell, done) = channel();
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&attempts);
        thread::spawn(move || {
            for line in BufReader::new(told).lines().map_while(Result::ok) {
                match parse(&line) {
                    Some(attempt) => seen.lock().unwrap_or_else(PoisonError::into_inner).push(attempt),
                    // Nobody listens any more when the run ends.
                    None => drop(tell.send(line)),
                }
            }
        });
        let watcher = Self { child, orders, done, attempts };
        watcher.expect("watching")?;
        Ok(watcher)
    }

    /// The number of the process, whose network is the hub's.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has a node of this name come to the hub from an address of the hub's own machine.
    ///
    /// # Errors
    /// When it is not let in.
    pub(super) fn visit(&mut self, name: &str, from: IpAddr, hub: SocketAddr) -> Result<()> {
        writeln!(self.orders, "visit {name} {from} {hub}")?;
        self.expect("done")
    }

    /// Begins a connection, as a hub would that dials whatever it hears of.
    ///
    /// # Errors
    /// When the watcher has ended.
    pub(super) fn dial(&mut self, to: SocketAddr) -> Result<()> {
        writeln!(self.orders, "dial {to}")?;
        self.expect("done")
    }

    fn expect(&self, word: &str) -> Result<()> {
        let told = self.done.recv_timeout(PATIENCE).context("the watcher says nothing")?;
        ensure!(told == word, "the watcher: {told}");
        Ok(())
    }

    /// All attempts so far, once there are as many as the kernel has counted in this network.
    ///
    /// # Errors
    /// When some were missed: then nothing is shown.
    pub(super) fn attempts(&self) -> Result<Vec<Attempt>> {
        until("the watcher has seen all that the kernel counted", PATIENCE, || {
            let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok((u64::try_from(attempts.len())? == self.counted()?).then_some(attempts))
        })
    }

    /// How many connections were begun in the hub's network, by the kernel's own count.
    fn counted(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/net/snmp", self.id()))?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
        let (names, counts) = (lines.next().context("no count")?, lines.next().context("no count")?);
        let count = names.split(' ').zip(counts.split(' ')).find(|(name, _)| *name == "ActiveOpens");
        Ok(count.context("no count of connections that were begun")?.1.parse()?)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Attempt> {
    let mut words = line.strip_prefix("attempt ")?.split(' ');
    let at = Duration::from_micros(words.next()?.parse().ok()?);
    Some(Attempt { at, from: words.next()?.parse().ok()?, to: words.next()?.parse().ok()? })
}

/// Watches until nobody gives orders any more.
///
/// # Errors
/// When the machine does not let it.
pub(super) fn watch() -> Result<()> {
    let tap = packets::Tap::open()?;
    thread::Builder::new().name("tap".into()).spawn(move || tap.tell())?;
    out::line("watching");
    for order in std::io::stdin().lines() {
        let done = obey(&order?);
        out::line(&done.map_or_else(|error| format!("{error:#}"), |()| "done".into()));
    }
    Ok(())
}

fn obey(order: &str) -> Result<()> {
    match order.split(' ').collect::<Vec<_>>().as_slice() {
        ["visit", name, from, hub] => visit(from.parse()?, hub.parse()?, name),
        ["dial", to] => {
            // Whether somebody answers is all the same.
            let _ = TcpStream::connect(to.parse::<SocketAddr>()?);
            Ok(())
        }
        _ => bail!("no order: {order}"),
    }
}

#[cfg(target_os = "linux")]
mod packets {
    //! The packets of this network, whoever sends them.

    use std::{
        collections::BTreeSet,
        io::Read as _,
        net::{IpAddr, Ipv4Addr, SocketAddr},
        time::Instant,
    };

    use anyhow::{Context as _, Result};
    use socket2::{Domain, Protocol, Socket, Type};

    use super::super::network::HUB;
    use crate::out;

    /// Packets of every protocol (`ETH_P_ALL`), in the order of the network.
    const ALL: u16 = 0x0003_u16.to_be();

    /// What the kernel keeps until it is read.
    const ROOM: usize = 4 << 20;

    /// Beginning of a connection, and not the answer to one.
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;

    /// The number of TCP in an IPv4 header.
    const TCP: u8 = 6;

    pub(super) struct Tap {
        socket: Socket,
        began: Instant,
    }

    impl Tap {
        /// # Errors
        /// When the machine does not let this process see packets.
        pub(super) fn open() -> Result<Self> {
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(ALL))))
                .context("this machine lets nobody see its packets: who is dialled cannot be shown here")?;
            socket.set_recv_buffer_size(ROOM)?;
            Ok(Self { socket, began: Instant::now() })
        }

        /// Tells every attempt once: a packet on the loopback device comes by twice, and one that is not answered
        /// is sent again.
        pub(super) fn tell(mut self) {
            let (mut told, mut packet) = (BTreeSet::new(), [0; 128]);
            while let Ok(length) = self.socket.read(&mut packet) {
                let Some((from, to, number)) = packet.get(..length).and_then(attempt) else { continue };
                if (from.ip() == HUB || from.ip().is_loopback()) && told.insert((from, to, number)) {
                    out::line(&format!("attempt {} {from} {to}", self.began.elapsed().as_micros()));
                }
            }
        }
    }

    /// From where to where a connection is begun by an IPv4 packet, and its first number.
    pub(super) fn attempt(packet: &[u8]) -> Option<(SocketAddr, SocketAddr, u32)> {
        let header = usize::from(packet.first()? & 0x0F) * 4;
        if packet.first()? >> 4 != 4 || *packet.get(9)? != TCP {
            return None;
        }
        let (ip, tcp) = packet.split_at_checked(header)?;
        if tcp.get(13)? & (SYN | ACK) != SYN {
            return None;
        }
        let end = |ip: &[u8], port: &[u8]| -> Option<SocketAddr> {
            let ip = Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?);
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be_bytes(port.try_into().ok()?)))
        };
        let number = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
        Some((end(ip.get(12..16)?, tcp.get(0..2)?)?, end(ip.get(16..20)?, tcp.get(2..4)?)?, number))
    }
}

#[cfg(not(target_os = "linux"))]
mod packets {
    //! Other systems have no network namespaces.

    use anyhow::{Result, bail};

    pub(super) struct Tap;

    impl Tap {
        /// # Errors
        /// Always.
        pub(super) fn open() -> Result<Self> {
            bail!("who is dialled can be shown on Linux alone")
        }

        pub(super) fn tell(self) {}
    }
}
