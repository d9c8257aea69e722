//! [`Rights`]: what somebody may do, so that pages show them nothing else. The table of the routes says it, once.

use std::sync::Arc;

use super::{Who, admit::is_for};
use crate::route;

/// What somebody may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    who: Option<Arc<Who>>,
}

impl Rights {
    /// What this one may do; `None` for a stranger.
    pub(crate) fn of(who: Option<Arc<Who>>) -> Self {
        Self { who }
    }

    /// Whether they may do or see what is at this path: one of the table of the routes, names in braces included, or
    /// one that a browser would ask for.
    pub(crate) fn may(&self, path: &str) -> bool {
        route::may(path).is_some_and(|may| is_for(may, self.who.as_deref()))
    }
}
