//! What the document of the API says of each place: an [`Operation`] for what is told there and one for what is done.
//!
//! A place that is not described does not compile; one that is no part of the API has nothing. The types are those from
//! which the handler reads and which it writes: `openapi/mod.rs` says how to describe another one.

use http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Map, Value as Json};

use super::{
    HubKeyAct, JoinAct, May, NodeAct, Surface,
    part::{described as part, names},
    table::{Deed, PATHS, Place, Thing},
};
use crate::{
    api::{
        Accepted, Account, Activity, AskedActivity, AskedAudit, AskedCommands, AskedExport, AskedGaps,
        AskedNodes, AskedReadings, AskedReplacement, AskedRollups, AskedWait, Audit, Backup, Begun,
        Catalogue, Command, Commands, Difference, Done, Health, HubKeys, Joining, KeptBackups, Kind,
        MissingReports, Module, Node, Nodes, Overview, Readings, Replacement, Rollups, Store,
    },
    backup::BackupBody,
    details::{
        AddressBody, ExpiryBody, IdentifyBody, InvokeBody, NameBody, NameModuleBody, ReasonBody, ReplaceBody,
        SetBody, TagsBody, WhyBody,
    },
    hub_key::ChangeHubKeyBody,
    joining::{DigitsBody, OneBody, OpenBody, SecretBody, SecretDocument},
    openapi::Operation,
    restore::RestoreBody,
    upload::FILE_TYPES,
};

/// A route of the API, with what stands of it in the document.
pub(crate) struct Described {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) may: May,
    pub(crate) operation: Operation,
}

/// Every route of the API; what is done with a node has a path for each word.
pub(crate) fn described() -> Vec<Described> {
    let mut all = Vec::new();
    for (path, place, may) in PATHS.into_iter().filter(|(path, ..)| Surface::of(path) == Surface::Api) {
        let told = place.told().into_iter();
        all.extend(told.map(|operation| Described { method: "GET", path: path.to_owned(), may, operation }));
        let done = place.done(path).into_iter();
        all.extend(done.map(|(path, operation)| Described { method: "POST", path, may, operation }));
    }
    all
}

