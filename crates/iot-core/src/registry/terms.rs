//! On what terms a node is let in that proves nothing: commanded only where that is permitted. Owns what holds of one
//! node; whether registration is open, who is told and what is kept is in `flow/terms.rs`.

use super::Node;
use crate::store::Terms;

impl Node {
    /// Whether nothing proves that it is the node that it says it is.
    pub(crate) fn is_unproven(&self) -> bool {
        self.key.is_none()
    }

    /// Whether somebody permits commands to it.
    pub(crate) fn is_permitted(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.commands.is_some())
    }

    /// Changes its terms. Where none are left, they take no room.
    pub(crate) fn change_terms(&mut self, change: impl FnOnce(&mut Terms)) {
        let mut terms = self.terms.take().unwrap_or_default();
        change(&mut terms);
        self.terms = (!terms.is_empty()).then_some(terms);
    }
}
