//! What can be wanted of a node, and how it is put in words.

use alloc::{boxed::Box, format};

use super::Node;
use crate::{IotError, view::Wanted};

impl Node {
    /// Checks that the node can be wanted to do this.
    ///
    /// # Errors
    /// [`IotError::ModuleNotRegistered`], why the module's kind is not supported, [`IotError::Value`].
    pub(crate) fn check_wanted(&self, wanted: &Wanted) -> Result<(), IotError> {
        let Some((index, channel)) = wanted.place() else { return Ok(()) };
        let kind = self.module(index)?.kind()?;
        match wanted {
            Wanted::Set { value, .. } => kind.property(channel)?.check_command(value.borrow())?,
            Wanted::Get { .. } => {
                kind.property(channel)?;
            }
            Wanted::Invoke { argument, .. } => {
                kind.action(channel)?.check_argument(argument.as_ref().map(|value| value.borrow()))?;
            }
            Wanted::Identify { .. } | Wanted::Restart => {}
        }
        Ok(())
    }

    /// What is wanted of the node, in words: `Pump 2: Output On`.
    pub(crate) fn describe(&self, wanted: &Wanted) -> Box<str> {
        let summary = self.summarise(wanted);
        match wanted.module().and_then(|index| self.module(index).ok()) {
            Some(module) => format!("{}: {summary}", module.title()).into(),
            None => format!("{}: {summary}", self.title).into(),
        }
    }

    /// What is wanted, in words, without of whom: `Output On`, `Pulse`, `Restart`.
    pub(crate) fn summarise(&self, wanted: &Wanted) -> Box<str> {
        let kind =
            wanted.module().and_then(|index| self.module(index).ok()).and_then(|module| module.kind().ok());
        match wanted {
            Wanted::Set { channel, value, .. } => match kind.and_then(|kind| kind.property(*channel).ok()) {
                Some(property) => {
                    format!("{} {}", property.title, property.value.text_with_unit(value)).into()
                }
                None => format!("set channel {channel}").into(),
            },
            Wanted::Get { channel, .. } => match kind.and_then(|kind| kind.property(*channel).ok()) {
                Some(property) => format!("read {}", property.title).into(),
                None => format!("read channel {channel}").into(),
            },
            Wanted::Invoke { channel, argument, .. } => {
                match kind.and_then(|kind| kind.action(*channel).ok()) {
                    Some(action) => match (argument, &action.argument) {
                        (Some(value), Some(taken)) => {
                            format!("{} {}", action.title, taken.value.text_with_unit(value)).into()
                        }
                        _ => action.title.clone(),
                    },
                    None => format!("run channel {channel}").into(),
                }
            }
            Wanted::Identify { for_s } => format!("identify for {for_s} s").into(),
            Wanted::Restart => "restart".into(),
        }
    }
}
