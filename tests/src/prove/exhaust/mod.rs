//! `exhaust`: every limit of the real binary is filled by whoever can fill it, and holds, and nobody else notices.
//!
//! Which limits there are is the code's own table, which `docs/limits.md` is held to: one that no case fills is a
//! breach. Each case counts from outside how much there was, and what whoever came beyond was told. Good nodes report
//! meanwhile, somebody opens pages, and an admitted node comes back when the hub is as full as strangers can make it.

mod case;
mod crowd;
mod insiders;
mod people;
mod start;
mod strangers;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use iot_proto::{Capabilities, MessageKind};
use serde_json::{Map, Value, json};

use self::case::{Case, uncounted, uncovered};
use super::{
    findings::Findings,
    frame::Frame,
    site::{Fared, Site, Visitor, Visits},
};
use crate::{
    hand_node::{HandNode, hello},
    hub::Launch,
};

/// How to fill.
#[derive(Debug, Args)]
pub struct Options {
    /// Good nodes, each with a report a second
    #[arg(long, default_value_t = 1_000)]
    nodes: u32,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub takes one session, page, node more than it should, as one that counts wrongly
    OneMore,
    /// A stranger takes the place of an admitted node, under its name
    Usurper,
    /// Nobody fills one of the limits
    Forgotten,
}

/// Good nodes are acknowledged within this, 99 of 100 times, and pages come within it.
const WITHIN: Duration = Duration::from_millis(250);

/// How much there may be of what a setting or the number of files bounds. All of it is small enough to be filled.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    sessions: usize,
    sessions_per_address: usize,
    nodes: usize,
    plain: usize,
    messages_per_s: u32,
    pages: usize,
    pages_per_address: usize,
    room_to_refuse: usize,
    room_to_refuse_per_address: usize,
}

/// Files that are for no session and no page: deliveries, and everything else.
const OTHER_FILES: usize = 128 + 128;

/// A site under siege.
struct Siege<'a> {
    site: &'a Site,
    sizes: Sizes,
    /// Where the resident lives.
    home: IpAddr,
    resident: Option<HandNode>,
    /// Addresses and names that were given out.
    addresses: u32,
    strangers: u32,
    /// What good nodes and people should not have noticed.
    faults: Vec<String>,
}

/// What a run counted.
struct Figures {
    cases: Vec<Case>,
    files: String,
    good: Fared,
    visits: Visits,
    breaches: Vec<String>,
}

/// Fills everything, prints what was found, and judges it.
///
/// # Errors
/// When a hub cannot be run, or a promise was broken; with a planted fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    let figures = exhaust(options)?;
    let (breaches, dropped) = (figures.breaches.clone(), figures.good.dropped);
    let seen = |text: &str| breaches.iter().any(|breach| breach.contains(text));
    options.frame.conclude(
        "exhaust",
        figures.into_findings(),
        |plant| match plant {
            Plant::OneMore => {
                ["sessions of one address: 81", "nodes: ", "connections of one address to the pages: 11"]
                    .into_iter()
                    .all(seen)
            }
            Plant::Usurper => dropped > 0 && seen("sessions of good nodes have ended"),
            Plant::Forgotten => seen("modules: nobody fills this limit"),
        },
        "every limit was filled and held, and nobody else noticed",
    )
}

