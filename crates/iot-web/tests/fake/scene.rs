//! The scene of the made-up hub: eleven nodes on an ordinary Saturday, one of which means harm.

use std::{collections::BTreeMap, sync::Arc};

use iot_core::{
    AdmissionState, CommandState, PresenceState,
    catalogue::Catalogue,
    store::{Decision, SleepRecord, Stranger},
    view::{
        Desired, Fate, KeyStanding, KeyView, ModuleChange, ModuleFacts, ModuleView, Need, NodeView,
        Permission, Presence, PresenceReason, PropertyView, ReadingView, Replacement,
    },
};
use iot_proto::{BootId, Capabilities, CommandId, NodeKey, OwnedValue, UnixMillis};

use super::{id, now, value};

/// A title that a browser must never take for markup.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>";

pub(crate) const MINUTE: i64 = 60_000;

pub(crate) fn ago(ms: i64) -> UnixMillis {
    UnixMillis(now().0 - ms)
}

/// The built-in kinds, and one from a folder that brings files of all sorts.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    let definition = "kind = \"level\"\nversion = 3\ntitle = \"Level\"\nsummary = \"How full a tank is.\"\n\
        icon = \"pressure\"\nhelp = \"help.md\"\n\n[[property]]\nchannel = 1\nname = \"level\"\ntitle = \"Level\"\n\
        type = \"float\"\nunit = \"m\"\nrange = [0, 40]\nstep = 0.01\nshow = \"gauge\"\n";
    let files: [(&str, &[u8]); 5] = [
        ("module.toml", definition.as_bytes()),
        ("help.md", b"# Level\n\n<script>alert(1)</script> measures from above.\n"),
        ("page/look.html", b"<script>alert(1)</script>"),
        ("icon.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("firmware.bin", &[0, 1, 2]),
    ];
    let files: BTreeMap<Box<str>, Arc<[u8]>> =
        files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
    catalogue.add_folder("level", files).expect("the folder is valid");
    catalogue
}

/// The keys of a node that has changed its own, and does so again.
fn keys() -> Vec<KeyView> {
    let key = |byte, standing, days: i64, until: Option<i64>| KeyView {
        id: NodeKey([byte; 32]).id(),
        standing,
        since: ago(days * 24 * 60 * MINUTE),
        until: until.map(|days| ago(days * 24 * 60 * MINUTE)),
    };
    vec![
        key(2, KeyStanding::Current, 9, None),
        key(1, KeyStanding::Ended, 9, Some(8)),
        key(3, KeyStanding::Next, 0, Some(-1)),
    ]
}

/// The nodes, by title.
pub(crate) fn nodes(catalogue: &Catalogue) -> Vec<NodeView> {
    use PresenceReason as R;
    use PresenceState as P;
    let mut nodes = vec![
        node("cold-store", "Cold store", P::Lost, R::Silent { for_s: 90 }, 72),
        node("main-gate", "Main gate", P::Online, R::InSession, 4_000),
        node("mist-bench", "Mist bench", P::Connecting, R::SayingHello, 0),
        node("north-bay-1", "North bay 1", P::Online, R::InSession, 17_000),
        node("old-boiler", "Old boiler", P::Disabled, by("installer", "being rewired"), 16_000),
        node("pump-house", "Pump house", P::Online, R::InSession, 1_500),
        node("seed-table", "Seed table", P::Online, R::InSession, 2),
        node("south-bay-3", "South bay 3", P::Asleep, R::DeclaredSleep, 3),
        node("well", "Well", P::Overdue, R::DidNotWake, 34),
        node("x", HOSTILE, P::Disabled, by("<b>me</b>", HOSTILE), 5),
        node("old-gate", "Old gate", P::Lost, R::NotSinceStart, 9_000),
        node("worn-out", "Worn out", P::Lost, R::NotSinceStart, 90_000),
    ];
    nodes[1].keys = keys();
    let modules: [&[(&str, &str)]; 12] = [
        &[("temperature", "Temperature"), ("contact", "Door")],
        &[("contact", "Gate"), ("motion", "Drive"), ("switch-input", "Bell")],
        &[("relay", "Mist")],
        &[
            ("temperature", "Air temperature"),
            ("humidity", "Humidity"),
            ("pressure", "Air pressure"),
            ("relay", "Vent fan"),
        ],
        &[("relay", "Burner")],
        &[
            ("relay", "Pump 2"),
            ("power-meter", "Mains"),
            ("servo", "Inlet flap"),
            ("cover", "Roof vent east"),
        ],
        &[("relay", "Mat"), ("temperature", "Soil"), ("co2", "CO₂")],
        &[
            ("dimmer", "Grow light"),
            ("rgb-light", "Signal lamp"),
            ("text-display", "Door sign"),
            ("relay", "Bed lamp"),
            ("temperature", "Bed"),
        ],
        &[("level", "Water")],
        &[("text-display", "\"><img src=x onerror=alert(1)>"), ("co2", "<i>gas</i>")],
        &[],
        &[("relay", "Valve")],
    ];
    for (node, kinds) in nodes.iter_mut().zip(modules) {
        node.modules = kinds
            .iter()
            .zip(0..)
            .map(|((kind, title), index)| module(catalogue, index, kind, title))
            .collect();
    }
    admission(&mut nodes);
    terms(&mut nodes);
    presence(&mut nodes);
    values(&mut nodes);
    nodes
}

