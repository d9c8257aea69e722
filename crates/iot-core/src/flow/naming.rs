//! Names: what people call nodes and modules, where they say that nodes are, and what they count them among.

use alloc::{boxed::Box, collections::BTreeSet, format, vec::Vec};

use iot_proto::{Label, Text};

use super::audit::Asker;
use crate::{
    Effects, Event, Hub, IotError, NodeId, Now,
    audit::{Deed, Target},
    registry::Node,
};

/// Most tags of one node.
pub const MAX_TAGS: usize = 16;

impl Hub {
    /// Calls a node something, and says where it is.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Label`].
    pub(crate) fn name_node(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        (title, place): (&str, &str),
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let (title, place) = (checked("the name of a node", title)?, checked("the place of a node", place)?);
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let (before, words, target) = (node.title.clone(), names(node), node.target());
        node.name(title, place);
        if names(node) == words {
            return Ok(());
        }
        out.records.records.extend(node.record());
        out.audit(asker, Deed::Name, target, words, names(node));
        out.publish(Event::Node { node: id.clone() });
        if node.title != before {
            let text = format!("{before} was named {} by {}.", node.title, asker.by);
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
        asker: Asker<'_>,
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
        if after == before {
            return Ok(());
        }
        out.records.records.extend(node.record());
        let target = Target { title: before.clone(), module: Some(index), ..node.target() };
        out.audit(asker, Deed::Name, target, before.clone(), after.clone());
        out.publish(Event::Modules { node: id.clone() });
        let text = format!("{before} of {} was named {after} by {}.", node.title, asker.by);
        self.activity.note(now.wall, Some(id), text, out);
        Ok(())
    }

    /// Says what a node is counted among.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Tag`], [`IotError::TooMany`].
    pub(crate) fn tag(
        &mut self,
        asker: Asker<'_>,
        id: &NodeId,
        tags: &[Box<str>],
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let tags = tags.iter().map(|tag| checked_tag(tag)).collect::<Result<BTreeSet<_>, _>>()?;
        if tags.len() > MAX_TAGS {
            let limit = u64::try_from(MAX_TAGS).unwrap_or(u64::MAX);
            return Err(IotError::TooMany { what: "tags of one node", limit });
        }
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before = node.extras().tags.join(", ");
        let tags: Vec<_> = tags.into_iter().map(Box::from).collect();
        if node.extras().tags == tags {
            return Ok(());
        }
        let after = tags.join(", ");
        node.change_extras(|extras| extras.tags = tags);
        out.records.records.extend(node.record());
        out.audit(asker, Deed::Tag, node.target(), before, after);
        out.publish(Event::Node { node: id.clone() });
        Ok(())
    }
}

/// Name and place of a node in words: `Well pump, Well house`.
fn names(node: &Node) -> Box<str> {
    let place = node.place();
    if place.is_empty() { node.title.clone() } else { format!("{}, {place}", node.title).into() }
}

/// A tag without blanks around it, where it can be one.
fn checked_tag(tag: &str) -> Result<&str, IotError> {
    let word = Text::<24>::new(tag.trim()).map_or("", Text::as_str);
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == ',') {
        let shown = Text::<64>::clipped(tag);
        return Err(IotError::Tag { tag: shown.as_str().into() });
    }
    Ok(word)
}

/// A name without blanks around it, where it can be one.
fn checked<'a>(what: &'static str, name: &'a str) -> Result<&'a str, IotError> {
    let label = Label::new(name.trim()).map_err(|source| IotError::Label { what, source })?;
    Ok(label.as_str())
}