fn exhaust(options: &Options) -> Result<Figures> {
    let mut sizes = Sizes::beside(options.nodes)?;
    let (settings, files) = sizes.settings(options.frame.plant)?;
    let launch = Launch { files: Some(files), ..Launch::default() };
    let site = Site::open(options.nodes, launch, &settings, &["--registration", "approve"])?;
    // The resident is known too.
    sizes.nodes += 1;
    let home = Ipv4Addr::new(127, 78, 0, 1).into();
    let faults = Vec::new();
    let mut siege = Siege { site: &site, sizes, home, resident: None, addresses: 0, strangers: 0, faults };
    siege.settle_resident()?;
    // Put into the hub's file by another process, which would hold up its commits.
    let mut cases = siege.in_the_store()?;
    let mark = site.mark()?;
    let visitor = Visitor::start(&site.hub.api);
    cases.extend(siege.insiders()?);
    cases.extend(siege.people()?);
    cases.extend(siege.strangers()?);
    siege.newcomer();
    cases.push(siege.plain()?);
    if options.frame.plant == Some(Plant::Usurper) {
        siege.usurp()?;
    }
    let (good, visits) = (site.since(&mark), visitor.end()?);
    siege.still_there()?;
    let mut breaches = core::mem::take(&mut siege.faults);
    breaches.extend(uncounted(&site.hub.api.get("/overview")?["limits_reached"]).into_iter().filter(
        |what| {
            // Another hub is filled with the first, and the second is filled elsewhere.
            !what.starts_with("dials") && !what.starts_with("unread")
        },
    ));
    drop(siege);
    site.close()?;
    cases.extend(start::dials()?);
    if options.frame.plant == Some(Plant::Forgotten) {
        cases.retain(|case| case.what != "modules");
    }
    let files = start::too_few_files()?;
    if !files.contains("raise LimitNOFILE or ulimit -n") {
        breaches.push(format!("too few files: told {files:?}"));
    }
    breaches.extend(cases.iter().flat_map(Case::breaches));
    breaches.extend(uncovered(&cases));
    breaches.extend(good.breaches(WITHIN));
    breaches.extend(visits.breaches(WITHIN));
    Ok(Figures { cases, files, good, visits, breaches })
}

impl Sizes {
    /// Such that strangers can fill everything beside so many good nodes.
    fn beside(nodes: u32) -> Result<Self> {
        let nodes = usize::try_from(nodes)?;
        Ok(Self {
            sessions: (nodes + 1_200) * 8 / 7,
            sessions_per_address: 80,
            nodes: nodes + 270,
            // Some more than the good ones and whom the cases let in.
            plain: nodes + 40,
            messages_per_s: 20_000,
            pages: 40,
            pages_per_address: 10,
            room_to_refuse: 100,
            room_to_refuse_per_address: 32,
        })
    }

    /// The hub's settings, and how many files it may open: as many as the sessions need, so that these are bounded by
    /// the files and by no setting.
    fn settings(&self, plant: Option<Plant>) -> Result<(String, u32)> {
        let more = usize::from(plant == Some(Plant::OneMore));
        let Self { sessions_per_address, nodes, messages_per_s, pages, pages_per_address, .. } = self;
        let settings = format!(
            "max_sessions_per_address = {}\nmax_nodes = {}\nmax_messages_per_s = {messages_per_s}\n\
             max_web_connections = {pages}\nmax_web_connections_per_address = {}\nmax_plain_nodes = {}",
            sessions_per_address + more,
            nodes + 1 + more,
            pages_per_address + more,
            self.plain + more,
        );
        Ok((settings, u32::try_from(self.sessions + pages + OTHER_FILES)?))
    }

    /// A size as a case counts it.
    fn count(size: usize) -> u64 {
        u64::try_from(size).unwrap_or(u64::MAX)
    }
}

