//! A handshake: reads and writes its messages in turn, until both sides have proven their keys.

use zeroize::Zeroizing;

use super::{KeyPair, NoiseError, Pattern, Role, pattern::Token, symmetric::Symmetric, transport::Transport};

/// Bytes of a public key.
const KEY_LEN: usize = 32;

/// Who makes a handshake, and what they know before it begins.
#[derive(Debug)]
pub struct Parties<'k> {
    /// Which handshake.
    pub pattern: Pattern,
    /// Which side this is.
    pub role: Role,
    /// The static key of this side.
    pub own: &'k KeyPair,
    /// The static key of the other side, where it is known.
    pub theirs: Option<[u8; 32]>,
    /// The secret of both, for a pattern that has one.
    pub psk: Option<&'k [u8; 32]>,
}

/// A handshake under way. Everything in it is wiped when it is dropped.
#[derive(Debug)]
pub struct Handshake {
    pattern: Pattern,
    role: Role,
    symmetric: Symmetric,
    own: KeyPair,
    ephemeral: KeyPair,
    theirs: Option<[u8; KEY_LEN]>,
    their_ephemeral: Option<[u8; KEY_LEN]>,
    psk: Option<Zeroizing<[u8; 32]>>,
    step: usize,
    has_failed: bool,
}

impl Handshake {
    /// A handshake in which nothing was said. Both sides must have the same `prologue`; `ephemeral` are
    /// random bytes that were never used and never will be.
    pub fn new(parties: &Parties<'_>, prologue: &[u8], ephemeral: [u8; 32]) -> Self {
        let Parties { pattern, role, own, theirs, psk } = *parties;
        let mut symmetric = Symmetric::new(pattern.name());
        symmetric.mix_hash(prologue);
        let responder = match role {
            Role::Initiator => theirs,
            Role::Responder => Some(own.public()),
        };
        // Where a key or secret that the pattern needs is missing, no step can be made.
        let is_complete =
            psk.is_some() == pattern.has_psk() && (!pattern.knows_responder() || responder.is_some());
        if let Some(key) = responder.filter(|_| pattern.knows_responder()) {
            symmetric.mix_hash(&key);
        }
        Self {
            pattern,
            role,
            symmetric,
            own: own.clone(),
            ephemeral: KeyPair::from_secret(ephemeral),
            theirs: theirs.filter(|_| pattern.knows_responder() && role == Role::Initiator),
            their_ephemeral: None,
            psk: psk.map(|psk| Zeroizing::new(*psk)),
            step: 0,
            has_failed: !is_complete,
        }
    }

    /// Writes the next message to the start of `out`, with `payload` in it, and gives its length.
    ///
    /// # Errors
    /// [`NoiseError`]; the handshake is over.
    pub fn write(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        let tokens = self.turn(self.role)?;
        self.has_failed = true;
        let mut len = 0;
        for token in tokens {
            let rest = out.get_mut(len..).unwrap_or_default();
            len += match token {
                Token::E => {
                    let public = self.ephemeral.public();
                    let room = rest.get_mut(..KEY_LEN).ok_or(NoiseError::Length { len: KEY_LEN })?;
                    room.copy_from_slice(&public);
                    self.mix_ephemeral(&public);
                    KEY_LEN
                }
                Token::S => self.symmetric.seal(&self.own.public(), rest)?,
                Token::Ee | Token::Es | Token::Se | Token::Ss | Token::Psk => self.mix_secret(*token)?,
            };
        }
        len += self.symmetric.seal(payload, out.get_mut(len..).unwrap_or_default())?;
        self.has_failed = false;
        self.step += 1;
        Ok(len)
    }

