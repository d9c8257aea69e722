//! One simulated node joins a hub, with a secret or with digits, before it runs.

use core::{future::pending, net::SocketAddr};
use std::{
    io::{self, Write as _},
    thread,
};

use iot_node::{
    join::{Join, JoinStep, Randomness},
    noise::KeyPair,
    runner::{Ends, JoinFailed, join_with_button, new_key, random},
};
use iot_proto::{HubKey, JoinSecret, KeyTextError, NodeKey};
use thiserror::Error;
use tokio::sync::mpsc;

/// How a node joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// With the secret that the hub's page shows.
    Secret(JoinSecret),
    /// With twelve digits that a person types into the hub's page.
    Code,
    /// With six, and a press of the Enter key, which is the node's button.
    Button,
    /// With nothing: it joins whatever hub answers, and an admin lets it in unverified.
    #[cfg(feature = "trust-on-first-use")]
    Unverified,
}

/// The content of a code that the hub's page shows as squares: a secret, and where the hub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The secret.
    pub secret: JoinSecret,
    /// Where the hub is, where it is said.
    pub hub: Option<SocketAddr>,
}

/// A text that invites nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// The secret.
    #[error(transparent)]
    Secret(#[from] KeyTextError),
    /// Where the hub is.
    #[error("{0:?} is no address and port")]
    Hub(String),
}

impl core::str::FromStr for Invitation {
    type Err = InvitationError;

    /// Reads `iot1:SECRET@ADDRESS:PORT`, or the secret alone.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let text = text.strip_prefix("iot1:").unwrap_or(text);
        let (secret, hub) = text.split_once('@').map_or((text, None), |(secret, hub)| (secret, Some(hub)));
        let hub = hub.map(|hub| hub.parse().map_err(|_| InvitationError::Hub(hub.to_owned())));
        Ok(Self { secret: secret.parse()?, hub: hub.transpose()? })
    }
}

/// Joins with a new key, and gives it with that of the hub. Digits are shown on standard error.
///
/// # Errors
/// [`JoinFailed`].
pub async fn join_hub(hub: SocketAddr, way: &Way) -> Result<(KeyPair, HubKey), JoinFailed> {
    let own = new_key()?;
    let run = match way {
        Way::Secret(secret) => Join::with_secret(&own, secret, random()?)?,
        Way::Code => Join::with_code(&own, randomness()?)?,
        Way::Button => Join::with_button(&own, randomness()?)?,
        #[cfg(feature = "trust-on-first-use")]
        Way::Unverified => Join::on_trust(&own, randomness()?)?,
    };
    writeln!(io::stderr(), "this node is {}", NodeKey(own.public()).id())?;
    let told = |step| match step {
        JoinStep::Show(digits) => writeln!(io::stderr(), "type into the hub's page: {digits}"),
        JoinStep::Trusted(key) => writeln!(io::stderr(), "joined the hub {}", key.id()),
        JoinStep::Waits => writeln!(io::stderr(), "an admin must let it in, unverified, on the hub's page"),
        JoinStep::Met(_) | JoinStep::Revealed | JoinStep::Press | JoinStep::Nothing => Ok(()),
    };
    let mut lines = None;
    if *way == Way::Button {
        writeln!(io::stderr(), "its button is the Enter key: press it when the hub's page asks for that")?;
        lines = Some(typed());
    }
    let pressed = async || match &mut lines {
        Some(lines) => {
            // What was pressed before does not count.
            while lines.try_recv().is_ok() {}
            lines.recv().await.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }
        None => pending().await,
    };
    let key = join_with_button(Ends::new(hub), run, told, pressed).await?;
    Ok((own, key))
}

fn randomness() -> io::Result<Randomness> {
    Ok(Randomness { ephemeral: random()?, nonce: random()?, answer: random()? })
}

/// Tells of each line of standard input.
fn typed() -> mpsc::UnboundedReceiver<()> {
    let (sender, lines) = mpsc::unbounded_channel();
    // Ends with the process where nobody types anything.
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || sender.send(()).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_a_secret_with_or_without_the_place_of_the_hub() {
        let secret = JoinSecret::new([9; 16]);
        let hub = SocketAddr::from(([192, 168, 137, 1], 5070));
        let whole: Invitation = format!("iot1:{secret}@{hub}").parse().unwrap();
        assert_eq!(whole, Invitation { secret: secret.clone(), hub: Some(hub) });
        assert_eq!(secret.to_string().parse(), Ok(Invitation { secret: secret.clone(), hub: None }));
        assert!("iot1:nothing@127.0.0.1:5070".parse::<Invitation>().is_err());
        assert!(format!("{secret}@nowhere").parse::<Invitation>().is_err());
    }
}
