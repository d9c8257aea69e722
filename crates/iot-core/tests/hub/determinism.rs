//! Random worlds: whatever peers, people and the network do, nothing panics, what must hold holds after every
//! input, and the same inputs give the same effects.
//!
//! What must hold is checked by the [`World`], after every input and at its end; here it is only kept busy.

use std::time::Duration;

use iot_core::{
    Input, NodeId, Request, SessionId,
    config::{HubConfig, Registration},
    view::{CommandFilter, Wanted},
};
use iot_proto::{
    Capabilities, CommandId, Correlation, FrameError, Hello, MessageKind, OutcomeStatus, OwnedValue, Ping,
    Pong, RequestId, Value,
};
use proptest::{collection::vec, prelude::*};

use crate::{
    node::{goodbye, hello, id, module, outcome, reading, sleep},
    peers::encoded,
    steps::{Ask, Dialled, Said, Step, step},
    world::World,
};

const NAMES: [&str; 3] = ["pump", "valve", "meter"];
const KINDS: [&str; 4] = ["relay", "temperature", "cover", "teleport"];

/// A random world, and how many connections have been opened in it.
struct Play {
    world: World,
    opened: u64,
}

impl Play {
    /// Lets something happen; `None` where it cannot.
    fn step(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Open { address } => {
                self.opened += 1;
                self.world.open(self.opened, &format!("10.0.0.{address}"));
            }
            Step::Join { name, capabilities, inflight } => {
                self.opened += 1;
                let (capabilities, inflight) = (Capabilities(*capabilities), *inflight);
                let said = Hello { capabilities, inflight, ..hello(NAMES[*name]) };
                self.world.join(self.opened, &format!("10.0.0.{}", name + 1), &said, &[]);
                self.world.ask(decision(id(NAMES[*name]), u8::MAX));
                self.world.is_open(self.opened).then_some(())?;
                self.world.register(self.opened, &[module(0, "relay"), module(1, "relay")]);
            }
            Step::Said { session, said } => {
                let open = self.world.sessions();
                return self.say(*open.get(session % open.len().max(1))?, said);
            }
            Step::Dialled { delivery, what } => {
                self.world.is_dialling(*delivery).then_some(())?;
                return self.happens(*delivery, what);
            }
            Step::Ask(ask) => self.ask(ask)?,
            Step::Pass { seconds } => self.world.pass(*seconds),
            Step::Restart => self.world.restart(),
        }
        Some(())
    }

    /// One of the newest commands.
    fn command(&self, number: usize) -> Option<CommandId> {
        let filter = CommandFilter { limit: 8, ..CommandFilter::default() };
        let commands = self.world.hub.view(self.world.now()).commands(&filter);
        commands.get(number % commands.len().max(1)).map(|command| command.id)
    }

    fn say(&mut self, session: u64, said: &Said) -> Option<()> {
        let world = &mut self.world;
        match said {
            Said::Hello { name, capabilities, inflight, keepalive_s } => {
                let said = Hello {
                    capabilities: Capabilities(*capabilities),
                    inflight: *inflight,
                    keepalive_s: *keepalive_s,
                    max_frame: if *inflight == 1 { 256 } else { 4096 },
                    ..hello(NAMES[*name])
                };
                world.hello(session, &said);
            }
            Said::Register { kinds } => {
                let modules = (0..).zip(kinds).map(|(at, kind)| module(at, KINDS[*kind]));
                world.register(session, &modules.collect::<Vec<_>>());
            }
            Said::Report { sequence, module, on } => {
                world.report(session, *sequence, &[reading(*module, 1, *on), reading(*module, 1, 20.5)]);
            }
            Said::Sleep { for_s, listen_s } => world.says(session, &sleep(*for_s, *listen_s)),
            Said::Goodbye => world.sends(session, &goodbye(), Correlation::OneWay),
            Said::Answer { command, status, on } => {
                let (command, request) = world.sent(session, *command)?;
                let outcome = outcome(command, OutcomeStatus(*status), on.map(Value::Bool));
                world.sends(session, &outcome, Correlation::Response(request));
            }
            Said::Outcome { command, status, on, answers } => {
                let value = on.map(Value::Bool);
                let outcome = outcome(self.command(*command)?, OutcomeStatus(*status), value);
                match answers.and_then(RequestId::new) {
                    Some(request) => self.world.sends(session, &outcome, Correlation::Response(request)),
                    None => self.world.says(session, &outcome),
                }
            }
            Said::Garbage { kind, body, request } => world.receives(session, &garbage(*kind, body, *request)),
            Said::Broken => {
                let error = FrameError::Marker(0);
                world.feed(Input::Broken { session: SessionId(session), error });
            }
            Said::Cut => world.close(session),
        }
        Some(())
    }

    fn happens(&mut self, delivery: u64, what: &Dialled) -> Option<()> {
        match what {
            Dialled::Hello { name } => self.world.dialled_hello(delivery, &hello(NAMES[*name])),
            Dialled::Outcome { command, status, on } => {
                let value = on.map(Value::Bool);
                let outcome = outcome(self.command(*command)?, OutcomeStatus(*status), value);
                self.world.dialled(delivery, &outcome, Correlation::Response(RequestId::FIRST.next()));
            }
            Dialled::Ping => self.world.dialled(delivery, &Ping, Correlation::Request(RequestId::FIRST)),
            Dialled::Gone => self.world.unreachable(delivery, "refused"),
        }
        Some(())
    }

    fn ask(&mut self, ask: &Ask) -> Option<()> {
        let request = match ask {
            Ask::Command { node, wanted, module, on, expires_in_s } => {
                let (module, channel) = (*module, 1);
                let wanted = match wanted {
                    0 => Wanted::Get { module, channel },
                    1 => Wanted::Identify { for_s: 5 },
                    _ => Wanted::Set { module, channel, value: OwnedValue::Bool(*on) },
                };
                Request::Command { node: id(NAMES[*node]), wanted, expires_in_s: *expires_in_s }
            }
            Ask::Cancel { command } => Request::Cancel { id: self.command(*command)? },
            Ask::Decide { node, what } => decision(id(NAMES[*node]), *what),
            Ask::Send { address } => {
                let address = format!("10.0.0.{address}").parse().ok()?;
                Request::Send { address, port: 1234, kind: MessageKind::PING, body: Vec::new() }
            }
        };
        self.world.ask(request);
        Some(())
    }
}

