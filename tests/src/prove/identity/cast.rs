//! [`Cast`] and [`Busy`]: a hub and all the nodes that a person has let in, or let in once, each at an address of its own.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use iot_node::tunnel::Keys;
use iot_proto::{Capabilities, CommandId, HubKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::genuine::Genuine;
use crate::{
    api::Api,
    hub::{HubProcess, Ports},
};

/// Nodes of each sort.
const WARDS: u8 = 16;
const REVOKED: u8 = 4;
const ACCOMPLICES: u8 = 2;
const BESIDE: u8 = 8;
const SOUGHT: u8 = 32;

/// Reports of a node before the attacks begin.
const REPORTS: u32 = 3;

/// Where nodes of a sort live.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block {
    Wards,
    Revoked,
    Accomplices,
    Beside,
    Mover,
    Sought,
    Attackers,
}

/// The address with this number in a block.
pub(super) fn address(block: Block, host: u8) -> IpAddr {
    let block = match block {
        Block::Wards => 1,
        Block::Revoked => 2,
        Block::Accomplices => 3,
        Block::Beside => 4,
        Block::Mover => 5,
        Block::Sought => 6,
        Block::Attackers => 7,
    };
    Ipv4Addr::new(127, 9, block, host).into()
}

/// A node that is away and that attackers say they are.
#[derive(Debug)]
pub(super) struct Ward {
    pub(super) node: Genuine,
    pub(super) from: IpAddr,
    /// A command that waits for it.
    pub(super) command: CommandId,
}

/// The hub, and those whom attackers have to do with.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) hub: HubProcess,
    pub(super) hub_key: HubKey,
    pub(super) data_dir: TempDir,
    /// Where the hub dials nodes.
    pub(super) node_port: u16,
    /// They are away, and must stay as they were.
    pub(super) wards: Vec<Ward>,
    /// They were let in once. Nothing waits for them.
    pub(super) revoked: Vec<Ward>,
    /// Their keys are in the hands of attackers, who are let in as who they are.
    pub(super) accomplices: Vec<Genuine>,
}

/// Those who do something meanwhile.
#[derive(Debug)]
pub(super) struct Busy {
    /// They report all the time.
    pub(super) beside: Vec<Genuine>,
    /// It comes from another address each time.
    pub(super) mover: Genuine,
    /// They are dialled.
    pub(super) sought: Vec<Genuine>,
}

impl Cast {
    /// Starts a hub, and has everybody come who is to be known there.
    pub(super) fn gather(registration: &str) -> Result<(Self, Busy)> {
        let (data_dir, node_port) = (TempDir::new()?, Ports::fixed()?.tcp);
        let arguments = ["--registration", registration, "--node-port", &node_port.to_string()];
        let hub = HubProcess::start(data_dir.path(), &arguments)?;
        let host = Host { hub_key: hub.key()?, tcp: hub.tcp, api: &hub.api };
        let all = |count, block, can| -> Result<Vec<Genuine>> {
            (1..=count).map(|number| host.admitted(address(block, number), can)).collect()
        };
        let gone = |mut nodes: Vec<Genuine>| -> Result<Vec<Genuine>> {
            nodes.iter_mut().try_for_each(Genuine::go)?;
            Ok(nodes)
        };
        let (keeps, listens) = (Capabilities::KEEPS_SESSION, Capabilities::LISTENS);
        let wards = (1..).zip(gone(all(WARDS, Block::Wards, keeps)?)?).map(|(number, node)| {
            let command = host.want(&node.id, "waits for its node")?;
            Ok(Ward { node, from: address(Block::Wards, number), command })
        });
        let wards = wards.collect::<Result<_>>()?;
        let revoked = (1..).zip(all(REVOKED, Block::Revoked, keeps)?).map(|(number, mut node)| {
            host.act(&node.id, "revoke")?;
            node.sent_away()?;
            Ok(Ward { node, from: address(Block::Revoked, number), command: CommandId([0; 16]) })
        });
        let revoked = revoked.collect::<Result<_>>()?;
        let accomplices = gone(all(ACCOMPLICES, Block::Accomplices, keeps)?)?;
        let beside = all(BESIDE, Block::Beside, keeps)?;
        let mover = host.admitted(address(Block::Mover, 1), keeps)?;
        let sought = gone(all(SOUGHT, Block::Sought, listens)?)?;
        let hub_key = host.hub_key;
        let cast = Self { hub, hub_key, data_dir, node_port, wards, revoked, accomplices };
        Ok((cast, Busy { beside, mover, sought }))
    }

    /// The hub as whoever speaks with it needs it.
    pub(super) fn host(&self) -> Host<'_> {
        Host { hub_key: self.hub_key, tcp: self.hub.tcp, api: &self.hub.api }
    }
}

/// A hub as whoever speaks with it needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host<'a> {
    pub(super) hub_key: HubKey,
    pub(super) tcp: SocketAddr,
    pub(super) api: &'a Api,
}

impl Host<'_> {
    /// A new node comes from this address, a person lets it in, and it reports.
    fn admitted(&self, from: IpAddr, can: Capabilities) -> Result<Genuine> {
        let mut node = Genuine::new(self.hub_key, can)?;
        node.come(self.tcp, from)?;
        self.act(&node.id, "admit")?;
        (0..REPORTS).try_for_each(|_| node.report())?;
        Ok(node)
    }

    /// A person does something about a node.
    pub(super) fn act(&self, id: &str, act: &str) -> Result<()> {
        let (status, answer) =
            self.api.post(&format!("/nodes/{id}/{act}"), &json!({ "why": "the proof" }))?;
        ensure!(status == 200, "{act} {id}: {status}: {answer}");
        Ok(())
    }

    /// A person wants a text shown. Gives the command.
    pub(super) fn want(&self, id: &str, text: &str) -> Result<CommandId> {
        let path = format!("/nodes/{id}/modules/0/properties/text");
        let (status, answer) = self.api.post(&path, &json!({ "value": text }))?;
        ensure!(status == 202, "POST {path}: {status}: {answer}");
        let command = answer["command"].as_str().context("a command")?.replace('-', "");
        Ok(CommandId(u128::from_str_radix(&command, 16)?.to_be_bytes()))
    }

    /// A command as it is now.
    pub(super) fn command(&self, id: CommandId) -> Result<Value> {
        self.api.get(&format!("/commands/{id}"))
    }
}

impl Ward {
    /// Its keys.
    pub(super) fn keys(&self) -> &Keys {
        &self.node.keys
    }
}
