//! [`Misled`]: nodes to which somebody else than their hub says what its next key is, in a message or around one. They may
//! store nothing of it, or that one is their hub from then on.
//!
//! The nodes are the ones that `iot-node` runs. The hub is the real one, and has announced a next key, which no node is
//! let hear as it was said. What an attacker does is in `liar.rs`.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Context as _, Result, ensure};
use iot_node::{
    Answer, Command, Config, Instant,
    runner::{Device, Ends, HostNode, Runner},
    tunnel::Keys,
};
use iot_proto::{BootId, HubKey, Identity};
use serde_json::json;
use tempfile::TempDir;
use tokio::{runtime, task::spawn_blocking, time::timeout};

use super::{
    genuine::keys,
    liar::{Liar, Lie, SOON, recorded},
};
use crate::{hub::HubProcess, prove::findings::Seen};

/// What comes of it.
#[derive(Debug, Default)]
pub(super) struct Misled {
    /// How often each lie was told.
    pub(super) by_lie: BTreeMap<&'static str, u32>,
    /// How often a node has stored a key that its hub did not say, or answered whoever is not its hub.
    pub(super) taken: usize,
    pub(super) seen: Seen,
}

/// A hub that has announced a next key.
struct Site {
    hub: HubProcess,
    key: HubKey,
    _data_dir: TempDir,
}

/// A device that only remembers whether it was given keys to store.
#[derive(Debug, Default)]
struct Memory {
    has_stored: bool,
}

impl Device for Memory {
    fn obey<'d>(&'d mut self, _: Command<'_>) -> Answer<'d> {
        Answer::Done(None)
    }

    fn wake(&mut self, _: &mut HostNode<'_>, _: Instant) -> Duration {
        SOON
    }

    fn hub_key_changed(&mut self, _: &Keys) {
        self.has_stored = true;
    }
}

impl Misled {
    /// Tells each lie so many times, each time to another node. With `untouched` whoever is in between changes nothing.
    ///
    /// # Errors
    /// When the hub does not start, a node does not come, or none hears of the next key from the hub itself.
    pub(super) fn judge(times: u32, untouched: bool) -> Result<Self> {
        let site = Site::start()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let mut misled = Self::default();
        let learns = runtime.block_on(site.tells(keys(site.key)?))?;
        ensure!(learns, "no node hears of the next key from its hub, so nothing was shown");
        for lie in Lie::ALL {
            for _ in 0..times {
                let keys = keys(site.key)?;
                let liar = if untouched { lie.untouched() } else { lie };
                let heard = if liar == Lie::Replayed { recorded(site.hub.tcp, &keys)? } else { Vec::new() };
                let liar = Liar { lie: liar, hub: site.hub.tcp, node: keys.public(), heard };
                let (has_stored, answered) = runtime
                    .block_on(meets(keys, liar))
                    .with_context(|| format!("a node is told a next key: {}", lie.word()))?;
                if has_stored || answered {
                    misled.taken += 1;
                    let what = if has_stored { "stored" } else { "answered" };
                    misled.seen.tell(format!("a node has {what} what was {} about a next key", lie.word()));
                }
                *misled.by_lie.entry(lie.word()).or_default() += 1;
            }
        }
        ensure!(site.hub.stop()?.success(), "the hub has not stopped in good order");
        Ok(misled)
    }
}

impl Site {
    fn start() -> Result<Self> {
        let data_dir = TempDir::new()?;
        let hub = HubProcess::start(data_dir.path(), &["--registration", "open"])?;
        let (status, told) = hub.api.post("/hub-key/announce", &json!({}))?;
        ensure!(status == 200, "a next key is announced: {status}: {told}");
        Ok(Self { key: hub.key()?, hub, _data_dir: data_dir })
    }

    /// Whether a node with these keys stores what the hub itself says.
    async fn tells(&self, keys: Keys) -> Result<bool> {
        let mut runner = runner(keys, Ends::new(self.hub.tcp))?;
        let stored = async {
            while !runner.device().has_stored {
                runner.turn().await;
            }
        };
        Ok(timeout(SOON, stored).await.is_ok())
    }
}

/// A node with these keys that has nothing to say.
fn runner(keys: Keys, ends: Ends) -> Result<Runner<'static, Memory>> {
    let config = Config::new(Identity::Key(keys.public()), BootId(9), 60, &[]);
    Ok(Runner::new(config, Memory::default(), ends)?.encrypted(keys))
}

/// A node with these keys takes a liar for its hub, and is dialled by it. Whether it has stored anything, and whether it
/// has answered where it must not.
async fn meets(keys: Keys, liar: Liar) -> Result<(bool, bool)> {
    let (place, port) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, free_port()?);
    let listens = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ends = Ends { listen: Some(listens), ..Ends::new(place.local_addr()?) };
    let mut runner = runner(keys, ends)?;
    let mut lying = spawn_blocking(move || liar.meet(&place, listens));
    let met = async {
        loop {
            tokio::select! {
                answered = &mut lying => return Ok((runner.device().has_stored, answered??)),
                () = runner.turn() => {}
            }
            if runner.device().has_stored {
                return Ok((true, false));
            }
        }
    };
    let met = timeout(2 * SOON, met).await.context("it ends in time")?;
    // Whoever is still in between sees by that that it is over.
    drop(runner);
    met
}

/// A port on which nobody listens.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
