//! Register: the modules that a node carries, and a verdict on each.

use alloc::{boxed::Box, vec::Vec};

use iot_proto::{ErrorCode, Frame, List, MAX_MODULES, Register, Registered, Verdict};

use crate::{
    AdmissionState, Effects, Event, Hub, IotError, Limit, Now, SessionId,
    registry::{Module, Node},
};

impl Hub {
    /// A node announces modules: all of them, or a part.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello or for an index at or above the total,
    /// [`IotError::TooMany`] above the wire's limit of modules.
    pub(crate) fn register(
        &mut self,
        now: Now,
        session: SessionId,
        register: &Register<'_>,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.open_node(session, frame)?;
        if register.total > MAX_MODULES {
            return Err(self.too_many(Limit::Modules, MAX_MODULES.into()));
        }
        if register.modules.iter().any(|module| module.index >= register.total) {
            return Err(IotError::OutOfTurn { kind: frame.kind, why: "a module's index is below the total" });
        }
        if let Some(state) = self.sessions.get_mut(session) {
            // From here on the node sends what it still has, oldest first.
            state.refused = None;
        }
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before: Vec<_> = node.modules.iter().map(Module::record).collect();
        node.modules.retain(|module| module.index < register.total);
        node.modules.reserve_exact(register.modules.len().saturating_sub(node.modules.len()));
        let mut verdicts = Vec::with_capacity(register.modules.len());
        for announcement in register.modules.iter() {
            let module = Module::announced(&announcement, &self.catalogue);
            verdicts.push(Verdict { index: announcement.index, code: node.verdict(&module) });
            node.put(module);
        }
        if node.modules.iter().map(Module::record).ne(before) {
            out.records.records.extend(node.record());
            out.publish(Event::Modules { node: node.id.clone() });
        }
        if let (Some(answer), Ok(verdicts)) = (frame.correlation.answer(), List::new(&verdicts)) {
            out.send(session, &Registered { verdicts }, answer);
        }
        for announcement in register.modules.iter() {
            let module = node.module(announcement.index).ok();
            if let Some(unsupported) = module.and_then(|module| module.kind.as_ref().err()) {
                let peer = node.address;
                out.list.extend(peer.map(|peer| crate::Effect::Refused {
                    peer,
                    node: Some(node.id.clone()),
                    error: Box::new(unsupported.why.clone()),
                }));
            }
        }
        self.pump(now, number, out);
        Ok(())
    }
}

impl Node {
    /// What the node is told about a module.
    fn verdict(&self, module: &Module) -> ErrorCode {
        match (&module.kind, self.admission) {
            (Err(unsupported), _) => unsupported.why.code(),
            (Ok(_), AdmissionState::Admitted) if self.extras().disabled.is_some() => ErrorCode::DISABLED,
            (Ok(_), AdmissionState::Admitted) => ErrorCode::OK,
            (Ok(_), AdmissionState::Pending | AdmissionState::Matched) => ErrorCode::PENDING_APPROVAL,
            (Ok(_), AdmissionState::Revoked | AdmissionState::Archived) => ErrorCode::REVOKED,
        }
    }

    /// Puts a module in its place, where an earlier one with its index leaves its readings to it.
    fn put(&mut self, mut module: Module) {
        match self.modules.binary_search_by_key(&module.index, |known| known.index) {
            Ok(at) => {
                if let Some(known) = self.modules.get_mut(at) {
                    module.inherit(known);
                    *known = module;
                }
            }
            Err(at) => self.modules.insert(at, module),
        }
    }
}
