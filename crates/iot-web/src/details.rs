//! [`Details`]: what is given with something to do, by a form or in JSON.

use std::borrow::Cow;

use iot_core::{MAX_TAGS, audit::WORDS};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    error::WebError,
    input::{Given, Query, Told, Whole},
    route::{Act, NodeAct},
    web::Asked,
};

/// What may be given with something to do.
#[derive(Debug, Default)]
pub(crate) struct Details<'a> {
    pub(crate) value: Option<Given<'a>>,
    pub(crate) expires_in_s: Option<Whole<u32>>,
    pub(crate) for_s: Option<Whole<u16>>,
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
    pub(crate) fn of_script(act: &Act, asked: &Asked) -> Result<Self, WebError> {
        Ok(match act {
            Act::Set(..) => {
                let SetBody { value, expires_in_s, why } = asked.document()?;
                Self { value: Some(Given::Json(value)), expires_in_s, why: why.0, ..Self::default() }
            }
            Act::Invoke(..) => {
                let InvokeBody { argument, expires_in_s, why } = asked.document()?;
                Self { value: argument.map(Given::Json), expires_in_s, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::Identify) => {
                let IdentifyBody { for_s, expires_in_s, why } = asked.document()?;
                Self { expires_in_s, for_s, why: why.0, ..Self::default() }
            }
            Act::Get(..) | Act::Node(_, NodeAct::Restart) => {
                let ExpiryBody { expires_in_s, why } = asked.document()?;
                Self { expires_in_s, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::Name) => {
                let NameBody { title, place, why } = asked.document()?;
                Self { title, place, why: why.0, ..Self::default() }
            }
            Act::NameModule(..) => {
                let NameModuleBody { title, why } = asked.document()?;
                Self { title, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::Tags) => {
                let TagsBody { tags, why } = asked.document()?;
                Self { tags, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::AcceptAddress) => {
                let AddressBody { address, why } = asked.document()?;
                Self { address, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::Replace) => {
                let ReplaceBody { by, why } = asked.document()?;
                Self { by, why: why.0, ..Self::default() }
            }
            Act::Node(_, NodeAct::Disable | NodeAct::Forget) => {
                let ReasonBody { why } = asked.document()?;
                Self { why: why.0, ..Self::default() }
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
                let WhyBody { why } = asked.document()?;
                Self { why: why.0, ..Self::default() }
            }
        })
    }
}

/// Why something is done: one line of at most 240 bytes, which is kept with it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Why(#[schemars(length(max = WORDS))] pub(crate) Box<str>);

/// The body of a script that sets a property.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetBody {
    /// An option by name, a colour as `#rrggbb`.
    #[schemars(with = "Told")]
    value: Json,
    /// After so many seconds it is not wanted any more.
    expires_in_s: Option<Whole<u32>>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that runs an action.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvokeBody {
    /// Not there where the action takes none.
    #[schemars(with = "Option<Told>")]
    argument: Option<Json>,
    /// After so many seconds it is not wanted any more.
    expires_in_s: Option<Whole<u32>>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that has a node show itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentifyBody {
    /// For how many seconds; 10 where nobody says.
    for_s: Option<Whole<u16>>,
    /// After so many seconds it is not wanted any more.
    expires_in_s: Option<Whole<u32>>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that reads a property anew, or restarts a node.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiryBody {
    /// After so many seconds it is not wanted any more.
    expires_in_s: Option<Whole<u32>>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that names a node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameBody {
    /// Empty gives back the node's own.
    title: Box<str>,
    /// Where it is.
    place: Box<str>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that names a module.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameModuleBody {
    /// Empty gives back what the node calls it.
    title: Box<str>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that says what a node is counted among.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagsBody {
    /// In place of those before.
    #[schemars(length(max = MAX_TAGS))]
    tags: Vec<Box<str>>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that says where a node is let in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressBody {
    /// Such as `192.168.1.20`.
    address: Box<str>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that lets new hardware take a node's place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceBody {
    /// Id of the new hardware.
    by: Box<str>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that must say why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    why: Why,
}

/// A body in which nothing but the reason may stand.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyBody {
    #[serde(default)]
    pub(crate) why: Why,
}
