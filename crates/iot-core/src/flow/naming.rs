//! Names: what people call nodes and modules, and where they say that nodes are.

use alloc::{boxed::Box, format};

use iot_proto::Label;

use crate::{Effects, Event, Hub, IotError, NodeId, Now};

impl Hub {
    /// Calls a node something, and says where it is.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Label`].
    pub(crate) fn name_node(
        &mut self,
        now: Now,
        by: &str,
        id: &NodeId,
        (title, place): (&str, &str),
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let (title, place) = (checked("the name of a node", title)?, checked("the place of a node", place)?);
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before = node.title.clone();
        node.name(title, place);
        out.records.records.extend(node.record());
        out.publish(Event::Node { node: id.clone() });
        if node.title != before {
            let text = format!("{before} was named {} by {by}.", node.title);
            self.activity.note(now.wall, Some(id), text, out);
        }
        Ok(())
    }

    /// Calls a module something.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::ModuleNotRegistered`], [`IotError::Label`].
    pub(crate) fn name_module(
        &mut self,
        now: Now,
        by: &str,
        (id, index): (&NodeId, u8),
        title: &str,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let title = checked("the name of a module", title)?;
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before = Box::<str>::from(node.module(index)?.title());
        if let Some(module) = node.module_mut(index) {
            module.name((!title.is_empty()).then(|| Box::from(title)));
        }
        let after = Box::<str>::from(node.module(index)?.title());
        out.records.records.extend(node.record());
        out.publish(Event::Modules { node: id.clone() });
        if after != before {
            let text = format!("{before} of {} was named {after} by {by}.", node.title);
            self.activity.note(now.wall, Some(id), text, out);
        }
        Ok(())
    }
}

/// A name without blanks around it, where it can be one.
fn checked<'a>(what: &'static str, name: &'a str) -> Result<&'a str, IotError> {
    let label = Label::new(name.trim()).map_err(|source| IotError::Label { what, source })?;
    Ok(label.as_str())
}
