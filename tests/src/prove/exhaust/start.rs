//! What is short when a hub starts: files, and turns to be dialled. Each is a hub of its own.

use std::{
    io::{ErrorKind, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use iot_core::{
    AdmissionState, CommandState, NodeId, UnixMillis,
    store::{Batch, CommandRecord, Decision, ModuleRecord, NodeRecord, Record, Store as _, Terms},
    view::{Step, Wanted},
};
use iot_proto::{Capabilities, CommandId};
use iot_store::SqliteStore;
use tempfile::TempDir;

use super::case::{Case, default_of};
use crate::{
    hub::{HubProcess, Launch, Ports, configure},
    wait::until,
};

/// Fewer files than a single session needs.
const TOO_FEW: u32 = 400;

/// How long the hub has to dial as much as it may.
const DIALLED_WITHIN: Duration = Duration::from_secs(30);

/// A hub that may open too few files does not start, and says how many it needs and what to do.
///
/// # Errors
/// When it starts, or says something else.
pub(super) fn too_few_files() -> Result<String> {
    let data_dir = TempDir::new()?;
    let launch = Launch { files: Some(TOO_FEW), ..Launch::default() };
    let Err(error) = HubProcess::launch(launch, Ports::default(), data_dir.path(), &[]) else {
        anyhow::bail!("a hub with {TOO_FEW} files has started");
    };
    Ok(format!("{error:#}"))
}

/// Every node of a large site is wanted at once, and whoever is dialled holds on to the connection and says nothing.
///
/// # Errors
/// When the hub cannot be run.
pub(super) fn dials() -> Result<Vec<Case>> {
    let (waiting, under_way) =
        (default_of("deliveries that wait for their turn"), default_of("deliveries under way"));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let node_port = listener.local_addr()?.port();
    let data_dir = TempDir::new()?;
    wanted_everywhere(data_dir.path(), waiting + under_way + 100)?;
    configure(data_dir.path(), &format!("node_port = {node_port}\ndial_loopback = \"yes\""))?;
    let deaf = Deaf::start(listener);
    let hub = HubProcess::start(data_dir.path(), &[])?;
    let reached =
        || -> Result<u64> { Ok(hub.api.get("/overview")?["limits_reached"]["dials"].as_u64().unwrap_or(0)) };
    let beyond = until("more deliveries wait than may", DIALLED_WITHIN, || {
        Ok(Some(reached()?).filter(|count| *count > 0))
    });
    let told = match &beyond {
        Ok(_) => "tried again later".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let most = deaf.end()?;
    ensure!(hub.stop()?.success(), "the hub has not stopped in good order");
    // How many wait nobody sees but the hub; that it turned some away is its word.
    let waited = if beyond.is_ok() { usize::try_from(waiting)? } else { 0 };
    Ok(vec![
        Case::counted("deliveries that wait for their turn", waiting, waited, (told, "tried again later")),
        Case::counted("deliveries under way", under_way, most, ("waits".into(), "waits")),
    ])
}

/// Puts so many nodes into a store, each at an address of its own and with a command that waits for it.
fn wanted_everywhere(data_dir: &Path, count: u64) -> Result<()> {
    let (mut store, _) = SqliteStore::open(&data_dir.join("hub.db"))?;
    let now = UnixMillis(i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis(),
    )?);
    let mut batch = Batch::default();
    for number in 0..u32::try_from(count)? {
        let id = NodeId::parse(&format!("plain:away-{number}")).context("the id of a node")?;
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(127, 32, 0, 1).to_bits() + number);
        batch.records.push(Record::Node(Box::new(away(id.clone(), address, now))));
        let (why, author) = ("".into(), "the proof".into());
        let steps = vec![Step { state: CommandState::Queued, at: now, cause: None }];
        let wanted = Wanted::Invoke { module: 0, channel: 3, argument: None };
        let (command, expires) = (
            CommandId(((u128::try_from(now.0)? << 80) | u128::from(number)).to_be_bytes()),
            UnixMillis(now.0 + 3_600_000),
        );
        let record =
            CommandRecord { id: command, node: id, wanted, author, why, steps, expires, attempts: 0 };
        batch.records.push(Record::Command(Box::new(record)));
    }
    Ok(store.commit(&batch)?)
}

/// A node that was let in, listens, and keeps no session.
fn away(id: NodeId, address: Ipv4Addr, now: UnixMillis) -> NodeRecord {
    let module = ModuleRecord {
        index: 0,
        title: "gate".into(),
        given: None,
        kind: "cover".into(),
        kind_version: 1,
        registered_with: Some(1),
    };
    let permitted = Decision { by: "the proof".into(), why: "".into(), at: now };
    NodeRecord {
        title: id.as_str().into(),
        id,
        key: None,
        keys: Vec::new(),
        hub_key: None,
        place: "".into(),
        admission: AdmissionState::Admitted,
        tags: Vec::new(),
        disabled: None,
        terms: Terms { commands: Some(permitted), ..Terms::default() },
        sleep: None,
        address: Some(SocketAddr::new(address.into(), 40_000)),
        capabilities: Capabilities::LISTENS,
        keepalive_s: 0,
        board: "".into(),
        firmware: "".into(),
        first_seen: now,
        modules: vec![module],
    }
}

/// Takes every connection, holds it and says nothing.
struct Deaf {
    over: Arc<AtomicBool>,
    most: Arc<AtomicUsize>,
    thread: thread::JoinHandle<Result<()>>,
}

impl Deaf {
    fn start(listener: TcpListener) -> Self {
        let (over, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_over, seen) = (Arc::clone(&over), Arc::clone(&most));
        let thread = thread::spawn(move || {
            let mut held: Vec<TcpStream> = Vec::new();
            listener.set_nonblocking(true)?;
            while !is_over.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(true)?;
                        held.push(stream);
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
                held.retain_mut(is_held);
                seen.fetch_max(held.len(), Ordering::SeqCst);
            }
            Ok(())
        });
        Self { over, most, thread }
    }

    /// Lets go, and gives how many connections it held at most.
    fn end(self) -> Result<usize> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().ok().context("the deaf nodes have panicked")??;
        Ok(self.most.load(Ordering::SeqCst))
    }
}

/// Whether the hub has not closed a connection. What it says is not looked at.
fn is_held(stream: &mut TcpStream) -> bool {
    let read = stream.read(&mut [0; 1024]);
    read.map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |len| len > 0)
}
