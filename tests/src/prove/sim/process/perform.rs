//! What the hub wants done is done: effects become bytes on links, deliveries begin and end, and what could not be stored is
//! refused to whoever waits for it.

use iot_core::{DeliveryId, Effect, Effects, store::StoreError};
use iot_net::{Instead, Released};

use super::{Around, DIAL_LIMIT, Dialled, Process, Stage};
use crate::prove::sim::course::{Event, Side};

impl Process {
    pub(super) fn execute(&mut self, around: &mut Around, released: Released) {
        let (mut effects, refused) = match released {
            Released::Stored(effects) => (effects, None),
            Released::Refused(effects, why) => (effects, Some(why)),
        };
        for effect in effects.list.drain(..) {
            match &refused {
                None => self.perform(around, effect, &effects.bytes),
                Some(why) => self.refuse(around, effect, &effects.bytes, why),
            }
        }
        self.give_back(effects);
    }

    pub(super) fn give_back(&mut self, effects: Effects) {
        self.commit.give_back(effects);
    }

    fn perform(&mut self, around: &mut Around, effect: Effect, bytes: &[u8]) {
        match effect {
            Effect::Send { session, frames } => {
                self.say(around, session.0, bytes.get(frames).unwrap_or_default());
            }
            Effect::Close { session } => self.end(session.0),
            Effect::Widen { session, frame } => {
                if let Some(connection) = self.sessions.get_mut(&session.0) {
                    connection.limit = frame;
                }
            }
            // The simulated nodes are plain, so none has a key that must answer.
            Effect::Deliver { delivery, to, frames, .. } => {
                let host = match to.ip() {
                    std::net::IpAddr::V4(ip) => ip.octets()[3],
                    std::net::IpAddr::V6(_) => 0,
                };
                let frames = bytes.get(frames).unwrap_or_default().to_vec();
                let dialled = Dialled { host, link: None, frames, partial: Vec::new() };
                self.waiting.push_back((delivery.0, dialled));
            }
            Effect::EndDelivery { delivery } => {
                self.waiting.retain(|(waiting, _)| *waiting != delivery.0);
                if let Some(link) = self.dialled.remove(&delivery.0).and_then(|dialled| dialled.link) {
                    around.network.close(&mut around.course, link, Side::Hub);
                }
            }
            Effect::Resolve { ticket, answer } => {
                around.book.ledger.answered(&mut around.course, ticket, &answer);
            }
            Effect::Publish(_) | Effect::Join { .. } | Effect::Refused { .. } => {}
        }
    }

    /// What is done where the records of an effect could not be stored.
    fn refuse(&mut self, around: &mut Around, effect: Effect, bytes: &[u8], why: &StoreError) {
        match effect {
            Effect::Send { session, frames } => match Instead::of(bytes.get(frames).unwrap_or_default()) {
                Instead::Say(frames) => self.say(around, session.0, &frames),
                Instead::End(frames) => {
                    self.say(around, session.0, &frames);
                    self.end(session.0);
                }
            },
            Effect::Deliver { delivery, .. } => self.unserved.push_back((delivery, why.why.clone())),
            Effect::Resolve { ticket, answer } => {
                let why = iot_core::IotError::from(why.clone());
                let answer = answer.and_then(|_| Err(why));
                around.book.ledger.answered(&mut around.course, ticket, &answer);
            }
            Effect::Publish(_) => {}
            Effect::Widen { .. }
            | Effect::Join { .. }
            | Effect::Close { .. }
            | Effect::EndDelivery { .. }
            | Effect::Refused { .. } => self.perform(around, effect, bytes),
        }
    }

    fn say(&mut self, around: &mut Around, link: u64, bytes: &[u8]) {
        if self.sessions.get(&link).is_some_and(|connection| connection.stage == Stage::Open) {
            around.network.send(&mut around.course, link, Side::Hub, bytes);
        }
    }

    pub(super) fn end(&mut self, link: u64) {
        let settled = self.commit.end();
        if let Some(connection) = self.sessions.get_mut(&link)
            && connection.stage == Stage::Open
        {
            connection.stage = Stage::Ending { settled };
        }
    }

    /// Dials the next node whose turn has come.
    pub(super) fn start_delivery(&mut self, around: &mut Around) -> Option<DeliveryId> {
        let is_free = |(_, waiting): &(u64, Dialled)| {
            !self.dialled.values().any(|dialled| dialled.host == waiting.host)
        };
        let at = self.waiting.iter().position(is_free)?;
        let (delivery, dialled) = self.waiting.remove(at)?;
        self.dialled.insert(delivery, dialled);
        let latency = around.course.draw(around.course.weather.latency);
        around.course.after(latency, Event::Dial { life: self.life, delivery });
        around.course.after(DIAL_LIMIT, Event::DialLimit { life: self.life, delivery });
        Some(DeliveryId(delivery))
    }
}
