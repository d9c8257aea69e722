//! A fleet in this process: tests start it, look at it, and break single nodes of it.

use alloc::sync::Arc;
use core::net::IpAddr;
use std::{
    io,
    sync::{Mutex, PoisonError},
};

use iot_proto::{EncodeError, OwnedValue};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    FleetConfig, Plan, Stats,
    address::node_address,
    archetype,
    device::Habit,
    node::{self, Ask, Spec},
    random::Random,
};

/// Nodes that run. Dropping it drops all their connections without a word.
#[derive(Debug)]
pub struct Fleet {
    nodes: Vec<SimNode>,
    asks: Vec<mpsc::Sender<Ask>>,
    plan: watch::Sender<Plan>,
    stats: Arc<Mutex<Stats>>,
    tasks: JoinSet<()>,
}

/// What is known of a simulated node from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimNode {
    /// Under which the hub knows it.
    pub id: String,
    /// The name under which a plain node registers; for people where the node has a key.
    pub name: String,
    /// Its own address; `None` where the system chooses.
    pub address: Option<IpAddr>,
    /// Names of its modules' kinds, by index.
    pub modules: Vec<&'static str>,
}

/// What a test can do to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Drops its connection without a word. It comes back.
    Cut,
    /// Ends its session politely. It stays away until [`Control::Resume`].
    Stop,
    /// Lets it connect again.
    Resume,
    /// Ends the run without a word, and starts anew with another boot id.
    Crash,
    /// Writes these bytes past the session.
    Raw(Vec<u8>),
    /// Sends a request of a kind that does not exist.
    UnknownKind,
    /// Sends its last report once more.
    DuplicateReport,
    /// Changes its key, where it has one.
    ChangeKey,
}

/// A fleet could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// A node cannot listen, or there are no sockets left.
    #[error("node {name} cannot start at {address:?}; is another fleet running, or `ulimit -n` too low?")]
    Node {
        /// Which one.
        name: String,
        /// Its address.
        address: Option<IpAddr>,
        /// Why.
        source: io::Error,
    },
}

/// A node could not do what a test asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no node of this number.
    #[error("the fleet has no node {0}")]
    NoNode(usize),
    /// It has not made a report in this run.
    #[error("the node has not reported yet")]
    NoReport,
    /// The bytes could not be written.
    #[error("the node's connection takes no bytes")]
    Write(#[source] io::Error),
    /// The message could not be encoded.
    #[error("the message cannot be encoded")]
    Encode(#[source] EncodeError),
}

impl Fleet {
    /// Starts the nodes; each connects by itself.
    ///
    /// # Errors
    /// [`FleetError`] where a node cannot listen.
    pub async fn start(config: FleetConfig) -> Result<Self, FleetError> {
        let (plan, _) = watch::channel(config.plan);
        let stats = Arc::new(Mutex::new(Stats { nodes: u64::from(config.nodes), ..Stats::default() }));
        let mut fleet = Self { nodes: Vec::new(), asks: Vec::new(), plan, stats, tasks: JoinSet::new() };
        for number in 0..config.nodes {
            fleet.add(&config, number).await?;
        }
        Ok(fleet)
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> &[SimNode] {
        &self.nodes
    }

    /// What the fleet has done so far.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        stats.latency.settle();
        stats
    }

    /// Changes pace and faults of all nodes.
    pub fn set_plan(&self, plan: Plan) {
        self.plan.send_replace(plan);
    }

    /// Does something to one node, and waits until it is done.
    ///
    /// # Errors
    /// [`ControlError`]: there is no such node, or it cannot do this now.
    pub async fn control(&self, node: usize, control: Control) -> Result<(), ControlError> {
        let (reply, replied) = oneshot::channel();
        let asks = self.asks.get(node).ok_or(ControlError::NoNode(node))?;
        asks.send(Ask::Control(control, reply)).await.map_err(|_| ControlError::NoNode(node))?;
        replied.await.map_err(|_| ControlError::NoNode(node))?
    }

    /// A value as a module of a node has it; `None` where there is no such node, module or property.
    pub async fn value(&self, node: usize, module: u8, channel: u8) -> Option<OwnedValue> {
        let (reply, replied) = oneshot::channel();
        self.asks.get(node)?.send(Ask::Value { module, channel, reply }).await.ok()?;
        replied.await.ok()?
    }

    /// Lets all nodes say goodbye, and gives what the fleet has done.
    pub async fn stop(mut self) -> Stats {
        self.asks.clear();
        while self.tasks.join_next().await.is_some() {}
        self.stats()
    }

    async fn add(&mut self, config: &FleetConfig, number: u32) -> Result<(), FleetError> {
        let (archetype, name) = archetype::of(number);
        let mut random = Random::new(config.seed, u64::from(number) + 1);
        let address = config.first_address.map(|first| node_address(first, number));
        let own = config.own.as_ref().filter(|_| number == 0);
        let keys = config.hub_key.map(|hub| node::keys(&mut random, own, hub));
        let id = keys.as_ref().map_or_else(|| format!("plain:{name}"), |keys| keys.public().id().to_string());
        let spec = Spec {
            name: name.clone(),
            keys,
            archetype,
            habit: habit(config, &mut random),
            ends: node::ends(config.hub, address, config.node_port),
            random,
            plan: self.plan.subscribe(),
            stats: Arc::clone(&self.stats),
        };
        let (asks, asked) = mpsc::channel(4);
        let (started, has_started) = oneshot::channel();
        self.tasks.spawn(node::live(spec, asked, started));
        let gone = |_| Err(io::ErrorKind::BrokenPipe.into());
        has_started.await.unwrap_or_else(gone).map_err(|source| FleetError::Node {
            name: name.clone(),
            address,
            source,
        })?;
        let modules = archetype.modules.iter().map(|(kind, _)| kind.name).collect();
        self.nodes.push(SimNode { id, name, address, modules });
        self.asks.push(asks);
        Ok(())
    }
}

fn habit(config: &FleetConfig, random: &mut Random) -> Habit {
    let lot = random.between(0.0, 100.0);
    if lot < f64::from(config.sleepers) {
        Habit::Sleeps(config.sleep_for)
    } else if lot < f64::from(config.sleepers) + f64::from(config.visitors) {
        Habit::Visits(config.visit_every)
    } else {
        Habit::Awake
    }
}
