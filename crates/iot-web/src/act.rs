//! Things to do: what a form or a script asks becomes a [`Request`] to the hub, and the hub's answer theirs.

use std::sync::Arc;

use iot_core::{
    Answer, IotError, NodeId, Request,
    catalogue::{Action, Argument, ModuleKind, Property, ValueError},
    view::Wanted,
};
use iot_proto::{CommandId, OwnedValue};

use crate::{
    Backend, api,
    body::{self, Reply},
    details::Details,
    door,
    error::WebError,
    input::{Given, Whole},
    page::{self, Refusal},
    route::{Act, NodeAct},
    web::{Asked, Web},
};

/// For how long a node shows itself where nobody says, in seconds.
const IDENTIFY_FOR_S: u16 = 10;

/// Does what a form asks and sends the browser back to where it came from; a refused value is shown there,
/// beside its control.
///
/// # Errors
/// Why it is not done, where no control can show it.
pub(crate) async fn by_form<B: Backend>(web: &Web<B>, act: Act, asked: &Asked) -> Result<Reply, WebError> {
    let form = asked.form()?;
    let details = Details::of_form(&form);
    match done(web, &act, details).await {
        Ok(_) => Ok(body::see_other(&page::after(&act, &form))),
        Err(error) => match page::Place::of(&act) {
            Some(place) => {
                let refusal = Refusal { place, error, entered: form.raw("value").unwrap_or_default().into() };
                page::again(web, &refusal, form.get("back")).await
            }
            None => Err(error),
        },
    }
}

/// Does what a script asks.
///
/// # Errors
/// Why it is not done.
pub(crate) async fn by_script<B: Backend>(web: &Web<B>, act: Act, asked: &Asked) -> Result<Reply, WebError> {
    let wait = api::wait(&asked.query)?;
    let details = Details::of_script(&act, asked)?;
    // Whoever waits must listen before the command is sent, or its end could be missed.
    let events = web.backend.events();
    match done(web, &act, details).await? {
        Answer::Command(id) => match wait {
            Some(wait) => api::command_when_ended(web, id, events, wait).await,
            None => Ok(api::accepted(id)),
        },
        Answer::Done | Answer::Response { .. } => Ok(api::Done::reply()),
    }
}

async fn done<B: Backend>(web: &Web<B>, act: &Act, details: Details<'_>) -> Result<Answer, WebError> {
    let why = details.why.clone();
    let request = request(web, act, details).await?;
    if let Some(node) = lets_in(&request) {
        door::let_in(web, node).await?;
    }
    Ok(web.backend.ask(&web.author(), &why, request).await?)
}

/// The node that would be let in, or let in somewhere else.
fn lets_in(request: &Request) -> Option<&NodeId> {
    if let Request::Admit { node }
    | Request::Unarchive { node }
    | Request::AcceptAddress { node, .. }
    | Request::Replace { by: node, .. } = request
    {
        Some(node)
    } else {
        None
    }
}

