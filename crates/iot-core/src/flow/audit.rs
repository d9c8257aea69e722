//! Whoever asks, and the record of what was changed for them.

use alloc::boxed::Box;

use iot_proto::{Text, UnixMillis};

use crate::{
    Effects, IotError,
    audit::{AuditRecord, Deed, Target, WORDS, reason},
    registry::Node,
    store::{Decision, Record},
};

/// Who asks, when and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) at: UnixMillis,
    pub(crate) by: &'a str,
    pub(crate) why: &'a str,
}

impl<'a> Asker<'a> {
    /// Whoever asks, with a reason that can be one.
    ///
    /// # Errors
    /// [`IotError::Label`].
    pub(crate) fn new(at: UnixMillis, by: &'a str, why: &'a str) -> Result<Self, IotError> {
        Ok(Self { at, by: Text::<WORDS>::clipped(by).as_str(), why: reason(why)? })
    }

    /// What they have decided, as it is kept with what it is about.
    pub(crate) fn decision(self) -> Decision {
        Decision { by: self.by.into(), why: self.why.into(), at: self.at }
    }

    /// The reason, where something is not done without one.
    ///
    /// # Errors
    /// [`IotError::ReasonMissing`].
    pub(crate) fn must_say_why(self, what: &'static str) -> Result<(), IotError> {
        if self.why.is_empty() { Err(IotError::ReasonMissing { what }) } else { Ok(()) }
    }
}

impl Effects {
    /// Keeps what somebody changed, beside the change.
    pub(crate) fn audit(
        &mut self,
        asker: Asker<'_>,
        deed: Deed,
        target: Target,
        before: impl Into<Box<str>>,
        after: impl Into<Box<str>>,
    ) {
        let Asker { at, by, why } = asker;
        let (before, after) = (before.into(), after.into());
        let record = AuditRecord { at, by: by.into(), deed, target, before, after, why: why.into() };
        self.records.records.push(Record::Audit(Box::new(record)));
    }
}

impl Node {
    /// The node as the target of a change.
    pub(crate) fn target(&self) -> Target {
        Target { node: Some(self.id.clone()), title: self.title.clone(), ..Target::default() }
    }
}
