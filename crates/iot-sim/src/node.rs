//! One simulated node as a task: it runs, crashes and starts anew until it is told to stop.

use alloc::sync::Arc;
use core::{net::SocketAddr, time::Duration};
use std::{
    io,
    sync::{Mutex, PoisonError},
};

use iot_node::{
    Config, Connection, Contact,
    noise::KeyPair,
    runner::{Ends, Runner, new_key},
    tunnel::Keys,
};
use iot_proto::{
    Announcement, BootId, Capabilities, CommandId, Correlation, HubKey, Identity, Label, List, Name, Ping,
    Report, RequestId,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time,
};

use crate::{
    Control, ControlError, Plan, Stats,
    archetype::Archetype,
    device::{Habit, SimDevice},
    random::Random,
};

/// How long a node is down after a crash.
const DOWN: Duration = Duration::from_millis(500);

/// A message kind that no version of the protocol has.
const UNKNOWN_KIND: u16 = 0x7ABC;

/// Request id of what is sent past the session: the session never counts that far.
const PAST_SESSION: u32 = 0xF000_0001;

/// What a node is, before it runs.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    /// With which it encrypts; `None` for a plain node.
    pub(crate) keys: Option<Keys>,
    pub(crate) archetype: &'static Archetype,
    pub(crate) habit: Habit,
    pub(crate) ends: Ends,
    pub(crate) random: Random,
    pub(crate) plan: watch::Receiver<Plan>,
    pub(crate) stats: Arc<Mutex<Stats>>,
}

/// What the fleet asks of a node.
#[derive(Debug)]
pub(crate) enum Ask {
    Control(Control, oneshot::Sender<Result<(), ControlError>>),
    Value { module: u8, channel: u8, reply: oneshot::Sender<Option<iot_proto::OwnedValue>> },
}

/// How one run of a node ended.
enum Ended {
    Crash,
    Restart(CommandId),
    Stop,
}

/// Runs a node until `asks` ends; says through `started` whether it could listen.
pub(crate) async fn live(
    mut spec: Spec,
    mut asks: mpsc::Receiver<Ask>,
    started: oneshot::Sender<io::Result<()>>,
) {
    let mut started = Some(started);
    let mut restarted_by = None;
    loop {
        let ended = boot(&mut spec, restarted_by, &mut asks, &mut started).await;
        restarted_by = match ended {
            Ok(Ended::Stop) => return,
            Ok(Ended::Restart(command)) => Some(command),
            Ok(Ended::Crash) => {
                spec.stats.lock().unwrap_or_else(PoisonError::into_inner).crashes += 1;
                None
            }
            Err(error) => {
                if let Some(started) = started.take() {
                    // Where no one waits any more, the fleet was given up.
                    let _ = started.send(Err(error));
                    return;
                }
                None
            }
        };
        time::sleep(DOWN).await;
    }
}

/// One run from start to end.
async fn boot(
    spec: &mut Spec,
    restarted_by: Option<CommandId>,
    asks: &mut mpsc::Receiver<Ask>,
    started: &mut Option<oneshot::Sender<io::Result<()>>>,
) -> io::Result<Ended> {
    let modules: Vec<_> = spec
        .archetype
        .modules
        .iter()
        .zip(0..)
        .filter_map(|((kind, title), index)| {
            let kind = Name::new(kind.name).ok()?;
            Some(Announcement { index, kind, kind_version: 1, title: Label::clipped(title) })
        })
        .collect();
    let name = spec.name.clone();
    let identity = match &spec.keys {
        Some(keys) => Identity::Key(keys.public()),
        None => Identity::Name(Name::new(&name).map_err(io::Error::other)?),
    };
    let seed = spec.random.draw();
    let boot = BootId(spec.random.draw_u32());
    let random = Random::new(seed, 1);
    let device =
        SimDevice::new(spec.archetype, spec.habit, spec.plan.clone(), Arc::clone(&spec.stats), random);
    let config = Config {
        restarted_by,
        board: Label::clipped(spec.archetype.board),
        firmware: Label::clipped("iot-sim"),
        contact: match spec.habit {
            Habit::Visits(every) => Contact::Visits { every },
            Habit::Awake | Habit::Sleeps(_) => Contact::Session,
        },
        capabilities: capabilities(spec),
        ..Config::new(identity, boot, seed, &modules)
    };
    let mut runner = Runner::new(config, device, spec.ends)?;
    if let Some(keys) = &spec.keys {
        runner = runner.encrypted(keys.clone());
    }
    if let Some(started) = started.take() {
        // Where no one waits any more, the asks end as well.
        let _ = started.send(Ok(()));
    }
    let ended = run(&mut runner, boot, spec, asks).await;
    runner.with_node(SimDevice::gone);
    // What a real node has stored by now.
    spec.keys = runner.keys().cloned();
    Ok(ended)
}

