//! A simulated fleet of nodes: real sockets, believable values, faults on request.
//!
//! Every node is a session of `iot-node` on a TCP connection of its own, from a loopback address of its
//! own (127.16.0.1 and on), where it also listens if it should. Names, modules, values and faults follow
//! from a seed. The program `iot-sim` runs a fleet from the command line; tests start one in their process:
//!
//! ```no_run
//! # async fn run() -> Result<(), iot_sim::FleetError> {
//! use iot_sim::{Control, Fleet, FleetConfig};
//!
//! let hub = "127.0.0.1:5070".parse().expect("an address");
//! let fleet = Fleet::start(FleetConfig::new(hub, 10)).await?;
//! fleet.control(3, Control::Cut).await.expect("node 3 exists");
//! println!("{}", fleet.stop().await);
//! # Ok(()) }
//! ```

extern crate alloc;

mod address;
mod archetype;
mod device;
mod discover;
mod fleet;
mod joining;
mod kind;
mod module;
mod node;
mod plan;
mod random;
mod stats;

pub use address::{FIRST_ADDRESS, node_address};
pub use discover::{DiscoverError, SERVICE, Search, discover};
pub use fleet::{Control, ControlError, Fleet, FleetError, SimNode};
pub use joining::{Invitation, InvitationError, Way, join_hub};
pub use plan::{FleetConfig, Plan};
pub use stats::{Latency, Stats};
