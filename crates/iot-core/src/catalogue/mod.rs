//! All module kinds that this hub supports.
//!
//! A kind is a folder of files, see `docs/module-kinds.md`. Those in `kinds/` of this crate are built in;
//! the others come from the data directory, which the server reads and hands over with
//! [`Catalogue::add_folder`].

mod builtin;
mod check;
mod definition;
mod fault;
mod kind;
mod parse;
mod reader;
mod value_type;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use check::ValueError;
pub use fault::{Fault, KindError};
pub use kind::{
    Access, Action, Argument, Choice, Event, History, ModuleKind, Origin, Property, ValueType, Widget,
};

use crate::IotError;

/// All module kinds that this hub supports.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    kinds: BTreeMap<Box<str>, Arc<ModuleKind>>,
    disabled: BTreeSet<Box<str>>,
}

impl Catalogue {
    /// The kinds that every hub knows.
    ///
    /// # Panics
    /// Never in a build that passed its tests: the built-in kinds are part of the program, and a test
    /// reads them all.
    pub fn built_in() -> Self {
        let kind = |embedded: &builtin::Embedded| {
            let kind = parse::parse(embedded.folder, Origin::BuiltIn, embedded.files());
            (embedded.folder.into(), Arc::new(kind.expect("every built-in kind is valid")))
        };
        Self { kinds: builtin::EMBEDDED.iter().map(kind).collect(), disabled: BTreeSet::new() }
    }

    /// Adds the kind that a folder of the data directory defines; `files` by their path in the folder,
    /// with `/` between names.
    ///
    /// It takes the place of a kind of the same name, built in or not, whatever their versions: what the
    /// owner of the hub put there is what the owner wants.
    ///
    /// # Errors
    /// [`KindError`] with file, line and reason. The catalogue is then as it was.
    pub fn add_folder(
        &mut self,
        folder: &str,
        files: BTreeMap<Box<str>, Arc<[u8]>>,
    ) -> Result<Arc<ModuleKind>, KindError> {
        let kind = Arc::new(parse::parse(folder, Origin::Folder, files)?);
        self.kinds.insert(folder.into(), Arc::clone(&kind));
        Ok(kind)
    }

    /// Disables a kind: nodes can no longer register modules of it. Add folders first.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`] where there is no such kind: most likely a slip of the pen.
    pub fn disable(&mut self, kind: &str) -> Result<(), IotError> {
        let name = self.kind(kind)?.name.clone();
        self.disabled.insert(name);
        Ok(())
    }

    /// Whether a kind is disabled.
    pub fn is_disabled(&self, kind: &str) -> bool {
        self.disabled.contains(kind)
    }

    /// All kinds, by name; disabled ones too.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<ModuleKind>> {
        self.kinds.values()
    }

    /// The kind of this name, disabled or not.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`].
    pub fn kind(&self, name: &str) -> Result<&Arc<ModuleKind>, IotError> {
        self.kinds.get(name).ok_or_else(|| IotError::KindUnsupported { kind: name.into() })
    }

    /// Whether modules of this kind can be registered by a node whose firmware was built for `version`.
    ///
    /// A later version of a definition only adds to the earlier ones, so that firmware built for an older
    /// one is understood; firmware built for a newer one may send what this hub cannot read.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`]; [`IotError::KindDisabled`]; [`IotError::KindVersionUnknown`] for
    /// version 0 and those above the catalogue's.
    pub fn check_module_support(&self, kind: &str, version: u16) -> Result<&Arc<ModuleKind>, IotError> {
        let known = self.kind(kind)?;
        if self.is_disabled(kind) {
            return Err(IotError::KindDisabled { kind: known.name.clone() });
        }
        if !(1..=known.version).contains(&version) {
            let kind = known.name.clone();
            return Err(IotError::KindVersionUnknown { kind, version, known: known.version });
        }
        Ok(known)
    }

    /// The files of a kind, by path: its definition, its help page, whatever its maker ships.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`].
    pub fn module_files(&self, kind: &str) -> Result<&BTreeMap<Box<str>, Arc<[u8]>>, IotError> {
        self.kind(kind).map(|kind| &kind.files)
    }
}