/// A whole frame with a body of another kind.
fn garbage(kind: u8, body: &[u8], request: u32) -> Vec<u8> {
    let correlation = RequestId::new(request).map_or(Correlation::OneWay, Correlation::Request);
    let mut bytes = encoded(&Pong { time: None }, correlation);
    bytes.truncate(iot_proto::HEADER_LEN);
    bytes[4..6].copy_from_slice(&[kind % 15, kind % 3]);
    bytes[6] = u8::try_from(body.len()).unwrap_or(u8::MAX);
    bytes.extend_from_slice(body);
    bytes
}

fn decision(node: NodeId, what: u8) -> Request {
    match what {
        0 => Request::Reject { node },
        1 => Request::Disable { node },
        2 => Request::Enable { node },
        3 => Request::Revoke { node },
        4 => Request::Archive { node },
        5 => Request::Unarchive { node },
        6 => Request::Permit { node },
        7 => Request::Forbid { node },
        8 => Request::AcceptAddress { node, address: [10, 0, 0, 2].into() },
        9 => Request::Replace { node, by: id(NAMES[0]) },
        _ => Request::Admit { node },
    }
}

/// Plays the steps in a world, and gives everything that the hub wanted done, to the last bit.
fn play(config: &HubConfig, steps: &[Step]) -> Vec<String> {
    let mut play = Play { world: World::with(config.clone()), opened: 0 };
    play.world.record();
    for step in steps {
        play.step(step);
    }
    play.world.recorded()
}

/// A hub whose commands expire before a random world has been dialled in vain for a day.
fn brief() -> HubConfig {
    HubConfig { expires_after: Duration::from_mins(10), ..HubConfig::default() }
}

/// A hub with limits that are soon reached.
fn narrow() -> HubConfig {
    let registration = Registration::Open;
    HubConfig { registration, max_sessions: 3, max_queued: 2, max_ended: 3, ..brief() }
}

proptest! {
    #[test]
    fn whatever_happens_what_must_hold_holds_and_the_same_gives_the_same(steps in vec(step(), 1..120)) {
        prop_assert_eq!(play(&brief(), &steps), play(&brief(), &steps));
    }

    #[test]
    fn whatever_happens_it_holds_where_every_limit_is_soon_reached_too(steps in vec(step(), 1..120)) {
        play(&narrow(), &steps);
    }
}

#[test]
fn the_seed_makes_two_hubs_differ() {
    let said = Said::Hello { name: 0, capabilities: 1, inflight: 1, keepalive_s: 0 };
    let want = Ask::Command { node: 0, wanted: 1, module: 0, on: true, expires_in_s: None };
    let steps = [Step::Open { address: 1 }, Step::Said { session: 0, said }, Step::Ask(want)];
    let other = HubConfig { seed: 1, ..narrow() };
    assert_eq!(play(&narrow(), &steps), play(&narrow(), &steps));
    assert_ne!(play(&narrow(), &steps), play(&other, &steps));
}
