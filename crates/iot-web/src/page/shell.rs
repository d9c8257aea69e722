//! [`Shell`]: what every page shows around its content, and how a page becomes an answer.

use askama::Template;
use http::StatusCode;
use iot_core::{
    IotError,
    view::{CommandView, Need, NodeView, Overview},
};

use crate::{
    Backend, Found,
    body::{self, Reply},
    door::Rights,
    web::Web,
    wording,
};

/// What every page shows around its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Shell {
    /// What people call this hub.
    pub(super) hub: Box<str>,
    /// The hub's clock, so that ages go on counting on the page.
    pub(super) now: i64,
    /// The time as people read it.
    pub(super) time: String,
    /// Which part of the navigation the page belongs to.
    pub(super) tab: &'static str,
    /// Who looks at it.
    pub(super) user: String,
    /// What they are.
    pub(super) role: &'static str,
    /// What they may do.
    pub(super) rights: Rights,
    /// Admitted nodes.
    pub(super) nodes: usize,
    /// Nodes that wait to be admitted.
    pub(super) waiting: usize,
    /// Commands under way.
    pub(super) under_way: usize,
    /// Whether new nodes are admitted without asking.
    pub(super) open: bool,
    /// Why nothing is being stored, in a sentence, if that is so.
    pub(super) refuses: Option<String>,
    /// Damage that was found in the store, in a sentence.
    pub(super) damage: Option<String>,
}

impl Shell {
    /// The shell around a page that nothing is known for but who looks at it.
    pub(super) fn of<B>(web: &Web<B>, tab: &'static str) -> Self {
        let Some(who) = web.who.as_deref() else { return Self { tab, ..Self::default() } };
        Self {
            tab,
            user: who.user.to_string(),
            role: who.role.word(),
            rights: Rights::of(web.who.clone()),
            ..Self::default()
        }
    }

    /// The shell around a page of this part of the navigation.
    pub(super) fn new<B: Backend>(web: &Web<B>, overview: &Overview, tab: &'static str) -> Self {
        let (words, store) = (web.words(), web.store());
        Self {
            hub: overview.hub.clone(),
            now: words.now().0,
            time: words.time(words.now()),
            nodes: overview.presence.total(),
            waiting: overview.waiting,
            under_way: overview.under_way,
            open: overview.open_registration,
            refuses: store.refuses.as_ref().map(|refuses| {
                format!(
                    "Nothing is being stored since {}, and nothing that nodes report is acknowledged: {}.",
                    words.time(refuses.since),
                    refuses.why
                )
            }),
            damage: store.check.last.and_then(|last| match last.found {
                Found::Damage(what) => Some(wording::sentence(&what)),
                Found::Whole | Found::Nothing(_) => None,
            }),
            ..Self::of(web, tab)
        }
    }

    /// The shell around a page that needs nothing else of the overview.
    ///
    /// # Errors
    /// As the backend's.
    pub(super) async fn load<B: Backend>(web: &Web<B>, tab: &'static str) -> Result<Self, IotError> {
        Ok(Self::new(web, &web.backend.overview().await?, tab))
    }

    /// Whether who looks at it may do or see what is at this path of the table of the routes.
    pub(super) fn may(&self, path: &str) -> bool {
        self.rights.may(path)
    }

    /// Whether who looks at it may let this node in.
    pub(super) fn may_let_in(&self, node: &NodeView) -> bool {
        self.rights.may_let_in(node)
    }

    /// Whether the page belongs to this part of the navigation.
    pub(super) fn is(&self, tab: &str) -> bool {
        self.tab == tab
    }
}

/// Nodes in the order in which people look for them.
pub(super) fn by_title(mut nodes: Vec<NodeView>) -> Vec<NodeView> {
    nodes.sort_by(|a, b| a.title.cmp(&b.title).then_with(|| a.id.cmp(&b.id)));
    nodes
}

/// The commands that failed and that nothing newer replaced.
pub(super) fn failed(overview: &Overview) -> impl Iterator<Item = &CommandView> {
    overview
        .needs
        .iter()
        .filter_map(|need| if let Need::Failed(command) = need { Some(&**command) } else { None })
}

/// A page as an answer.
pub(super) fn rendered<T: Template>(status: StatusCode, page: &T) -> Reply {
    match page.render() {
        Ok(page) => body::html(status, page),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            body::reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "The page is broken.")
        }
    }
}
