//! Attacks on joining, against the real hub on real sockets: nobody is let in whom no person has let in, and no node
//! trusts a hub that is another's.
//!
//! In each run a person opens a window, and an attacker makes one attempt: as a node, as a hub to a node, or in between.
//! The person types what the node shows. The node is the state machine that runs on chips.

mod posed;

use std::{
    cell::Cell,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use iot_core::{AdmissionState, IotError, Request, catalogue::Catalogue, config::HubConfig};
use iot_net::{HubIdentity, HubServer, NetConfig, Running};
use iot_node::{
    join::{Join, JoinError, JoinStep, Randomness},
    noise::{Handshake, KeyPair, Parties, Pattern, Role},
};
use iot_proto::{
    CODES, Digits, JoinMessage, JoinSecret, NodeKey, Opening, Purpose, VersionRange, commitment, join_code,
};
use iot_store::MemoryStore;
use serde_json::{Map, Value};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;

use self::posed::{Posed, grind, key, random, taken};
use super::{
    chance::Chance,
    found::{print, seconds},
};
use crate::out;

/// How long either side may take for a step.
const SOON: Duration = Duration::from_secs(20);

/// How much to attack.
#[derive(Debug, Args)]
pub struct Options {
    /// Runs
    #[arg(long, default_value_t = 10_000)]
    runs: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Plant a fault that must be found
    #[arg(long)]
    plant: Option<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// The attacker has seen the secret
    SeenSecret,
    /// The node takes any nonce of the hub, whatever it was bound to
    UncheckedNonce,
}

/// What an attacker tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    /// Joins with a secret of its own.
    WrongSecret,
    /// Names the secret of the window and does not have it.
    NamedSecret,
    /// Says again what a node has said that joined.
    Replay,
    /// Changes one bit of what a node says.
    Changed,
    /// Begins with a key that leads to zero.
    LowOrder,
    /// Stands in between, with keys of its own on either side.
    Relay,
    /// Does so, and opens another nonce than it was bound to, with which the codes are equal.
    Ground,
}

const ATTACKS: [Attack; 7] = [
    Attack::WrongSecret,
    Attack::NamedSecret,
    Attack::Replay,
    Attack::Changed,
    Attack::LowOrder,
    Attack::Relay,
    Attack::Ground,
];

/// Points of low order, as <https://cr.yp.to/ecdh.html> has them: their first bytes, and what the rest is.
const LOW_ORDER: [[u8; 32]; 4] = [[0; 32], low(1, 0, 0), low(0xED, 0xFF, 0x7F), low(0xEE, 0xFF, 0x7F)];

const fn low(first: u8, rest: u8, last: u8) -> [u8; 32] {
    let mut point = [rest; 32];
    point[0] = first;
    point[31] = last;
    point
}

/// Runs it and prints its figures.
///
/// # Errors
/// What fell short, or what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let (begin, mut chance) = (Instant::now(), Chance::new(options.seed, 9));
    let mut site = Site::start()?;
    let mut counts = [0_u64; ATTACKS.len()];
    for run in 0..options.runs {
        let at = match options.plant {
            Some(Plant::SeenSecret) => 0,
            Some(Plant::UncheckedNonce) => 6,
            None => usize::try_from(run)? % ATTACKS.len(),
        };
        let (attack, count) = ATTACKS.into_iter().zip(&mut counts).nth(at).context("an attack")?;
        site.window()?;
        site.attack(attack, options.plant, &mut chance).with_context(|| format!("run {run}: {attack:?}"))?;
        *count += 1;
        site.judge().with_context(|| format!("run {run}: {attack:?}"))?;
        if options.plant.is_some() && site.accepted > 0 {
            break;
        }
    }
    let mut figures = Map::new();
    figures.insert("runs".into(), options.runs.into());
    figures.insert("plant".into(), options.plant.map_or(Value::Null, |plant| format!("{plant:?}").into()));
    for (attack, count) in ATTACKS.into_iter().zip(counts) {
        figures.insert(format!("{attack:?}"), count.into());
    }
    figures.insert("joined".into(), site.joined.into());
    figures.insert("accepted".into(), site.accepted.into());
    figures.insert("trusted".into(), site.trusted.into());
    figures.insert("seconds".into(), seconds(begin.elapsed()).into());
    print(figures, options.json);
    let (accepted, broken) = (site.accepted, site.accepted + site.trusted);
    site.stop();
    if options.plant.is_some() {
        ensure!(accepted > 0, "the planted fault was not found: the proof proves nothing");
        out::progress("pair: the planted fault was found");
        return Ok(());
    }
    ensure!(broken == 0, "{broken} attacks went through");
    out::progress("pair: nobody was let in whom no person had let in");
    Ok(())
}