    /// Reads the other side's next message, and gives the length of the payload that is now in `payload`.
    ///
    /// # Errors
    /// [`NoiseError`]; the handshake is over.
    pub fn read(&mut self, message: &[u8], payload: &mut [u8]) -> Result<usize, NoiseError> {
        let tokens = self.turn(match self.role {
            Role::Initiator => Role::Responder,
            Role::Responder => Role::Initiator,
        })?;
        self.has_failed = true;
        let too_short = NoiseError::Length { len: message.len() };
        let mut rest = message;
        for token in tokens {
            match token {
                Token::E => {
                    let (key, behind) = rest.split_first_chunk().ok_or(too_short)?;
                    rest = behind;
                    self.their_ephemeral = Some(*key);
                    self.mix_ephemeral(key);
                }
                Token::S => {
                    let len = KEY_LEN + if self.symmetric.has_key() { super::TAG_LEN } else { 0 };
                    let (sealed, behind) = rest.split_at_checked(len).ok_or(too_short)?;
                    rest = behind;
                    let mut key = [0; KEY_LEN];
                    self.symmetric.open(sealed, &mut key)?;
                    self.theirs = Some(key);
                }
                Token::Ee | Token::Es | Token::Se | Token::Ss | Token::Psk => {
                    self.mix_secret(*token)?;
                }
            }
        }
        let len = self.symmetric.open(rest, payload)?;
        self.has_failed = false;
        self.step += 1;
        Ok(len)
    }

    /// The other side's static key: as known, or as it has said it so far. It is proven for certain only
    /// when the handshake has finished and something encrypted after it has been opened.
    pub fn theirs(&self) -> Option<[u8; 32]> {
        self.theirs.filter(|_| !self.has_failed)
    }

    /// Whether every message has been written and read.
    pub fn is_complete(&self) -> bool {
        !self.has_failed && self.step == self.pattern.messages().len()
    }

    /// What both sides have said, as a hash that is the same on both and on no other handshake.
    pub fn hash(&self) -> [u8; 32] {
        self.symmetric.hash()
    }

    /// Goes on to what is encrypted.
    ///
    /// # Errors
    /// [`NoiseError::OutOfTurn`] before the last message, [`NoiseError::Over`] after an error.
    pub fn finish(self) -> Result<Transport, NoiseError> {
        if self.has_failed {
            return Err(NoiseError::Over);
        }
        if !self.is_complete() {
            return Err(NoiseError::OutOfTurn);
        }
        let (initiator, responder) = self.symmetric.split();
        Ok(match self.role {
            Role::Initiator => Transport::new(initiator, responder),
            Role::Responder => Transport::new(responder, initiator),
        })
    }

    /// The tokens of the next message, where it is this side's to say.
    fn turn(&mut self, speaker: Role) -> Result<&'static [Token], NoiseError> {
        if self.has_failed {
            return Err(NoiseError::Over);
        }
        let turn = if self.step.is_multiple_of(2) { Role::Initiator } else { Role::Responder };
        let tokens = self.pattern.messages().get(self.step).filter(|_| turn == speaker);
        tokens.copied().ok_or_else(|| {
            self.has_failed = true;
            NoiseError::OutOfTurn
        })
    }

    fn mix_ephemeral(&mut self, key: &[u8; KEY_LEN]) {
        self.symmetric.mix_hash(key);
        if self.pattern.has_psk() {
            self.symmetric.mix_key(key);
        }
    }

    /// Mixes what a token agrees on into the state; it adds no byte to the message.
    fn mix_secret(&mut self, token: Token) -> Result<usize, NoiseError> {
        let is_initiator = self.role == Role::Initiator;
        let (own, theirs) = match token {
            Token::Psk => {
                let psk = self.psk.as_ref().ok_or(NoiseError::OutOfTurn)?;
                self.symmetric.mix_key_and_hash(psk.as_slice());
                return Ok(0);
            }
            Token::Ee => (&self.ephemeral, self.their_ephemeral),
            Token::Ss => (&self.own, self.theirs),
            Token::Es if is_initiator => (&self.ephemeral, self.theirs),
            Token::Se if !is_initiator => (&self.ephemeral, self.theirs),
            Token::Es | Token::Se => (&self.own, self.their_ephemeral),
            Token::E | Token::S => return Err(NoiseError::OutOfTurn),
        };
        let shared = own.agree(&theirs.ok_or(NoiseError::OutOfTurn)?)?;
        self.symmetric.mix_key(shared.as_bytes());
        Ok(0)
    }
}
