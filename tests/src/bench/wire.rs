//! What the load says to a server and what it hears, prepared before anything is measured: reports in our
//! frames, or publications of the same size by MQTT.

use anyhow::{Result, bail, ensure};
use iot_proto::{
    Announcement, BootId, Capabilities, Correlation, Finite, Frame, Hello, Identity, Label, List, MAX_FRAME,
    MessageKind, Name, Reading, Register, Report, RequestId, Taken, Value, VersionRange,
};

/// Messages of one script; nobody says more in one measurement.
const MESSAGES: u32 = 400_000;

/// Which language a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Our frames, to one who answers them without knowing whose they are.
    Frames,
    /// Our frames, to a hub: hello and registration come first.
    Hub,
    /// MQTT 3.1.1 with `QoS` 1.
    Mqtt,
}

/// Messages one behind the other, the same for every connection.
#[derive(Debug)]
pub struct Script {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Script {
    /// The bytes of the messages from one number up to before another.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn bytes(&self, from: usize, to: usize) -> Result<&[u8]> {
        let start = if from == 0 { Some(0) } else { self.ends.get(from - 1).copied() };
        let end = if to == 0 { Some(0) } else { self.ends.get(to - 1).copied() };
        match (start, end) {
            (Some(start), Some(end)) => Ok(&self.bytes[start..end]),
            _ => bail!("the script ends after {} messages: measure for a shorter time", self.ends.len()),
        }
    }
}

impl Wire {
    /// All that one connection will say after its greeting: messages of the same size in every language.
    ///
    /// # Errors
    /// When a message does not fit a frame.
    pub fn script(self) -> Result<Script> {
        let mut script = Script { bytes: Vec::new(), ends: Vec::new() };
        let mut id = RequestId::FIRST.next().next();
        for sequence in 1..=MESSAGES {
            let start = script.bytes.len();
            report(sequence, Correlation::Request(id), &mut script.bytes)?;
            id = id.next();
            if self == Self::Mqtt {
                let size = script.bytes.len() - start;
                script.bytes.truncate(start);
                publication(sequence, size, &mut script.bytes)?;
            }
            script.ends.push(script.bytes.len());
        }
        Ok(script)
    }

    /// What the node with this number says first, and how many answers it waits for then.
    ///
    /// # Errors
    /// When a message does not fit a frame.
    pub fn greeting(self, number: usize) -> Result<(Vec<u8>, usize)> {
        let mut bytes = Vec::new();
        match self {
            Self::Frames => return Ok((bytes, 0)),
            Self::Hub => {
                hello(number, Capabilities::KEEPS_SESSION, &mut bytes)?;
                register(&mut bytes)?;
                return Ok((bytes, 2));
            }
            Self::Mqtt => {
                let name = format!("n{number:06}");
                let len = u8::try_from(12 + name.len())?;
                bytes.extend_from_slice(&[0x10, len, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0]);
                bytes.push(u8::try_from(name.len())?);
                bytes.extend_from_slice(name.as_bytes());
            }
        }
        Ok((bytes, 1))
    }

    /// What a node says that connects, reports once and leaves; it registered before. With the number of
    /// answers that it waits for.
    ///
    /// # Errors
    /// When a message does not fit a frame.
    pub fn visit(self, number: usize, sequence: u32) -> Result<(Vec<u8>, usize)> {
        let (mut bytes, answers) = match self {
            Self::Hub => {
                let mut bytes = Vec::new();
                hello(number, Capabilities(0), &mut bytes)?;
                (bytes, 1)
            }
            Self::Frames | Self::Mqtt => self.greeting(number)?,
        };
        let start = bytes.len();
        report(sequence, Correlation::Request(RequestId::FIRST.next()), &mut bytes)?;
        if self == Self::Mqtt {
            let size = bytes.len() - start;
            bytes.truncate(start);
            publication(sequence, size, &mut bytes)?;
        }
        Ok((bytes, answers + 1))
    }

