//! The parts that a path names in braces: how each is read, and how the document of the API describes it.

use iot_core::{IotError, NodeId};
use iot_proto::CommandId;
use matchit::Params;
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use super::{Miss, command_id};

/// A part of the path, decoded. The table guarantees that it is there.
pub(super) fn text(params: &Params<'_, '_>, name: &str) -> Result<Box<str>, Miss> {
    let part = percent_decode_str(params.get(name).unwrap_or_default()).decode_utf8();
    part.map(Into::into).map_err(|_| Miss::Nothing)
}

pub(super) fn node(params: &Params<'_, '_>) -> Result<NodeId, Miss> {
    let node = text(params, "node")?;
    NodeId::parse(&node).ok_or(Miss::Unknown(IotError::UnknownNode { node }))
}

pub(super) fn module(params: &Params<'_, '_>) -> Result<u8, Miss> {
    text(params, "module")?.parse().map_err(|_| Miss::Nothing)
}

pub(super) fn command(params: &Params<'_, '_>) -> Result<CommandId, Miss> {
    let id = text(params, "command")?;
    command_id(&id).ok_or(Miss::Unknown(IotError::UnknownCommand { id }))
}

/// The parts of a path of the table, in its order.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// What the part of this name is, and its schema.
pub(crate) fn described(name: &str) -> (&'static str, Json) {
    match name {
        "node" => {
            ("Id of the node, such as `plain:pump-house`.", json!({ "type": "string", "minLength": 1 }))
        }
        "module" => {
            ("Index of the module in its node.", json!({ "type": "integer", "minimum": 0, "maximum": 255 }))
        }
        "channel" => {
            ("Name or number of the property or action.", json!({ "type": "string", "minLength": 1 }))
        }
        "command" => ("Id of the command.", json!({ "type": "string", "format": "uuid" })),
        "kind" => ("Name of the module kind, such as `relay`.", json!({ "type": "string", "minLength": 1 })),
        _ => ("Name of the file.", json!({ "type": "string", "minLength": 1 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_path_stand_in_its_order() {
        let path = "/api/v1/nodes/{node}/modules/{module}/properties/{channel}/read";
        assert_eq!(names(path).collect::<Vec<_>>(), ["node", "module", "channel"]);
        assert_eq!(names("/healthz").count(), 0);
    }
}
