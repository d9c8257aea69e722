//! [`Trouble`]: which operations of the disk fail, and how. It counts nothing and changes no file.

use std::io;

/// Operations by their number, counted from the loading of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// One.
    Only(u64),
    /// This one and all after it.
    From(u64),
}

impl Span {
    fn contains(self, operation: u64) -> bool {
        match self {
            Self::Only(at) => operation == at,
            Self::From(first) => operation >= first,
        }
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing of it was done.
    Refused,
    /// Half of it was done where it can be halved, all of it where it cannot.
    Halved,
    /// Nothing of a write was done, and success is reported: no disk does that. A control.
    Hidden,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    planned: Option<(Span, Fault)>,
    /// Each so many syncs one does nothing and reports success.
    every_sync: Option<u64>,
    syncs: u64,
    is_dead: bool,
}

impl Trouble {
    /// These operations fail so.
    pub(crate) fn failing(span: Span, fault: Fault) -> Self {
        Self { planned: Some((span, fault)), ..Self::default() }
    }

    /// One sync out of so many does nothing and reports success. A control.
    pub(crate) fn dropping_syncs(every: u64) -> Self {
        Self { every_sync: Some(every), ..Self::default() }
    }

    /// The process has ended: nothing is done any more.
    pub(crate) fn dead(self) -> Self {
        Self { is_dead: true, ..self }
    }

    /// Whether anything was to fail.
    pub(super) fn is_planned(&self) -> bool {
        self.planned.is_some()
    }

    /// What becomes of an operation.
    ///
    /// # Errors
    /// Where nothing of it is done.
    pub(super) fn at(&self, operation: u64) -> Result<Option<Fault>, io::Error> {
        if self.is_dead {
            return Err(io::Error::other("the process has ended"));
        }
        let planned = self.planned.filter(|(span, _)| span.contains(operation));
        match planned.map(|(_, fault)| fault) {
            Some(Fault::Refused) => Err(failure()),
            fault => Ok(fault),
        }
    }

    /// Whether this sync is one that is dropped.
    pub(super) fn drops_sync(&mut self) -> bool {
        self.syncs += 1;
        self.every_sync.is_some_and(|every| self.syncs.is_multiple_of(every))
    }
}

/// What a broken disk says.
pub(super) fn failure() -> io::Error {
    io::Error::other("the disk does not answer")
}
