//! The pages. Each file holds what its page shows, beside the handler that gathers it; the templates of
//! `web-templates` only lay it out.

mod audit;
mod axis;
mod catalogue;
mod cell;
mod chart;
mod commands;
mod control;
mod curve;
mod door;
mod error;
mod inbox;
mod joining;
mod life;
mod module;
mod node;
mod nodes;
mod overview;
mod people;
mod range;
mod refusal;
mod replacement;
mod restore;
mod shell;
mod sketch;
mod store;
mod terms;
mod ticks;
mod trend;

pub(crate) use audit::audit;
pub(crate) use catalogue::{catalogue, kind};
pub(crate) use commands::commands;
pub(crate) use door::{claim, instead, log_in};
pub(crate) use error::error;
pub(crate) use inbox::inbox;
pub(crate) use joining::joining;
pub(crate) use module::module;
pub(crate) use node::node;
pub(crate) use nodes::nodes;
pub(crate) use overview::overview;
pub(crate) use people::{Told, account, people};
pub(crate) use refusal::{Place, Refusal, after, again};
pub(crate) use replacement::replacement;
pub(crate) use restore::restore;
pub(crate) use sketch::part_of_range;
pub(crate) use store::store;