impl Siege<'_> {
    /// An address that nobody has come from.
    fn address(&mut self) -> IpAddr {
        self.addresses += 1;
        Ipv4Addr::from_bits(Ipv4Addr::new(127, 77, 0, 0).to_bits() + self.addresses).into()
    }

    /// A name that nobody has had.
    fn stranger(&mut self) -> String {
        self.strangers += 1;
        format!("stranger-{}", self.strangers)
    }

    /// Sessions of good nodes and the resident.
    fn known(&self) -> usize {
        self.site.names().count() + usize::from(self.resident.is_some())
    }

    /// Nodes that the hub knows, waiting ones included.
    fn known_to_hub(&self) -> Result<usize> {
        Ok(self.nodes()?.len())
    }

    fn nodes(&self) -> Result<Vec<Value>> {
        let document = self.site.hub.api.get("/nodes")?;
        Ok(document["nodes"].as_array().context("a list of nodes")?.clone())
    }

    /// The ids of those that wait for a person.
    fn waiting(&self) -> Result<Vec<String>> {
        let waits = |node: &Value| {
            (node["admission"] == "pending").then(|| node["id"].as_str()).flatten().map(String::from)
        };
        Ok(self.nodes()?.iter().filter_map(waits).collect())
    }

    /// A person decides about a node.
    fn decide(&self, id: &str, act: &str) -> Result<()> {
        let (status, answer) = self.site.hub.api.post(&format!("/nodes/{id}/{act}"), &json!({}))?;
        ensure!(status == 200, "{act} {id}: {status}: {answer}");
        Ok(())
    }

    /// A person forgets a node.
    fn forget(&self, id: &str) -> Result<()> {
        let why = json!({ "why": "it has done its part" });
        let (status, answer) = self.site.hub.api.post(&format!("/nodes/{id}/forget"), &why)?;
        ensure!(status == 200, "forget {id}: {status}: {answer}");
        Ok(())
    }

    /// A good node that nobody has seen before comes, is let in, and is told so.
    fn newcomer(&mut self) {
        let comes = || -> Result<()> {
            let from = Ipv4Addr::new(127, 78, 0, 2).into();
            let mut node = HandNode::connect_from(from, self.site.hub.tcp, Duration::from_secs(5))?;
            node.send(&hello("newcomer", 1, 60, Capabilities::KEEPS_SESSION)?, true)?;
            let answer = node.next()?;
            ensure!(answer.kind == MessageKind::WELCOME, "{:?}", answer.message());
            self.decide("plain:newcomer", "admit")?;
            ensure!(node.next()?.kind == MessageKind::ADMISSION, "it is told that it is let in");
            Ok(())
        };
        if let Err(error) = comes() {
            self.faults.push(format!("a new node did not get in afterwards: {error:#}"));
        }
    }

    /// People let in as many plain nodes as may be, and one more.
    fn plain(&self) -> Result<Case> {
        let from = Ipv4Addr::new(127, 78, 0, 3).into();
        let mut refused = None;
        for late in 0..=self.sizes.plain {
            let mut node = HandNode::connect_from(from, self.site.hub.tcp, Duration::from_secs(5))?;
            let name = format!("late-{late}");
            node.send(&hello(&name, 1, 60, Capabilities::KEEPS_SESSION)?, true)?;
            ensure!(node.next()?.kind == MessageKind::WELCOME, "{name} may wait for a person");
            let (status, told) = self.site.hub.api.post(&format!("/nodes/plain:{name}/admit"), &json!({}))?;
            if status != 200 {
                refused = Some(told["error"]["message"].to_string());
                break;
            }
        }
        let let_in = self.nodes()?.iter().filter(|node| node["admission"] == "admitted").count();
        let told = (refused.unwrap_or_default(), "plain nodes that people let in would exceed the limit");
        Ok(Case::counted("plain nodes that people let in", Sizes::count(self.sizes.plain), let_in, told))
    }

    /// The planted fault: somebody comes under the name of a good node, and at its address.
    fn usurp(&self) -> Result<()> {
        let name = self.site.names().next().context("a good node")?;
        let known = self.site.hub.api.node(&format!("plain:{name}"))?.context("the hub knows it")?;
        let home = known["home"].as_str().context("it has a fixed address")?.parse()?;
        let mut node = HandNode::connect_from(home, self.site.hub.tcp, Duration::from_secs(5))?;
        node.send(&hello(name, 1, 60, Capabilities::KEEPS_SESSION)?, true)?;
        let answer = node.next()?;
        ensure!(answer.kind == MessageKind::WELCOME, "a plain name proves nobody");
        drop(node);
        crate::wait::until("the good node has noticed", Duration::from_secs(5), || {
            Ok((self.site.ends() > 0).then_some(()))
        })
    }

    /// Whoever was admitted before is admitted still, and there.
    fn still_there(&mut self) -> Result<()> {
        let nodes = self.nodes()?;
        for name in self.site.names() {
            let id = format!("plain:{name}");
            let node = nodes.iter().find(|node| node["id"] == id.as_str());
            let (admission, presence) = node.map_or((&Value::Null, &Value::Null), |node| {
                (&node["admission"], &node["presence"]["state"])
            });
            if admission != "admitted" || presence != "online" {
                self.faults.push(format!("{id} was admitted and online, and is {admission} and {presence}"));
            }
        }
        Ok(())
    }
}

impl Figures {
    fn into_findings(self) -> Findings {
        let mut findings = Findings::default();
        let limits: Map<_, _> =
            self.cases.iter().map(|case| (case.what.to_owned(), case.to_json())).collect();
        findings.tell("limits", Value::Object(limits));
        findings.tell("too_few_files", self.files);
        findings.tell("good", self.good.to_json());
        findings.tell("pages", self.visits.to_json());
        self.breaches.into_iter().for_each(|breach| findings.breach(breach));
        findings
    }
}