fn by(who: &str, why: &str) -> PresenceReason {
    PresenceReason::DisabledBy { by: who.into(), why: why.into() }
}

fn node(name: &str, title: &str, state: PresenceState, reason: PresenceReason, minutes: i64) -> NodeView {
    let since = ago(minutes * MINUTE);
    let presence = Presence { state, reason, since, next_contact: None, overdue_from: None, lost_from: None };
    NodeView {
        id: id(name),
        keys: Vec::new(),
        title: title.into(),
        place: "South greenhouse".into(),
        tags: if name == "x" { vec![HOSTILE.into()] } else { vec!["south".into(), "wet".into()] },
        admission: AdmissionState::Admitted,
        permission: Permission::Given,
        unverified: None,
        permitted: Some(Decision { by: "ada".into(), why: "it only waters".into(), at: ago(9 * MINUTE) }),
        home: Some([192, 168, 137, 42].into()),
        stranger: None,
        presence,
        sleep: (state == PresenceState::Asleep).then_some(SleepRecord { since, for_s: 600 }),
        address: Some(([192, 168, 137, 42], 50_112).into()),
        capabilities: Capabilities::KEEPS_SESSION.and(Capabilities::IDENTIFIES),
        board: "ESP32-C6".into(),
        firmware: "bed-heating 2.4.1".into(),
        boot: Some(BootId(7)),
        first_seen: ago(3 * 24 * 60 * MINUTE),
        last_heard: Some(ago(8_000)),
        reports: 4_811,
        duplicates: 2,
        lost_reports: 5,
        queued: 0,
        modules: Vec::new(),
    }
}

fn module(catalogue: &Catalogue, index: u8, kind: &str, title: &str) -> ModuleView {
    let kind_name: Box<str> = kind.into();
    let kind = catalogue.kind(kind).cloned();
    let properties = kind.iter().flat_map(|kind| &kind.properties).map(|property| {
        let latest =
            ReadingView { value: value(&property.value, 0.0), measured: ago(8_000), arrived: ago(7_900) };
        PropertyView { property: Arc::clone(property), latest: Some(latest), desired: None }
    });
    let properties = properties.collect();
    let registered_with = kind.is_ok().then_some(1);
    ModuleView { index, title: title.into(), kind_name, kind_version: 1, registered_with, kind, properties }
}

fn admission(nodes: &mut [NodeView]) {
    for node in nodes {
        match node.id.as_str() {
            "plain:seed-table" => node.admission = AdmissionState::Pending,
            "plain:old-gate" => node.admission = AdmissionState::Revoked,
            "plain:worn-out" => node.admission = AdmissionState::Archived,
            _ => {}
        }
    }
}

/// One node proves who it is, one was let in unverified, and to one that proves nothing nobody permits commands; its name
/// was said elsewhere.
fn terms(nodes: &mut [NodeView]) {
    let (address, at) = ([192, 168, 137, 66].into(), ago(2 * MINUTE));
    for node in nodes {
        match node.id.as_str() {
            "plain:main-gate" => {
                (node.permission, node.permitted, node.home) = (Permission::Needless, None, None);
            }
            "plain:mist-bench" => {
                node.keys = keys().into_iter().take(1).collect();
                node.home = None;
                let why = "no display".into();
                node.unverified = Some(Decision { by: "ada".into(), why, at: ago(MINUTE) });
            }
            "plain:old-boiler" => {
                (node.permission, node.permitted) = (Permission::Missing, None);
                node.stranger = Some(Stranger { address, at, noted: at });
            }
            _ => {}
        }
    }
}

