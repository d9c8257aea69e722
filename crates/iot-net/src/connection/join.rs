//! A connection on which a node joins: handshake and encryption. Who joins, and when, is the hub's to say.

use core::{future::poll_fn, task::Poll, time::Duration};
use std::sync::Arc;

use iot_core::{JoinNews, JoinTurn, JoinWay};
use iot_proto::{
    JoinMessage, MAX_UNPROVEN, NodeKey, Opening, Origin, Purpose, Record, RecordType, Refusal, TAG_LEN,
    VersionRange,
};
use tokio::time::sleep;

use super::Connection;
use crate::{
    handler::End,
    joins::Joins,
    noise::{HubIdentity, Transport, joining},
    secure::{SecureError, on_worker},
};

/// How long a node may take for its part of the handshake: slow boards compute for seconds.
const PROOF_LIMIT: Duration = Duration::from_secs(30);

/// The first record of a node that wants to join.
#[derive(Debug)]
pub(super) struct Asked {
    opening: Opening,
    way: JoinWay,
    message: Vec<u8>,
}

/// What has happened.
enum Woken {
    Turn(JoinTurn),
    Record(RecordType, Vec<u8>),
}

/// Whether this first record asks to join.
pub(super) fn asks(record: Record<'_>) -> Result<Option<Asked>, SecureError> {
    let (opening, message) = Opening::decode(record, Origin::Node)?;
    let way = match opening.purpose {
        Purpose::JoinSecret { slot } => JoinWay::Secret { slot },
        Purpose::JoinCode => JoinWay::Code,
        Purpose::Session | Purpose::Dial => return Ok(None),
    };
    let VersionRange { min, max } = opening.versions;
    VersionRange::OURS.common(opening.versions).ok_or(SecureError::Versions { min, max })?;
    Ok(Some(Asked { opening, way, message: message.to_vec() }))
}

impl Connection {
    /// Lets a node join, as far as the hub wants that, and gives why the connection ends.
    pub(super) async fn join(
        &mut self,
        identity: &Arc<HubIdentity>,
        asked: Asked,
        joins: Option<Joins>,
    ) -> End {
        let refused = SecureError::NotJoining(asked.opening.purpose);
        let ended = match joins {
            Some(joins) => self.go_on(identity, asked, joins).await,
            None => Err(End::Insecure(SecureError::NotJoining(asked.opening.purpose))),
        };
        match ended {
            Ok(None) => End::Closed,
            Ok(Some(why)) => {
                self.context.socket().push_as_is(&why.encode());
                End::Insecure(refused)
            }
            Err(End::Insecure(error)) => {
                self.context.socket().push_as_is(&error.refusal().encode());
                End::Insecure(error)
            }
            Err(end) => end,
        }
    }

    /// Handshake, and what follows under encryption; `Some` where the hub has refused.
    async fn go_on(
        &mut self,
        identity: &Arc<HubIdentity>,
        asked: Asked,
        mut joins: Joins,
    ) -> Result<Option<Refusal>, End> {
        let Asked { opening, way, message } = asked;
        joins.tell(JoinNews::Asks(way));
        let secret = match self.woken(&mut joins).await? {
            Woken::Turn(JoinTurn::Begin(secret)) => secret,
            Woken::Turn(JoinTurn::Refuse(why)) => return Ok(Some(why)),
            Woken::Turn(JoinTurn::Say(_) | JoinTurn::SayLast(_)) => return Ok(Some(Refusal::OTHER)),
            Woken::Record(kind, _) => return Err(SecureError::OutOfTurn(kind).into()),
        };
        let identity = Arc::clone(identity);
        let answer = on_worker(move || {
            Ok(joining::answer(&identity, secret.as_ref(), opening.prologue().as_ref(), &message)?)
        });
        let (handshake, answer) = answer.await?;
        let header = Record::header(RecordType::Reply, answer.len()).map_err(SecureError::from)?;
        self.context.socket().push_as_is(&[header.as_slice(), &answer].concat());
        self.deadline = Some(Box::pin(sleep(PROOF_LIMIT)));
        let proof = match self.woken(&mut joins).await? {
            Woken::Record(RecordType::Reply, proof) => proof,
            Woken::Record(kind, _) => return Err(SecureError::OutOfTurn(kind).into()),
            Woken::Turn(JoinTurn::Refuse(why)) => return Ok(Some(why)),
            Woken::Turn(_) => return Ok(Some(Refusal::OTHER)),
        };
        let proven = on_worker(move || Ok(handshake.proven(&proof)?)).await?;
        self.deadline = None;
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|_| SecureError::Random)?;
        joins.tell(JoinNews::Proven { key: NodeKey(proven.key), transcript: proven.transcript, nonce });
        self.talk(proven.transport, joins).await
    }

    /// Hands on what either side says, until the hub has said its last.
    async fn talk(&mut self, mut transport: Transport, mut joins: Joins) -> Result<Option<Refusal>, End> {
        loop {
            match self.woken(&mut joins).await? {
                Woken::Turn(JoinTurn::Say(message)) => self.say(&mut transport, &message)?,
                Woken::Turn(JoinTurn::SayLast(message)) => {
                    self.say(&mut transport, &message)?;
                    return Ok(None);
                }
                Woken::Turn(JoinTurn::Refuse(why)) => return Ok(Some(why)),
                Woken::Turn(JoinTurn::Begin(_)) => return Ok(Some(Refusal::OTHER)),
                Woken::Record(RecordType::Data, body) => {
                    let mut text = [0; MAX_UNPROVEN];
                    let len = transport.open(&body, &mut text).map_err(SecureError::from)?;
                    let text = text.get(..len).unwrap_or_default();
                    let message = JoinMessage::decode(text, Origin::Node).map_err(SecureError::from)?;
                    joins.tell(JoinNews::Says(message));
                }
                Woken::Record(kind, _) => return Err(SecureError::OutOfTurn(kind).into()),
            }
        }
    }

    fn say(&self, transport: &mut Transport, message: &JoinMessage) -> Result<(), SecureError> {
        let text = message.encode();
        let mut record = Record::header(RecordType::Data, text.as_ref().len() + TAG_LEN)?.to_vec();
        transport.seal(text.as_ref(), &mut record)?;
        self.context.socket().push_as_is(&record);
        Ok(())
    }

    /// Waits for what the hub wants, or for a whole record.
    async fn woken(&mut self, joins: &mut Joins) -> Result<Woken, End> {
        loop {
            let split = Record::split(&self.partial, MAX_UNPROVEN).map_err(SecureError::from)?;
            if let Some((record, used)) = split {
                let woken = Woken::Record(record.kind, record.body.to_vec());
                self.partial = self.partial.get(used..).unwrap_or_default().into();
                return Ok(woken);
            }
            let woken = poll_fn(|cx| match joins.poll_turn(cx) {
                Poll::Ready(turn) => Poll::Ready(Ok(Err(turn))),
                Poll::Pending => self.poll_arrived(cx).map_ok(Ok),
            });
            match woken.await? {
                Err(turn) => return Ok(Woken::Turn(turn)),
                Ok(arrived) => {
                    self.partial = arrived.buffer.bytes.get(..arrived.len).unwrap_or_default().into();
                }
            }
        }
    }
}
