//! [`Impostors`]: somebody else at the addresses of nodes that the hub dials. They answer in every way that is open to
//! whoever does not have the node's key, and may learn nothing.

use core::net::{IpAddr, SocketAddr};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use iot_node::{runner::random, tunnel::Keys};
use iot_proto::{CommandId, Correlation, Identity, MessageKind, RequestId};

use super::{
    cast::{Block, Cast, address},
    genuine::Genuine,
    saying::Saying,
};
use crate::{hand_node::HandNode, prove::findings::Seen, wait::until};

/// Bytes with which the hub dials: they prove the hub, and say nothing that others could read.
const DIAL: usize = 116;

/// What a reply begins with.
const REPLY: [u8; 4] = [0xE5, 4, 64, 0];

/// What nobody but the node may learn.
const WANTED: &str = "for its eyes alone";

/// How long anything within this machine may take.
const SOON: Duration = Duration::from_secs(15);

/// Pause between two looks whether the hub dials.
const PAUSE: Duration = Duration::from_millis(20);

/// Whoever is at the addresses of nodes, in a thread of its own.
#[derive(Debug)]
pub(super) struct Impostors {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Dialled>>,
    /// Commands that no node gets.
    pub(super) commands: Vec<CommandId>,
}

/// What they saw.
#[derive(Debug, Default)]
pub(super) struct Dialled {
    /// How often the hub has dialled them.
    pub(super) dials: u64,
    /// How often it has said more than proves itself.
    pub(super) told: u64,
    /// How often the hub has gone on with its own dial as if it were a session.
    pub(super) answered: u64,
    pub(super) seen: Seen,
}

/// A place at which the hub dials a node, with all that others have heard of it.
#[derive(Debug)]
struct Post {
    listener: TcpListener,
    keys: Keys,
    /// The reply of the node itself to a dial.
    recorded: Vec<u8>,
    /// The opening of a session of the node.
    opening: Vec<u8>,
}

impl Impostors {
    /// Each node is dialled once and does what is wanted, so that all that comes later could have been done. Then others
    /// are where it was, and the hub wants something again.
    pub(super) fn lie_in_wait(cast: &Cast, sought: &mut [Genuine]) -> Result<Self> {
        let (mut posts, mut commands) = (Vec::new(), Vec::new());
        let (port, hub) = (cast.node_port, cast.hub.tcp);
        for (host, node) in (1..).zip(sought) {
            let listener = TcpListener::bind((address(Block::Sought, host), port))?;
            let command = cast.host().want(&node.id, "as it is wanted")?;
            let recorded = node.answer_dial(HandNode::accept(&listener)?)?;
            until("what is wanted is done", SOON, || {
                Ok((cast.host().command(command)?["state"] == "done").then_some(()))
            })?;
            let mut opening = Vec::new();
            let session = HandNode::connect_from(address(Block::Sought, host), hub, SOON)?;
            let session = session.encrypt(&node.keys, |first| opening.clone_from(first))?;
            session.context("the hub opens a session with a genuine node")?.end()?;
            posts.push(Post { listener, keys: node.keys.clone(), recorded, opening });
            commands.push(cast.host().want(&node.id, WANTED)?);
        }
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        posts.iter().try_for_each(|post| post.listener.set_nonblocking(true))?;
        let thread = thread::spawn(move || {
            let mut dialled = Dialled::default();
            while !is_over.load(Ordering::SeqCst) {
                for post in &posts {
                    match post.listener.accept() {
                        Ok((stream, _)) => dialled.answer(post, stream, hub)?,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                thread::sleep(PAUSE);
            }
            Ok(dialled)
        });
        Ok(Self { over, thread, commands })
    }

    /// Ends them.
    pub(super) fn end(self) -> Result<Dialled> {
        self.over.store(true, Ordering::SeqCst);
        let dialled = self.thread.join().map_err(|_| anyhow!("an impostor has panicked"))??;
        ensure!(dialled.dials > 0, "the hub has dialled nobody, so nothing was shown");
        Ok(dialled)
    }
}

impl Dialled {
    /// Answers a dial as one of many impostors, and looks at what the hub says then.
    fn answer(&mut self, post: &Post, mut stream: TcpStream, hub: SocketAddr) -> Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(SOON))?;
        let mut dial = vec![0; DIAL];
        stream.read_exact(&mut dial).context("a dial")?;
        let lie = post.lie(self.dials, &dial)?;
        self.dials += 1;
        // The hub may have gone already, which reading shows.
        let _ = stream.write_all(&lie);
        if lie.is_empty() {
            stream.shutdown(Shutdown::Write)?;
        }
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        ensure!(
            !read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            "the hub goes on with an impostor"
        );
        let is_told = [&dial, &rest]
            .iter()
            .any(|bytes| bytes.windows(WANTED.len()).any(|part| part == WANTED.as_bytes()));
        if is_told || !rest.is_empty() {
            self.told += 1;
            self.seen.tell(format!("dial {} was followed by {} bytes: {lie:02x?}", self.dials, rest.len()));
        }
        // The same bytes as a session with the hub.
        let from: IpAddr = address(Block::Sought, 250);
        let mut reflected = HandNode::connect_from(from, hub, SOON)?;
        let _ = reflected.raw(&dial);
        self.answered += u64::from(reflected.end()?.starts_with(&REPLY));
        Ok(())
    }
}

impl Post {
    /// What an impostor says, each time something else.
    fn lie(&self, turn: u64, dial: &[u8]) -> Result<Vec<u8>> {
        let (identity, number) = (Identity::Key(self.keys.public()), 0);
        let saying = Saying { identity, command: CommandId([0; 16]), number };
        let junk: [u8; 64] = random()?;
        let mut changed = self.recorded.clone();
        changed.iter_mut().skip(REPLY.len()).take(32).zip(junk).for_each(|(byte, junk)| *byte ^= junk);
        Ok(match turn % 9 {
            0 => Vec::new(),
            1 => vec![0xE5, 6, 1, 0, 3],
            2 => [&REPLY, junk.as_slice()].concat(),
            3 => [REPLY.as_slice(), &[0; 64]].concat(),
            4 => self.recorded.clone(),
            5 => changed,
            6 => saying.frame(MessageKind::HELLO, Correlation::Response(RequestId::FIRST))?,
            7 => dial.to_vec(),
            _ => self.opening.clone(),
        })
    }
}