async fn request<B: Backend>(web: &Web<B>, act: &Act, details: Details<'_>) -> Result<Request, WebError> {
    let (node, wanted) = match act {
        Act::Set(node, module, channel) => {
            let kind = kind_of(web, node, *module).await?;
            let property = property(&kind, channel)?;
            let given = details.value.ok_or_else(|| WebError::malformed("the value is missing"))?;
            let value = given.read(&property.name, &property.value)?;
            (node, Wanted::Set { module: *module, channel: property.channel, value })
        }
        Act::Get(node, module, channel) => {
            let kind = kind_of(web, node, *module).await?;
            (node, Wanted::Get { module: *module, channel: property(&kind, channel)?.channel })
        }
        Act::Invoke(node, module, channel) => {
            let kind = kind_of(web, node, *module).await?;
            let action = action(&kind, channel)?;
            let argument = argument(action, details.value)?;
            (node, Wanted::Invoke { module: *module, channel: action.channel, argument })
        }
        Act::Node(node, NodeAct::Identify) => {
            (node, Wanted::Identify { for_s: details.for_s.map_or(IDENTIFY_FOR_S, Whole::get) })
        }
        Act::Node(node, NodeAct::Restart) => (node, Wanted::Restart),
        Act::Node(node, NodeAct::Name) => {
            let Details { title, place, .. } = details;
            return Ok(Request::Name { node: node.clone(), title, place });
        }
        Act::NameModule(node, module) => {
            return Ok(Request::NameModule { node: node.clone(), module: *module, title: details.title });
        }
        Act::Node(node, NodeAct::Admit) => return Ok(Request::Admit { node: node.clone() }),
        Act::Node(node, NodeAct::Reject) => return Ok(Request::Reject { node: node.clone() }),
        Act::Node(node, NodeAct::Disable) => return Ok(Request::Disable { node: node.clone() }),
        Act::Node(node, NodeAct::Enable) => return Ok(Request::Enable { node: node.clone() }),
        Act::Node(node, NodeAct::Revoke) => return Ok(Request::Revoke { node: node.clone() }),
        Act::Node(node, NodeAct::Permit) => return Ok(Request::Permit { node: node.clone() }),
        Act::Node(node, NodeAct::Forbid) => return Ok(Request::Forbid { node: node.clone() }),
        Act::Node(node, NodeAct::AcceptAddress) => {
            let address = details.address.parse();
            let address =
                address.map_err(|_| WebError::malformed("address must be one, such as 192.168.1.20"))?;
            return Ok(Request::AcceptAddress { node: node.clone(), address });
        }
        Act::Node(node, NodeAct::Tags) => {
            return Ok(Request::Tag { node: node.clone(), tags: details.tags });
        }
        Act::Node(node, NodeAct::Archive) => return Ok(Request::Archive { node: node.clone() }),
        Act::Node(node, NodeAct::Unarchive) => return Ok(Request::Unarchive { node: node.clone() }),
        Act::Node(node, NodeAct::Forget) => return Ok(Request::Forget { node: node.clone() }),
        Act::Node(node, NodeAct::Replace) => {
            let by = NodeId::parse(&details.by).ok_or(IotError::UnknownNode { node: details.by })?;
            return Ok(Request::Replace { node: node.clone(), by });
        }
        Act::Cancel(id) => return Ok(Request::Cancel { id: *id }),
    };
    let expires_in_s = details.expires_in_s.map(Whole::get);
    Ok(Request::Command { node: node.clone(), wanted, expires_in_s })
}

async fn kind_of<B: Backend>(web: &Web<B>, id: &NodeId, index: u8) -> Result<Arc<ModuleKind>, WebError> {
    let node = web.backend.node(id).await?;
    let module = node.modules.into_iter().find(|module| module.index == index);
    let module = module.ok_or_else(|| IotError::ModuleNotRegistered { node: id.clone(), module: index })?;
    Ok(module.kind?)
}

fn property<'a>(kind: &'a ModuleKind, channel: &str) -> Result<&'a Property, ValueError> {
    let mut all = kind.properties.iter();
    let found = all.find(|property| *property.name == *channel || property.channel.to_string() == channel);
    found.map(AsRef::as_ref).ok_or_else(|| unknown(kind, channel))
}

fn action<'a>(kind: &'a ModuleKind, channel: &str) -> Result<&'a Action, ValueError> {
    let mut all = kind.actions.iter();
    let found = all.find(|action| *action.name == *channel || action.channel.to_string() == channel);
    found.map(AsRef::as_ref).ok_or_else(|| unknown(kind, channel))
}

fn unknown(kind: &ModuleKind, channel: &str) -> ValueError {
    ValueError::UnknownChannel { kind: kind.name.clone(), channel: channel.into() }
}

fn argument(action: &Action, given: Option<Given<'_>>) -> Result<Option<OwnedValue>, WebError> {
    match (&action.argument, given) {
        (Some(Argument { value, .. }), Some(given)) => Ok(Some(given.read(&action.name, value)?)),
        (Some(Argument { value, .. }), None) => {
            Err(ValueError::WrongType { name: action.name.clone(), expected: value.expected() }.into())
        }
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(ValueError::WrongType { name: action.name.clone(), expected: "no argument".into() }.into())
        }
    }
}

/// Where a command can be read.
pub(crate) fn command_location(id: CommandId) -> String {
    format!("/api/v1/commands/{id}")
}
