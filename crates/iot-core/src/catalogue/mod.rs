//! All module kinds that this hub supports.

mod check;
mod kind;

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

pub use check::ValueError;
pub use kind::{
    Access, Action, Argument, Choice, Event, History, ModuleKind, Origin, Property, ValueType, Widget,
};

use crate::IotError;

/// All module kinds that this hub supports.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    kinds: BTreeMap<Box<str>, Arc<ModuleKind>>,
}

impl Catalogue {
    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<ModuleKind>> {
        self.kinds.values()
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`].
    pub fn kind(&self, name: &str) -> Result<&Arc<ModuleKind>, IotError> {
        self.kinds.get(name).ok_or_else(|| IotError::KindUnsupported { kind: name.into() })
    }
}
