//! What a node that was admitted can fill when its firmware is wrong: its session, its modules, its queue.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use iot_proto::{
    Announcement, Capabilities, Correlation, Label, List, MAX_FRAME, MAX_MODULES, MessageKind, Name, Ping,
    Register, RequestId,
};
use serde_json::json;

use super::{
    Siege,
    case::{Case, default_of},
    crowd::Crowd,
    strangers::longest_frame,
};
use crate::hand_node::{HandNode, hello};

/// The node that comes back while strangers fill the hub.
const RESIDENT: &str = "resident";

/// How long it has to be served.
const SERVED_WITHIN: Duration = Duration::from_secs(5);

/// Pings of one read: how many have come is looked at between reads, and none of them is left lying.
const ONE_READ: u64 = 8 * 1024 / 12;

impl Siege<'_> {
    /// Lets the resident in.
    pub(super) fn settle_resident(&mut self) -> Result<()> {
        let mut resident = self.resident_comes()?;
        self.decide(&format!("plain:{RESIDENT}"), "admit")?;
        ensure!(resident.next()?.kind == MessageKind::ADMISSION, "the resident is told that it is let in");
        self.resident = Some(resident);
        Ok(())
    }

    /// The resident leaves and comes back; where it is not served, that is a breach.
    pub(super) fn come_back(&mut self) {
        self.resident = None;
        match self.resident_comes() {
            Ok(resident) => self.resident = Some(resident),
            Err(error) => self.faults.push(format!("an admitted node could not come back: {error:#}")),
        }
    }

    fn resident_comes(&self) -> Result<HandNode> {
        let mut node = HandNode::connect_from(self.home, self.site.hub.tcp, SERVED_WITHIN)?;
        node.send(&hello(RESIDENT, 1, 60, Capabilities::KEEPS_SESSION)?, true)?;
        let answer = node.next()?;
        ensure!(answer.kind == MessageKind::WELCOME, "{:?}", answer.message());
        Ok(node)
    }

    /// Fills all that an admitted node can fill, and gives what was filled.
    pub(super) fn insiders(&mut self) -> Result<Vec<Case>> {
        let mut crowd = Crowd::new(self.site.hub.tcp);
        let from = self.address();
        let mut places = Vec::new();
        for number in 0..4 {
            let name = format!("insider-{number}");
            let place = crowd.come(from)?;
            crowd.ask(place, &hello(&name, 1, 60, Capabilities::KEEPS_SESSION)?)?;
            crowd.settle(|crowd| crowd.welcome() == place + 1);
            for act in ["admit", "permit"] {
                self.decide(&format!("plain:{name}"), act)?;
            }
            places.push(place);
        }
        let [modules, exact, beyond, fast] = places[..] else { return Ok(Vec::new()) };
        let mut cases = vec![
            self.modules(&mut crowd, modules)?,
            longest_frame(
                &mut crowd,
                Some([exact, beyond]),
                from,
                "bytes of a frame after hello",
                MAX_FRAME,
            )?,
            self.messages(&mut crowd, fast)?,
        ];
        drop(crowd);
        cases.push(self.queued()?);
        for number in 0..4 {
            self.forget(&format!("plain:insider-{number}"))?;
        }
        Ok(cases)
    }

    /// As many modules as there may be, and one more.
    fn modules(&self, crowd: &mut Crowd, place: usize) -> Result<Case> {
        for total in [MAX_MODULES, MAX_MODULES + 1] {
            crowd.say(place, &register(total)?);
        }
        crowd.settle(|crowd| crowd.refused() > 0);
        let node = self.site.hub.api.node("plain:insider-0")?.context("the node is known")?;
        let most = node["modules"].as_array().map_or(0, Vec::len);
        let told = (crowd.last_words(), "modules would exceed the limit of 64");
        Ok(Case::counted("modules", default_of("modules"), most, told))
    }

    /// Twice what may come at once, and then one more: what came beyond is read no faster than allowed, and none
    /// of it is lost.
    fn messages(&self, crowd: &mut Crowd, place: usize) -> Result<Case> {
        let per_second = u64::from(self.sizes.messages_per_s);
        let (at_once, refused) = (2 * per_second, crowd.refused());
        let mut pings = Vec::new();
        for _ in 0..at_once + 2 * per_second {
            iot_proto::encode_to_vec(&Ping, Correlation::Request(RequestId::FIRST), &mut pings)?;
        }
        let (began, before) = (Instant::now(), answers(crowd, place));
        crowd.say(place, &pings);
        crowd.settle(|crowd| crowd.refused() > refused);
        crowd.ask(place, &Ping)?;
        let sent = at_once + 2 * per_second + 1;
        crowd.settle(|crowd| answers(crowd, place) - before >= sent);
        let came = answers(crowd, place) - before;
        let beyond = u128::from(came.saturating_sub(at_once + ONE_READ)) * 1_000;
        let most = u64::try_from(beyond / began.elapsed().as_millis().max(1))?;
        let told = if came == sent { crowd.last_words() } else { format!("{came} of {sent} were answered") };
        let to_tell = "messages a second would exceed the limit of";
        Ok(Case { what: "messages a second", limit: per_second, most, least: 1, told, to_tell })
    }

    /// As many commands as may wait for a node that is away, and one more.
    fn queued(&self) -> Result<Case> {
        let limit = default_of("commands that wait for one node");
        let path = "/nodes/plain:insider-0/modules/0/actions/stop";
        let (mut most, mut told) = (0, String::new());
        for _ in 0..=limit {
            let (status, answer) = self.site.hub.api.post(path, &json!({}))?;
            if status == 202 {
                most += 1;
            } else {
                told = answer.to_string();
            }
        }
        let to_tell = "commands that wait for one node would exceed the limit of 64";
        Ok(Case::counted("commands that wait for one node", limit, most, (told, to_tell)))
    }
}

/// Answers that a peer has had.
fn answers(crowd: &Crowd, place: usize) -> u64 {
    crowd.peers().nth(place).map_or(0, |peer| peer.answers)
}

/// Announces so many modules, as many of them as one message takes.
fn register(total: u8) -> Result<Vec<u8>> {
    let (kind, title) = (Name::new("cover")?, Label::clipped("wide"));
    let announcement = |index| Announcement { index, kind, kind_version: 1, title };
    let modules: Vec<_> = (0..total.min(MAX_MODULES)).map(announcement).collect();
    let register = Register { total, modules: List::new(&modules)? };
    let mut bytes = Vec::new();
    iot_proto::encode_to_vec(&register, Correlation::Request(RequestId::FIRST), &mut bytes)?;
    Ok(bytes)
}