fn capabilities(spec: &Spec) -> Capabilities {
    let mut all = Capabilities::IDENTIFIES;
    if spec.ends.listen.is_some() {
        all = all.and(Capabilities::LISTENS);
    }
    if matches!(spec.habit, Habit::Sleeps(_)) {
        all = all.and(Capabilities::SLEEPS);
    }
    all
}

async fn run(
    runner: &mut Runner<'_, SimDevice>,
    boot: BootId,
    spec: &mut Spec,
    asks: &mut mpsc::Receiver<Ask>,
) -> Ended {
    let mut crash_at = crash_at(spec);
    loop {
        tokio::select! {
            () = runner.turn() => {}
            ask = asks.recv() => match ask {
                None => {
                    runner.stop().await;
                    return Ended::Stop;
                }
                Some(Ask::Control(Control::Crash, reply)) => {
                    // Where no one waits for the reply, none is missed; here and below.
                    let _ = reply.send(Ok(()));
                    return Ended::Crash;
                }
                Some(Ask::Control(control, reply)) => {
                    let _ = reply.send(obey(runner, boot, control));
                }
                Some(Ask::Value { module, channel, reply }) => {
                    let _ = reply.send(runner.device().value(module, channel));
                }
            },
            Ok(()) = spec.plan.changed() => {
                crash_at = self::crash_at(spec);
                runner.wake();
            }
            () = time::sleep_until(crash_at) => return Ended::Crash,
        }
        if let Some(command) = runner.device().take_restart() {
            return Ended::Restart(command);
        }
    }
}

/// When the node crashes next: at random, as often as planned.
fn crash_at(spec: &mut Spec) -> time::Instant {
    let rate = spec.plan.borrow().crashes / 60.0;
    let wait = -(1.0 - spec.random.unit()).ln() / rate;
    let longest = Duration::from_hours(24 * 365);
    time::Instant::now() + Duration::try_from_secs_f64(wait).unwrap_or(longest).min(longest)
}

fn obey(runner: &mut Runner<'_, SimDevice>, boot: BootId, control: Control) -> Result<(), ControlError> {
    let now = runner.now();
    match control {
        Control::Cut => runner.cut(Connection::Own),
        Control::Stop => runner.node().stop(now),
        Control::Resume => runner.node().resume(now),
        // Ends the run, and is seen to where runs end.
        Control::Crash => {}
        Control::Raw(bytes) => write(runner, &bytes)?,
        Control::UnknownKind => {
            let mut frame = encode(&Ping)?;
            if let Some(kind) = frame.get_mut(4..6) {
                kind.copy_from_slice(&UNKNOWN_KIND.to_le_bytes());
            }
            write(runner, &frame)?;
        }
        Control::DuplicateReport => {
            let (sequence, owned) = runner.device().last_report().ok_or(ControlError::NoReport)?;
            let readings: Vec<_> = owned.iter().map(|owned| owned.reading(now)).collect();
            let readings = List::new(&readings).map_err(ControlError::Encode)?;
            let frame = encode(&Report { boot, sequence, readings })?;
            write(runner, &frame)?;
        }
        Control::ChangeKey => runner.change_key(new_key().map_err(ControlError::Write)?),
    }
    Ok(())
}

fn encode<'a>(body: &impl iot_proto::Body<'a>) -> Result<Vec<u8>, ControlError> {
    let mut frame = Vec::new();
    let id = RequestId::new(PAST_SESSION).unwrap_or(RequestId::FIRST);
    iot_proto::encode_to_vec(body, Correlation::Request(id), &mut frame).map_err(ControlError::Encode)?;
    Ok(frame)
}

fn write(runner: &mut Runner<'_, SimDevice>, bytes: &[u8]) -> Result<(), ControlError> {
    let written = runner.write_raw(bytes).map_err(ControlError::Write)?;
    if written == bytes.len() { Ok(()) } else { Err(ControlError::Write(io::ErrorKind::WriteZero.into())) }
}

/// The keys of a simulated node. Where it has not joined they follow from the seed, so that it is the same node in
/// every run: a real one draws its key from a good random generator.
pub(crate) fn keys(random: &mut Random, own: Option<&KeyPair>, hub: HubKey) -> Keys {
    let mut secret = [0; 32];
    for part in secret.chunks_exact_mut(8) {
        part.copy_from_slice(&random.draw().to_le_bytes());
    }
    let own = own.cloned().unwrap_or_else(|| KeyPair::from_secret(secret));
    Keys::new(own, hub)
}

/// Where node `number` connects from and listens.
pub(crate) fn ends(hub: SocketAddr, address: Option<core::net::IpAddr>, port: Option<u16>) -> Ends {
    let from = address.map(|address| SocketAddr::new(address, 0));
    let listen = address.zip(port).map(|(address, port)| SocketAddr::new(address, port));
    Ends { hub, from, listen }
}
