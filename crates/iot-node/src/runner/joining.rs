//! Joining on tokio: one connection, from the first record to the hub's key.

use core::{future::pending, time::Duration};
use std::io;

use iot_proto::{HubKey, PRESS_WITHIN};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Ends, socket::open};
use crate::{
    join::{Join, JoinError, JoinStep},
    noise::KeyPair,
};

/// How long the hub may take for one step that no person has a part in.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// How long a person may take to type the digits, or to let the node in: as long as the longest window is open.
const PERSON_LIMIT: Duration = Duration::from_mins(15);

/// A node has not joined. What it was told as unconfirmed may still be right.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinFailed {
    /// The hub was not reached, or the connection ended.
    #[error("the connection with the hub failed")]
    Connection(#[from] io::Error),
    /// The run has ended.
    #[error(transparent)]
    Run(#[from] JoinError),
    /// The hub did not go on in time.
    #[error("the hub did not go on in time")]
    TooSlow,
    /// Nobody pressed the button after the digits were typed.
    #[error("the button was not pressed within {} s", PRESS_WITHIN.as_secs())]
    NotPressed,
}

/// A new key pair, from the random numbers of the operating system.
///
/// # Errors
/// There are none.
pub fn new_key() -> io::Result<KeyPair> {
    Ok(KeyPair::from_secret(random()?))
}

/// Random bytes of the operating system, for [`Join`].
///
/// # Errors
/// There are none.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Joins over a connection of its own, and gives the hub's key once the hub has let the node in.
///
/// `told` is called with each step: it stores the key of [`JoinStep::Trusted`] and of [`JoinStep::Met`], and shows the
/// digits of [`JoinStep::Show`].
///
/// # Errors
/// [`JoinFailed`], and what `told` fails with. A run [with a button](Join::with_button) is never pressed here.
pub async fn join(
    ends: Ends,
    run: Join,
    told: impl FnMut(JoinStep) -> io::Result<()>,
) -> Result<HubKey, JoinFailed> {
    join_with_button(ends, run, told, async || pending().await).await
}

/// As [`join`], for a node with a button: `pressed` is called where a press is wanted, and waits for one from then on.
/// What was pressed before does not count.
///
/// # Errors
/// As [`join`]'s, what `pressed` fails with, and [`JoinFailed::NotPressed`].
pub async fn join_with_button(
    ends: Ends,
    mut run: Join,
    mut told: impl FnMut(JoinStep) -> io::Result<()>,
    mut pressed: impl AsyncFnMut() -> io::Result<()>,
) -> Result<HubKey, JoinFailed> {
    let mut stream = open(ends).await?;
    let mut limit = STEP_LIMIT;
    loop {
        let mut step = run.advance();
        // Also after an error: the hub may have to be told of it.
        send(&mut stream, &mut run).await?;
        if step == Ok(JoinStep::Press) {
            told(JoinStep::Press)?;
            await_press(&mut stream, &mut run, pressed()).await?;
            step = run.pressed();
        }
        let step = step?;
        match step {
            JoinStep::Nothing => {
                let read =
                    timeout(limit, stream.read(run.room())).await.map_err(|_| JoinFailed::TooSlow)??;
                if read == 0 {
                    return Err(JoinFailed::Connection(io::ErrorKind::UnexpectedEof.into()));
                }
                run.received(read);
            }
            JoinStep::Trusted(hub) => {
                told(step)?;
                run.stored()?;
                send(&mut stream, &mut run).await?;
                stream.shutdown().await?;
                // The hub closes once it has heard so; where it does not, a session will say as much.
                let _ = timeout(STEP_LIMIT, stream.read(&mut [0; 16])).await;
                return Ok(hub);
            }
            JoinStep::Show(_) | JoinStep::Waits => {
                limit = PERSON_LIMIT;
                told(step)?;
            }
            JoinStep::Met(_) | JoinStep::Revealed | JoinStep::Press => told(step)?,
        }
    }
}

/// Waits for a press as long as there is time, and the hub waits too.
async fn await_press(
    stream: &mut TcpStream,
    run: &mut Join,
    pressed: impl Future<Output = io::Result<()>>,
) -> Result<(), JoinFailed> {
    let pressed = timeout(PRESS_WITHIN, pressed);
    tokio::pin!(pressed);
    loop {
        tokio::select! {
            pressed = &mut pressed => {
                let Ok(pressed) = pressed else {
                    run.not_pressed()?;
                    send(stream, run).await?;
                    return Err(JoinFailed::NotPressed);
                };
                return Ok(pressed?);
            }
            // The hub has nothing to say meanwhile but that it waits no longer.
            read = stream.read(run.room()) => {
                let read = read?;
                if read == 0 {
                    return Err(JoinFailed::Connection(io::ErrorKind::UnexpectedEof.into()));
                }
                run.received(read);
                run.advance()?;
            }
        }
    }
}

async fn send(stream: &mut TcpStream, run: &mut Join) -> io::Result<()> {
    let len = run.waiting().len();
    stream.write_all(run.waiting()).await?;
    run.sent(len);
    Ok(())
}