fn presence(nodes: &mut [NodeView]) {
    for node in nodes {
        match node.presence.state {
            PresenceState::Asleep => {
                node.presence.next_contact = Some(ago(-7 * MINUTE));
                node.presence.overdue_from = Some(ago(-12 * MINUTE));
            }
            PresenceState::Overdue => {
                node.presence.next_contact = Some(ago(64 * MINUTE));
                node.presence.lost_from = Some(ago(-26 * MINUTE));
            }
            PresenceState::Connecting
            | PresenceState::Online
            | PresenceState::Lost
            | PresenceState::Disabled => {}
        }
    }
}

/// Values that are old, late, unknown or desired.
fn values(nodes: &mut [NodeView]) {
    for node in nodes {
        let minutes = match node.presence.state {
            PresenceState::Lost => 72,
            PresenceState::Overdue => 124,
            PresenceState::Asleep => 3,
            PresenceState::Connecting | PresenceState::Online | PresenceState::Disabled => 0,
        };
        let name = node.id.clone();
        for module in &mut node.modules {
            let title = module.title.clone();
            for view in &mut module.properties {
                let channel = view.property.channel;
                if let Some(latest) = view.latest.as_mut().filter(|_| minutes > 0) {
                    latest.measured = ago(minutes * MINUTE);
                    latest.arrived = latest.measured;
                }
                match (name.as_str(), &*title, channel) {
                    ("plain:mist-bench", ..) | (_, "Bed lamp" | "Burner", _) => view.latest = None,
                    ("plain:pump-house", "Pump 2", 1) => {
                        view.desired = Some(wish(OwnedValue::Bool(true), CommandState::Accepted, 1));
                    }
                    (_, "Grow light", 2) => {
                        view.desired = Some(wish(OwnedValue::Int(65), CommandState::Queued, 2));
                    }
                    (_, "Grow light", 1) => {
                        view.desired = Some(wish(OwnedValue::Bool(true), CommandState::Queued, 3));
                    }
                    (_, "Humidity", 1) => {
                        view.latest.as_mut().expect("set above").arrived = ago(-41 * MINUTE);
                    }
                    ("plain:x", _, 1) => {
                        view.latest.as_mut().expect("set above").value = OwnedValue::Text(HOSTILE.into());
                    }
                    _ => {}
                }
            }
        }
    }
}

fn wish(value: OwnedValue, state: CommandState, number: u8) -> Desired {
    Desired { value, command: CommandId([number; 16]), state, since: ago(2 * MINUTE) }
}

/// What needs a person, besides failed commands.
pub(crate) fn needs(nodes: &[NodeView]) -> Vec<Need> {
    let admitted = || nodes.iter().filter(|node| node.admission == AdmissionState::Admitted);
    let strangers = admitted().filter_map(|node| {
        let (home, stranger) = node.home.zip(node.stranger)?;
        Some(Need::Stranger { node: node.id.clone(), title: node.title.clone(), home, stranger })
    });
    let needs = admitted().flat_map(|node| {
        let (id, title, presence) = (node.id.clone(), node.title.clone(), node.presence.clone());
        let presence = match presence.state {
            PresenceState::Lost => Some(Need::Lost { node: id, title, presence }),
            PresenceState::Overdue => Some(Need::Overdue { node: id, title, presence }),
            PresenceState::Connecting
            | PresenceState::Online
            | PresenceState::Asleep
            | PresenceState::Disabled => None,
        };
        let unsupported = node.modules.iter().filter_map(|module| {
            let error = module.kind.clone().err()?;
            Some(Need::Unsupported {
                node: node.id.clone(),
                title: node.title.clone(),
                module: module.title.clone(),
                error,
            })
        });
        presence.into_iter().chain(unsupported).collect::<Vec<_>>()
    });
    strangers.chain(needs).collect()
}

/// What would become of the modules: all that both have move.
pub(crate) fn replacement(old: &NodeView, new: &NodeView) -> Replacement {
    let facts = |module: &ModuleView| ModuleFacts {
        title: module.title.clone(),
        kind: module.kind_name.clone(),
        kind_version: module.kind_version,
    };
    let change = |before: &ModuleView| {
        let after = new.modules.iter().find(|after| after.index == before.index);
        let fate = match after {
            Some(after) if after.kind_name == before.kind_name => Fate::Moves,
            Some(_) => Fate::Differs,
            None => Fate::Missing,
        };
        ModuleChange { index: before.index, fate, before: Some(facts(before)), after: after.map(facts) }
    };
    let modules = old.modules.iter().map(change).collect();
    Replacement { node: old.id.clone(), by: new.id.clone(), modules, moving: 1, cancelled: 2 }
}
