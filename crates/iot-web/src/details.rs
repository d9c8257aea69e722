//! [`Details`]: what is given with something to do, by a form or in JSON.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    error::WebError,
    input::{Given, Query},
    route::{Act, NodeAct},
};

/// What may be given with something to do.
#[derive(Debug, Default)]
pub(crate) struct Details<'a> {
    pub(crate) value: Option<Given<'a>>,
    pub(crate) expires_in_s: Option<u32>,
    pub(crate) for_s: Option<u16>,
    pub(crate) title: Box<str>,
    pub(crate) place: Box<str>,
    pub(crate) tags: Vec<Box<str>>,
    /// Where the node is let in.
    pub(crate) address: Box<str>,
    /// New hardware.
    pub(crate) by: Box<str>,
    pub(crate) why: Box<str>,
}

impl<'a> Details<'a> {
    /// What a form gives. Tags have commas between them.
    pub(crate) fn of_form(form: &'a Query) -> Self {
        let value = form.raw("value").map(|value| Given::Field(Cow::Borrowed(value)));
        let text = |name| Box::from(form.raw(name).unwrap_or_default());
        let tags = form.raw("tags").unwrap_or_default().split(',').map(str::trim);
        Self {
            value,
            title: text("title"),
            place: text("place"),
            tags: tags.filter(|tag| !tag.is_empty()).map(Into::into).collect(),
            address: text("address"),
            by: text("by"),
            why: text("why"),
            ..Self::default()
        }
    }
}

impl Details<'static> {
    /// What a script gives.
    ///
    /// # Errors
    /// [`WebError::Malformed`] for what is no such document.
    pub(crate) fn of_script(act: &Act, body: &[u8]) -> Result<Self, WebError> {
        Ok(match act {
            Act::Set(..) => {
                let SetBody { value, expires_in_s, why } = document(body)?;
                Self { value: Some(Given::Json(value)), expires_in_s, why, ..Self::default() }
            }
            Act::Invoke(..) => {
                let InvokeBody { argument, expires_in_s, why } = document_or_none(body)?;
                Self { value: argument.map(Given::Json), expires_in_s, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::Identify) => {
                let IdentifyBody { for_s, expires_in_s, why } = document_or_none(body)?;
                Self { expires_in_s, for_s, why, ..Self::default() }
            }
            Act::Get(..) | Act::Node(_, NodeAct::Restart) => {
                let ExpiryBody { expires_in_s, why } = document_or_none(body)?;
                Self { expires_in_s, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::Name) => {
                let NameBody { title, place, why } = document(body)?;
                Self { title, place, why, ..Self::default() }
            }
            Act::NameModule(..) => {
                let NameModuleBody { title, why } = document(body)?;
                Self { title, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::Tags) => {
                let TagsBody { tags, why } = document(body)?;
                Self { tags, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::AcceptAddress) => {
                let AddressBody { address, why } = document(body)?;
                Self { address, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::Replace) => {
                let ReplaceBody { by, why } = document(body)?;
                Self { by, why, ..Self::default() }
            }
            Act::Node(_, NodeAct::Disable | NodeAct::Forget) => {
                let ReasonBody { why } = document(body)?;
                Self { why, ..Self::default() }
            }
            Act::Node(
                _,
                NodeAct::Admit
                | NodeAct::Reject
                | NodeAct::Enable
                | NodeAct::Revoke
                | NodeAct::Permit
                | NodeAct::Forbid
                | NodeAct::Archive
                | NodeAct::Unarchive,
            )
            | Act::Cancel(_) => {
                let WhyBody { why } = document_or_none(body)?;
                Self { why, ..Self::default() }
            }
        })
    }
}

/// The body of a script that sets a property.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBody {
    value: Json,
    expires_in_s: Option<u32>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that runs an action.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvokeBody {
    argument: Option<Json>,
    expires_in_s: Option<u32>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that has a node show itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentifyBody {
    for_s: Option<u16>,
    expires_in_s: Option<u32>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that reads a property anew, or restarts a node.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpiryBody {
    expires_in_s: Option<u32>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that names a node.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameBody {
    title: Box<str>,
    place: Box<str>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that names a module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameModuleBody {
    title: Box<str>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that says what a node is counted among.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagsBody {
    tags: Vec<Box<str>>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that says where a node is let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressBody {
    address: Box<str>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that lets new hardware take a node's place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceBody {
    by: Box<str>,
    #[serde(default)]
    why: Box<str>,
}

/// The body of a script that must say why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    why: Box<str>,
}

/// A body in which nothing but the reason may stand.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhyBody {
    #[serde(default)]
    why: Box<str>,
}

fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, WebError> {
    serde_json::from_slice(body).map_err(|error| WebError::malformed(error.to_string()))
}

fn document_or_none<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, WebError> {
    if body.is_empty() { Ok(T::default()) } else { document(body) }
}