/// A hub, and what attackers have done to it.
struct Site {
    hub: Option<Running>,
    address: SocketAddr,
    runtime: Runtime,
    own: HubIdentity,
    secret: JoinSecret,
    connections: Cell<u32>,
    /// Keys that a person has let in.
    genuine: Vec<NodeKey>,
    /// Genuine nodes that joined: the control.
    joined: u64,
    /// Others that were let in.
    accepted: u64,
    /// Nodes that trusted another hub.
    trusted: u64,
}

impl Site {
    fn start() -> Result<Self> {
        let own = HubIdentity::generate()?;
        let mut net = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        net.server.identity = Some(Arc::new(own.clone()));
        let store = Box::new(MemoryStore::new());
        let hub = HubServer::start(net, HubConfig::default(), Arc::new(Catalogue::built_in()), store)?;
        Ok(Self {
            address: hub.local_addr(),
            hub: Some(hub),
            runtime: Runtime::new()?,
            own,
            secret: JoinSecret::new([0; 16]),
            connections: Cell::new(1),
            genuine: Vec::new(),
            joined: 0,
            accepted: 0,
            trusted: 0,
        })
    }

    fn stop(mut self) {
        if let Some(hub) = self.hub.take() {
            self.runtime.block_on(hub.stop());
        }
    }

    fn ask(&self, request: Request) -> Result<Result<(), IotError>> {
        let hub = self.hub.as_ref().context("a hub")?;
        Ok(self.runtime.block_on(hub.handle().ask("the person", "", request)).map(|_| ()))
    }

    /// The person opens a new window.
    fn window(&mut self) -> Result<()> {
        drop(self.ask(Request::CloseWindow)?);
        self.secret = iot_net::new_secret()?;
        let opened = self.ask(Request::OpenWindow { for_s: 300, secret: self.secret.clone() })?;
        opened.context("the window opens")
    }

    /// Counts whom the hub has let in, and forgets them.
    fn judge(&mut self) -> Result<()> {
        let hub = self.hub.as_ref().context("a hub")?;
        let known = self.runtime.block_on(hub.handle().read(|view| view.nodes()))?;
        for node in known {
            let is_genuine = self.genuine.iter().any(|key| iot_core::NodeId::of_key(key) == node.id);
            let is_in = matches!(node.admission, AdmissionState::Admitted | AdmissionState::Matched);
            self.accepted += u64::from(is_in && !is_genuine);
            let hub = self.hub.as_ref().context("a hub")?;
            let forget = Request::Forget { node: node.id };
            self.runtime.block_on(hub.handle().ask("the person", "the run is over", forget))?;
        }
        self.genuine.clear();
        Ok(())
    }

