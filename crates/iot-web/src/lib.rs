//! Pages, JSON API and live feed of the hub.

mod backend;

pub use backend::Backend;
