//! [`Rights`]: what somebody may do, so that pages show them nothing else. The table of the routes says it, once; only who
//! lets which node in depends on the node, and is said in `admit.rs`.

use std::sync::Arc;

use iot_core::view::NodeView;

use super::{
    Who,
    admit::{is_for, to_let_in},
};
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

    /// Whether they may let this node in, whatever has to be asked for that.
    pub(crate) fn may_let_in(&self, node: &NodeView) -> bool {
        is_for(to_let_in(node), self.who.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_path_that_a_template_asks_for_is_in_the_table() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web-templates");
        let mut asked = 0;
        for entry in fs::read_dir(templates).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "html") {
                continue;
            }
            for rest in fs::read_to_string(&path).unwrap().split("may(\"").skip(1) {
                let of = rest.split('"').next().unwrap();
                assert!(route::may(of).is_some(), "{}: nothing is at {of}", path.display());
                asked += 1;
            }
        }
        assert!(asked > 20, "templates ask for {asked}");
    }
}
