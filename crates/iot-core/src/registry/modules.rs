//! One module of a node, with the latest reading of each of its properties.

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use iot_proto::{Announcement, Value};

use crate::{
    IotError,
    catalogue::{Catalogue, ModuleKind, Property},
    store::ModuleRecord,
    view::ReadingView,
};

/// A module as its node announced it.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) index: u8,
    /// What its node calls it.
    announced: Box<str>,
    /// What people call it.
    given: Option<Box<str>>,
    pub(crate) kind_version: u16,
    /// Version of its kind in the catalogue when it was registered.
    pub(crate) registered_with: Option<u16>,
    /// Its kind, or why it is not registered.
    pub(crate) kind: Result<Arc<ModuleKind>, Box<Unsupported>>,
    latest: Vec<(u8, ReadingView)>,
}

/// A kind of which no module is registered.
#[derive(Clone, Debug)]
pub(crate) struct Unsupported {
    name: Box<str>,
    pub(crate) why: IotError,
}

impl Module {
    /// The module that a node announces. One without a title is called after its kind: `Relay 0`.
    pub(crate) fn announced(announcement: &Announcement<'_>, catalogue: &Catalogue) -> Self {
        let title = if announcement.title.is_empty() {
            let kind = catalogue.kind(&announcement.kind);
            let kind = kind.map_or(announcement.kind.as_str(), |kind| &kind.title);
            format!("{kind} {}", announcement.index).into()
        } else {
            announcement.title.as_str().into()
        };
        Self::new(
            ModuleRecord {
                index: announcement.index,
                title,
                given: None,
                kind: announcement.kind.as_str().into(),
                kind_version: announcement.kind_version,
                registered_with: catalogue
                    .check_module_support(&announcement.kind, announcement.kind_version)
                    .ok()
                    .map(|kind| kind.version),
            },
            catalogue,
        )
    }

    /// The module that was stored. Whether its kind is supported is judged anew.
    pub(crate) fn new(record: ModuleRecord, catalogue: &Catalogue) -> Self {
        let kind = catalogue.check_module_support(&record.kind, record.kind_version).cloned();
        Self {
            index: record.index,
            announced: record.title,
            given: record.given,
            kind: kind.map_err(|why| Box::new(Unsupported { name: record.kind, why })),
            kind_version: record.kind_version,
            registered_with: record.registered_with,
            latest: Vec::new(),
        }
    }

    /// What it is called: as people say, else as its node does.
    pub(crate) fn title(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.announced)
    }

    /// What is kept of the module.
    pub(crate) fn record(&self) -> ModuleRecord {
        ModuleRecord {
            index: self.index,
            title: self.announced.clone(),
            given: self.given.clone(),
            kind: self.kind_name().into(),
            kind_version: self.kind_version,
            registered_with: self.registered_with,
        }
    }

    /// Calls it something; what its node calls it where nothing is given.
    pub(crate) fn name(&mut self, given: Option<Box<str>>) {
        self.given = given;
    }

    /// Its kind.
    ///
    /// # Errors
    /// Why the module is not registered.
    pub(crate) fn kind(&self) -> Result<&Arc<ModuleKind>, IotError> {
        self.kind.as_ref().map_err(|unsupported| unsupported.why.clone())
    }

    /// The name of its kind, registered or not.
    pub(crate) fn kind_name(&self) -> &str {
        match &self.kind {
            Ok(kind) => &kind.name,
            Err(unsupported) => &unsupported.name,
        }
    }

    /// The latest reading of a property or event.
    pub(crate) fn latest(&self, channel: u8) -> Option<&ReadingView> {
        self.latest.iter().find(|(known, _)| *known == channel).map(|(_, reading)| reading)
    }

    /// Takes a reading as the latest, unless one that was measured later is known. One that lies in the future was
    /// labelled by a clock that has been set back since, and gives way.
    pub(crate) fn take(&mut self, channel: u8, reading: &ReadingView) -> bool {
        match self.latest.iter_mut().find(|(known, _)| *known == channel) {
            Some((_, latest)) if latest.measured > reading.measured && latest.measured <= reading.arrived => {
                false
            }
            Some((_, latest)) => {
                latest.clone_from(reading);
                true
            }
            None => {
                // Most modules have one property: no room is made for more.
                self.latest.reserve_exact(1);
                self.latest.push((channel, reading.clone()));
                true
            }
        }
    }

    /// Takes over the latest readings and the given name of a module that is announced again with the same kind.
    pub(crate) fn inherit(&mut self, before: &Self) {
        if self.kind_name() == before.kind_name() {
            self.latest.clone_from(&before.latest);
            self.name(before.given.clone());
        }
        if (self.kind_name(), self.kind_version) == (before.kind_name(), before.kind_version) {
            self.registered_with = before.registered_with.or(self.registered_with);
        }
    }

    /// Takes over the readings and the given name of the same module of other hardware, beside its own.
    pub(crate) fn take_over(&mut self, other: &Self) {
        for (channel, reading) in &other.latest {
            if self.latest(*channel).is_none_or(|own| own.measured < reading.measured) {
                self.take(*channel, reading);
            }
        }
        if other.given.is_some() {
            self.name(other.given.clone());
        }
    }
}

/// Whether a node that reports `reported` has done what was wanted: the same, within half a step.
pub(crate) fn is_as_wanted(property: &Property, wanted: Value<'_>, reported: Value<'_>) -> bool {
    match (&property.value, wanted, reported) {
        (crate::catalogue::ValueType::Float { step, .. }, Value::Float(wanted), Value::Float(reported)) => {
            let difference = wanted.get() - reported.get();
            difference.max(-difference) <= step / 2.0
        }
        _ => wanted == reported,
    }
}