    fn attack(&mut self, attack: Attack, plant: Option<Plant>, chance: &mut Chance) -> Result<()> {
        let own = key()?;
        match attack {
            Attack::WrongSecret => {
                let seen = plant == Some(Plant::SeenSecret);
                let secret = if seen { self.secret.clone() } else { iot_net::new_secret()? };
                self.join(Join::with_secret(&own, &secret, random()?)?, |bytes, _| bytes)?;
            }
            Attack::NamedSecret => self.name_secret(&own)?,
            Attack::Replay => {
                let mut said = Vec::new();
                let secret = self.secret.clone();
                let run = Join::with_secret(&own, &secret, random()?)?;
                self.genuine.push(NodeKey(own.public()));
                let trusted = self.join(run, |bytes, _| {
                    said.extend_from_slice(&bytes);
                    bytes
                })?;
                ensure!(trusted, "a genuine node joins");
                self.joined += 1;
                self.told(&said)?;
            }
            Attack::Changed => {
                let (at, bit) = (chance.below(124), chance.below(8));
                let secret = self.secret.clone();
                let run = Join::with_secret(&own, &secret, random()?)?;
                self.join(run, |mut bytes, before| {
                    let place = usize::try_from(at).ok().and_then(|at| at.checked_sub(before));
                    if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                        *byte ^= 1 << bit;
                    }
                    bytes
                })?;
            }
            Attack::LowOrder => {
                let which = usize::try_from(chance.below(4))?;
                let opening =
                    Opening { purpose: Purpose::JoinCode, versions: VersionRange::OURS, hub_key: 0 };
                let point = LOW_ORDER.get(which).context("a point")?;
                let told = self.told(&[opening.clear().as_ref(), point].concat())?;
                ensure!(told.len() <= 5, "the hub answered a key that leads to zero");
            }
            Attack::Relay | Attack::Ground => self.between(attack, plant, &own)?,
        }
        Ok(())
    }

    /// Begins as a node would that has the secret of the window, without it.
    fn name_secret(&self, own: &KeyPair) -> Result<()> {
        let slot = self.secret.slot();
        let opening =
            Opening { purpose: Purpose::JoinSecret { slot }, versions: VersionRange::OURS, hub_key: 0 };
        let psk = random()?;
        let parties =
            Parties { pattern: Pattern::XxPsk0, role: Role::Initiator, own, theirs: None, psk: Some(&psk) };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random()?);
        let mut message = [0; 48];
        handshake.write(&[], &mut message)?;
        self.told(&[opening.clear().as_ref(), &message].concat())?;
        Ok(())
    }

    /// The attacker speaks with the hub as a node, and with a node as a hub.
    fn between(&mut self, attack: Attack, plant: Option<Plant>, own: &KeyPair) -> Result<()> {
        let (mut at_hub, mut stream) = (code(own)?, self.connect()?);
        let JoinStep::Show(theirs) =
            until(&mut at_hub, &mut stream, |step| matches!(step, JoinStep::Show(_)))?
        else {
            bail!("the hub shows its nonce")
        };
        let mut victim = code(&key()?)?;
        let mut posed = Posed::new(&mut victim)?;
        let nonce = random()?;
        posed.say(&mut victim, &JoinMessage::Commitment(commitment(&posed.transcript, &nonce)))?;
        ensure!(victim.advance()? == JoinStep::Revealed, "the node says its nonce");
        let JoinMessage::Nonce(victims) = posed.hear(&mut victim)? else { bail!("a nonce") };
        let shown = match (attack, plant) {
            (Attack::Ground, Some(_)) => {
                let ground = grind(&posed.transcript, &victims, theirs.code);
                let code = join_code(&posed.transcript, &ground, &victims);
                Some(Digits { code, answer: 0 })
            }
            (Attack::Ground, None) => {
                posed.say(&mut victim, &JoinMessage::Disclosure(random()?))?;
                let step = victim.advance();
                self.trusted += u64::from(step != Err(JoinError::Broken));
                None
            }
            _ => {
                posed.say(&mut victim, &JoinMessage::Disclosure(nonce))?;
                match victim.advance()? {
                    JoinStep::Show(digits) => Some(digits),
                    step @ (JoinStep::Met(_)
                    | JoinStep::Revealed
                    | JoinStep::Trusted(_)
                    | JoinStep::Nothing) => {
                        bail!("{step:?} in place of digits")
                    }
                }
            }
        };
        if let Some(digits) = shown {
            // The person reads them from the node, and means well.
            drop(self.ask(Request::EnterDigits { digits })?);
            posed.say(&mut victim, &JoinMessage::Answer((digits.answer + 1) % CODES)).ok();
            if attack == Attack::Relay {
                self.trusted += u64::from(matches!(victim.advance(), Ok(JoinStep::Trusted(_))));
            }
        }
        Ok(())
    }

    /// A connection from an address that no other has, so that nobody is held up by what an address may do.
    fn connect(&self) -> Result<TcpStream> {
        let number = self.connections.replace(self.connections.get() + 1);
        let [_, a, b, c] = number.to_be_bytes();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, a + 20, b, c], 0)).into())?;
        socket.connect(&self.address.into())?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Makes a run over a connection on which `passed` may change what the node says. Whether it trusts the hub.
    fn join(&mut self, mut run: Join, mut passed: impl FnMut(Vec<u8>, usize) -> Vec<u8>) -> Result<bool> {
        let (mut stream, mut before) = (self.connect()?, 0);
        loop {
            let step = run.advance();
            let waiting = run.waiting().to_vec();
            run.sent(waiting.len());
            let len = waiting.len();
            stream.write_all(&passed(waiting, before))?;
            before += len;
            match step {
                Ok(JoinStep::Trusted(hub)) => {
                    self.trusted += u64::from(hub != self.own.public());
                    return Ok(true);
                }
                Ok(JoinStep::Nothing) => match stream.read(run.room()) {
                    Ok(0) | Err(_) => return Ok(false),
                    Ok(read) => run.received(read),
                },
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
        }
    }

    /// Says this to the hub, and gives all that it says until it closes or has said a whole reply.
    fn told(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut stream = self.connect()?;
        stream.write_all(bytes)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut told = Vec::new();
        // A connection that is reset has said all that it says.
        drop(stream.read_to_end(&mut told));
        Ok(told)
    }
}

/// Goes on with a run until a step is the one that is waited for.
fn until(run: &mut Join, stream: &mut TcpStream, is_it: impl Fn(&JoinStep) -> bool) -> Result<JoinStep> {
    loop {
        let step = run.advance()?;
        stream.write_all(&taken(run))?;
        if is_it(&step) {
            return Ok(step);
        }
        if step == JoinStep::Nothing {
            let read = stream.read(run.room())?;
            ensure!(read > 0, "the hub goes on");
            run.received(read);
        }
    }
}

fn code(own: &KeyPair) -> Result<Join> {
    let randomness = Randomness { ephemeral: random()?, nonce: random()?, answer: random()? };
    Ok(Join::with_code(own, randomness)?)
}
