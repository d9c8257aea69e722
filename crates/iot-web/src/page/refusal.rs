//! Forms and where they lead: back to the page that they came from, with the refusal beside its control.

use iot_core::{NodeId, view::NodeView};

use super::{module, node, overview};
use crate::{
    Backend,
    body::Reply,
    error::WebError,
    input::Query,
    route::{Act, NodeAct},
    web::Web,
};

/// The property or action that a form is for, by number or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) node: NodeId,
    pub(super) module: u8,
    pub(super) channel: Box<str>,
}

impl Place {
    /// The place of a control; `None` for what concerns a whole node or a command.
    pub(crate) fn of(act: &Act) -> Option<Self> {
        match act {
            Act::Set(node, module, channel)
            | Act::Get(node, module, channel)
            | Act::Invoke(node, module, channel) => {
                Some(Self { node: node.clone(), module: *module, channel: channel.clone() })
            }
            Act::NameModule(..) | Act::Node(..) | Act::Cancel(_) => None,
        }
    }

    /// Whether it is the module's main property, the only one that boards show.
    fn is_main(&self, node: &NodeView) -> bool {
        let module = node.modules.iter().find(|module| module.index == self.module);
        let main = module.and_then(|module| module.properties.first());
        main.is_some_and(|main| main.property.channel.to_string() == *self.channel)
    }
}

/// Why a form was refused, and what was in it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) place: Place,
    pub(crate) error: WebError,
    pub(crate) entered: Box<str>,
}

impl Refusal {
    /// Whether the refusal is about this property or action.
    pub(super) fn is_about(&self, node: &NodeId, module: u8, channel: u8) -> bool {
        self.place.node == *node && self.place.module == module && *self.place.channel == channel.to_string()
    }
}

/// The page from which a form was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    Overview,
    Node,
    Module,
}

impl Back {
    /// The word in the form's hidden field.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Node => "node",
            Self::Module => "module",
        }
    }

    fn parse(word: Option<&str>) -> Option<Self> {
        [Self::Overview, Self::Node, Self::Module].into_iter().find(|back| Some(back.word()) == word)
    }
}

/// Where a browser goes after a form that was taken.
pub(crate) fn after(act: &Act, form: &Query) -> String {
    match (act, Back::parse(form.get("back"))) {
        (_, Some(Back::Overview)) => "/".into(),
        (Act::Set(node, ..) | Act::Get(node, ..) | Act::Invoke(node, ..), Some(Back::Node)) => {
            format!("/nodes/{node}")
        }
        (Act::Set(node, module, _) | Act::Get(node, module, _) | Act::Invoke(node, module, _), _) => {
            format!("/nodes/{node}/modules/{module}")
        }
        (Act::NameModule(node, module), _) => format!("/nodes/{node}/modules/{module}"),
        (Act::Node(_, NodeAct::Admit), None) | (Act::Node(_, NodeAct::Reject), _) => "/inbox".into(),
        (Act::Node(_, NodeAct::Forget), _) => "/nodes".into(),
        // What people called the node is now at the new hardware.
        (Act::Node(node, NodeAct::Replace), _) => {
            let new = form.get("by").and_then(NodeId::parse);
            format!("/nodes/{}", new.as_ref().unwrap_or(node))
        }
        (Act::Node(node, _), _) => format!("/nodes/{node}"),
        (Act::Cancel(_), _) => "/commands".into(),
    }
}

/// The page from which a refused form was sent, with the refusal beside its control.
///
/// # Errors
/// The refusal itself where that page cannot be shown.
pub(crate) async fn again<B: Backend>(
    web: &Web<B>,
    refusal: &Refusal,
    back: Option<&str>,
) -> Result<Reply, WebError> {
    let Place { node: id, module: index, .. } = &refusal.place;
    let on_board = refusal.place.is_main(&web.backend.node(id).await?);
    let shown = match Back::parse(back).filter(|_| on_board) {
        Some(Back::Overview) => overview(web, Some(refusal)).await,
        Some(Back::Node) => node(web, id, Some(refusal)).await,
        Some(Back::Module) | None => module(web, id, *index, &Query::default(), Some(refusal)).await,
    };
    let status = refusal.error.status();
    shown.map_err(|_| refusal.error.clone()).map(|mut reply| {
        *reply.status_mut() = status;
        reply
    })
}