/// The parts of a path, each with what it is and its schema.
pub(crate) fn parts(path: &str) -> impl Iterator<Item = (&str, (&'static str, Json))> {
    names(path).map(|name| (name, part(name)))
}

impl Place {
    /// What is told there.
    fn told(self) -> Option<Operation> {
        match self {
            Self::Api(thing) => thing.told(),
            Self::Backups => Some(tells::<KeptBackups<'_>>("The backups that the hub keeps, newest first.")),
            Self::BackupFile => {
                Some(Operation::new("The file of a backup.").streams(&["application/vnd.sqlite3"]))
            }
            Self::Restore(_) => {
                Some(tells::<Difference<'_>>("What would become of the hub if this backup was restored."))
            }
            Self::Replacement(_) => Some(
                tells::<Replacement<'_>>("What would happen if other hardware took the node's place.")
                    .query::<AskedReplacement>(),
            ),
            Self::Events => Some(
                Operation::new("Everything that changes from now on, as server-sent events.")
                    .streams(&["text/event-stream"]),
            ),
            Self::Health => Some(
                tells::<Health<'_>>("Whether the hub answers, stores, and has found no damage.")
                    .answers_with::<Health<'_>>(StatusCode::SERVICE_UNAVAILABLE),
            ),
            Self::Page(_)
            | Self::Act(..)
            | Self::Join(..)
            | Self::HubKey(..)
            | Self::BackUp
            | Self::Upload(_)
            | Self::Node(..)
            | Self::Door(_)
            | Self::Asset
            | Self::ModuleFile => None,
        }
    }

    /// What is done at this path: one thing, but where the path has a word for it.
    fn done(self, path: &str) -> Vec<(String, Operation)> {
        let one = |operation| vec![(path.to_owned(), operation)];
        match self {
            Self::Act(Deed::Node, _) => {
                let words = NodeAct::WORDS.into_iter();
                words.map(|(word, act)| (path.replace("{act}", word), act.done())).collect()
            }
            Self::Act(deed, _) => one(deed.done()),
            Self::Join(act, _) => one(act.done()),
            Self::HubKey(act, _) => one(act.done()),
            Self::Node(act, _) => one(act.done()),
            Self::Replacement(_) => one(NodeAct::Replace.done()),
            Self::Backups => one(begins("Begins a backup.").takes::<BackupBody>()),
            Self::Upload(_) => one(Operation::new(
                "Takes a backup that was made elsewhere, once all of it was looked through.",
            )
            .takes_file(&FILE_TYPES)
            .answers_with::<Backup<'_>>(StatusCode::CREATED)),
            Self::Restore(_) => one(begins("Restores a backup.").takes::<RestoreBody>()),
            Self::Page(_)
            | Self::Api(_)
            | Self::BackUp
            | Self::BackupFile
            | Self::Door(_)
            | Self::Events
            | Self::Health
            | Self::Asset
            | Self::ModuleFile => Vec::new(),
        }
    }
}

impl Thing {
    fn told(self) -> Option<Operation> {
        Some(match self {
            Self::Overview => tells::<Overview<'_>>("How all is, and what needs a person, worst first."),
            Self::Activity => tells::<Activity<'_>>("What happened, newest first.").query::<AskedActivity>(),
            Self::Nodes => tells::<Nodes<'_>>("Nodes with their modules.").query::<AskedNodes>(),
            Self::Node => tells::<Node<'_>>("A node with its modules."),
            Self::Module => tells::<Module<'_>>("A module of a node."),
            Self::Readings => tells::<Readings<'_>>("Readings of one property or event, oldest first.")
                .query::<AskedReadings>(),
            Self::Rollups => tells::<Rollups<'_>>("Many readings of one property or event as few numbers.")
                .query::<AskedRollups>(),
            Self::Gaps => tells::<MissingReports<'_>>("Reports of a node that provably never came.")
                .query::<AskedGaps>(),
            Self::Export => Operation::new("All readings of one property or event as a file.")
                .query::<AskedExport>()
                .streams(&["text/csv", "application/jsonl"]),
            Self::Commands => tells::<Commands<'_>>("Commands, newest first.").query::<AskedCommands>(),
            Self::Command => tells::<Command<'_>>("A command with its whole life."),
            Self::Joining => tells::<Joining<'_>>("Whether nodes may join, and who does."),
            Self::HubKey => {
                tells::<HubKeys<'_>>("The hub's own keys, and how far its nodes have come with them.")
            }
            Self::Store => tells::<Store<'_>>(
                "Whether everything is being stored, and whether the file was found whole.",
            ),
            Self::Catalogue => tells::<Catalogue<'_>>("All module kinds."),
            Self::Kind => tells::<Kind<'_>>("A module kind: what it reports, and what can be set and run."),
            Self::Audit => tells::<Audit<'_>>("What people changed, newest first.").query::<AskedAudit>(),
            Self::AuditExport => Operation::new("Every change as a line of JSON, newest first.")
                .query::<AskedAudit>()
                .streams(&["application/x-ndjson"]),
            Self::Account => tells::<Account<'_>>("In whose name the request was made."),
            Self::Document => tells::<Map<String, Json>>("This document."),
            Self::Inbox => return None,
        })
    }
}

impl Deed {
    fn done(self) -> Operation {
        match self {
            Self::Set => commands("Sets a property.").takes::<SetBody>(),
            Self::Get => commands("Has the node tell the property's value now.").takes::<ExpiryBody>(),
            Self::Invoke => commands("Runs an action.").takes::<InvokeBody>(),
            Self::NameModule => does("Names a module.").takes::<NameModuleBody>(),
            Self::Cancel => does("Cancels a command that is under way.").takes::<WhyBody>(),
            Self::Node => does("Does something with a node.").takes::<WhyBody>(),
        }
    }
}

impl NodeAct {
    fn done(self) -> Operation {
        match self {
            Self::Identify => commands("The node makes itself seen.").takes::<IdentifyBody>(),
            Self::Restart => commands("The node starts anew.").takes::<ExpiryBody>(),
            Self::Name => does("Says what a node is called, and where it is.").takes::<NameBody>(),
            Self::Admit => does("Lets a node in, also one that was revoked; a plain or an unverified one is for admins.").takes::<WhyBody>(),
            Self::Reject => does("Turns a waiting node away; it may knock again.").takes::<WhyBody>(),
            Self::Disable => does("Disables a node for now.").takes::<ReasonBody>(),
            Self::Enable => does("Enables a node again.").takes::<WhyBody>(),
            Self::Revoke => does("Lets a node in no more.").takes::<WhyBody>(),
            Self::Permit => {
                does("Takes commands to a node that proves nothing: anyone on its network can read and forge them.")
                    .takes::<WhyBody>()
            }
            Self::Forbid => {
                does("Takes no commands to such a node any more, and cancels those under way.")
                    .takes::<WhyBody>()
            }
            Self::AcceptAddress => {
                does("Lets such a node in at this address, and nowhere else; for admins.").takes::<AddressBody>()
            }
            Self::Tags => does("Says what a node is counted among.").takes::<TagsBody>(),
            Self::Archive => does("Puts a node away; what it reported stays.").takes::<WhyBody>(),
            Self::Unarchive => {
                does("Takes a node out of the archive and lets it in again; a plain or an unverified one is for admins.").takes::<WhyBody>()
            }
            Self::Forget => does("Deletes all of a node but its audit.").takes::<ReasonBody>(),
            Self::Replace => does("Lets other hardware take the node's place; plain hardware is for admins.").takes::<ReplaceBody>(),
        }
    }
}

impl JoinAct {
    fn done(self) -> Operation {
        match self {
            Self::Open => tells::<SecretDocument>("Lets nodes join for a while.").takes::<OpenBody>(),
            Self::Secret => {
                tells::<SecretDocument>("Lets one more node join, with a secret.").takes::<SecretBody>()
            }
            Self::Digits => does("Lets the node in that shows these digits.").takes::<DigitsBody>(),
            Self::Unverified => does("Lets nodes ask that can show nothing.").takes::<WhyBody>(),
            Self::Admit => does("Lets one of them in, unverified.").takes::<OneBody>(),
            Self::End => does("Turns a node away that joins.").takes::<OneBody>(),
            Self::Close => does("Lets no more nodes join.").takes::<WhyBody>(),
        }
    }
}

impl HubKeyAct {
    fn done(self) -> Operation {
        match self {
            Self::Announce => {
                does("Makes a next key of the hub and has nodes told of it.").takes::<WhyBody>()
            }
            Self::Change => does("Goes over to the next key of the hub.").takes::<ChangeHubKeyBody>(),
        }
    }
}

/// Something that is told as a document.
fn tells<T: JsonSchema>(summary: &'static str) -> Operation {
    Operation::new(summary).answers_with::<T>(StatusCode::OK)
}

/// Something that is done at once.
fn does(summary: &'static str) -> Operation {
    tells::<Done>(summary)
}

/// Something that becomes a command.
fn commands(summary: &'static str) -> Operation {
    tells::<Command<'_>>(summary).answers_with::<Accepted<'_>>(StatusCode::ACCEPTED).query::<AskedWait>()
}

/// Something that takes a while.
fn begins(summary: &'static str) -> Operation {
    Operation::new(summary).answers_with::<Begun<'_>>(StatusCode::ACCEPTED)
}
