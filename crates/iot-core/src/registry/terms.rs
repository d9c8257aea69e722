//! On what terms a node is let in that proves nothing, or that nobody has verified: commanded only where that is
//! permitted, and where it proves nothing at one address. Owns
//! what holds of one node; whether registration is open, who is told and what is kept is in `flow/terms.rs`.

use core::net::IpAddr;

use super::Node;
use crate::{
    AdmissionState,
    store::{Stranger, Terms},
};

impl Node {
    /// Whether nothing proves that it is the node that it says it is.
    pub(crate) fn is_unproven(&self) -> bool {
        self.key().is_none()
    }

    /// Whether it was let in although nobody could compare anything.
    pub(crate) fn is_unverified(&self) -> bool {
        self.terms().is_some_and(|terms| terms.unverified.is_some())
    }

    /// Whether commands to it need an admin's leave.
    pub(crate) fn needs_leave(&self) -> bool {
        self.is_unproven() || self.is_unverified()
    }

    /// On what terms it is let in; `None` where nothing was laid down.
    pub(crate) fn terms(&self) -> Option<&Terms> {
        self.extras().terms.as_deref()
    }

    /// Whether somebody permits commands to it.
    pub(crate) fn is_permitted(&self) -> bool {
        self.terms().is_some_and(|terms| terms.commands.is_some())
    }

    /// The address at which it is let in, and no other.
    pub(crate) fn home(&self) -> Option<IpAddr> {
        self.terms().and_then(|terms| terms.home)
    }

    /// Who else said its name.
    pub(crate) fn stranger(&self) -> Option<Stranger> {
        self.terms().and_then(|terms| terms.stranger)
    }

    /// Changes its terms. Where none are left, they take no room.
    pub(crate) fn change_terms(&mut self, change: impl FnOnce(&mut Terms)) {
        self.change_extras(|extras| {
            let mut terms = extras.terms.take().unwrap_or_default();
            change(&mut terms);
            extras.terms = (!terms.is_empty()).then_some(terms);
        });
    }

    /// Lets it in at the address where it was last seen, and no other, where none was laid down yet. Whether that is so
    /// from now on.
    pub(crate) fn settle(&mut self) -> bool {
        let is_in = self.admission == AdmissionState::Admitted;
        let Some(address) = self.address.filter(|_| is_in && self.is_unproven() && self.home().is_none())
        else {
            return false;
        };
        self.change_terms(|terms| terms.home = Some(address.ip().to_canonical()));
        true
    }
}