    /// What a node says at its first visit, to be known at the next; nothing where nobody asks for it.
    ///
    /// # Errors
    /// When a message does not fit a frame.
    pub fn introduction(self, number: usize) -> Result<(Vec<u8>, usize)> {
        let mut bytes = Vec::new();
        match self {
            Self::Hub => {
                hello(number, Capabilities(0), &mut bytes)?;
                register(&mut bytes)?;
                Ok((bytes, 2))
            }
            Self::Frames | Self::Mqtt => Ok((bytes, 0)),
        }
    }

    /// How many whole answers begin `heard`, and how many bytes they take.
    ///
    /// # Errors
    /// When something else was said than that all is well.
    pub fn answers(self, heard: &[u8]) -> Result<(usize, usize)> {
        let (mut answers, mut used) = (0, 0);
        match self {
            Self::Frames | Self::Hub => {
                while let Some((frame, len)) = Frame::split(&heard[used..], MAX_FRAME)? {
                    let fine = [MessageKind::REPORT_ACK, MessageKind::WELCOME, MessageKind::REGISTERED];
                    ensure!(fine.contains(&frame.kind), "the server answered with {:?}", frame.kind);
                    answers += 1;
                    used += len;
                }
            }
            Self::Mqtt => {
                for answer in heard.chunks_exact(4) {
                    // CONNACK and PUBACK, both with two bytes; a connection that is refused has a code.
                    ensure!(matches!(*answer, [0x20, 2, _, 0] | [0x40, 2, _, _]), "MQTT answer {answer:?}");
                    answers += 1;
                    used += 4;
                }
            }
        }
        Ok((answers, used))
    }
}

fn hello(number: usize, can: Capabilities, bytes: &mut Vec<u8>) -> Result<()> {
    let name = format!("bench-{number:06}");
    let hello = Hello {
        versions: VersionRange::OURS,
        identity: Identity::Name(Name::new(&name)?),
        boot: BootId(1),
        max_frame: 1024,
        inflight: 1,
        capabilities: can,
        keepalive_s: 3600,
        board: Label::new("ESP32-C6")?,
        firmware: Label::new("bench")?,
        firmware_version: Label::new("1.0.0")?,
    };
    Ok(iot_proto::encode_to_vec(&hello, Correlation::Request(RequestId::FIRST), bytes)?)
}

fn register(bytes: &mut Vec<u8>) -> Result<()> {
    let modules =
        [Announcement { index: 0, kind: Name::new("temperature")?, kind_version: 1, title: Label::EMPTY }];
    let register = Register { total: 1, modules: List::new(&modules)? };
    Ok(iot_proto::encode_to_vec(&register, Correlation::Request(RequestId::FIRST.next()), bytes)?)
}

/// One temperature.
fn report(sequence: u32, correlation: Correlation, bytes: &mut Vec<u8>) -> Result<()> {
    let value = Value::Float(Finite::new(20.0 + f64::from(sequence % 100) / 10.0)?);
    let readings = [Reading { module: 0, channel: 1, taken: Taken::Age(0), value }];
    let report = Report { boot: BootId(1), sequence, readings: List::new(&readings)? };
    Ok(iot_proto::encode_to_vec(&report, correlation, bytes)?)
}

/// A PUBLISH with `QoS` 1 of so many bytes in all.
fn publication(sequence: u32, size: usize, bytes: &mut Vec<u8>) -> Result<()> {
    const TOPIC: &[u8] = b"n/000001";
    let id = u16::try_from(sequence % 65_535 + 1)?.to_be_bytes();
    let start = bytes.len();
    bytes.extend_from_slice(&[0x32, u8::try_from(size - 2)?, 0, u8::try_from(TOPIC.len())?]);
    bytes.extend_from_slice(TOPIC);
    bytes.extend_from_slice(&id);
    bytes.resize(start + size, b'7');
    Ok(())
}
