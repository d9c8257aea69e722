//! Your own first node: a relay and a temperature sensor.
//!
//! `cargo run -p iot-node --features tokio --example first_node -- 127.0.0.1:5070 my-first-node`

use core::{error::Error, time::Duration};
use std::env;

use iot_node::{
    Answer, Command, Config, Instant, What,
    proto::{Announcement, BootId, ErrorCode, Identity, Label, Name, Reading, Taken, Value},
    runner::{Device, Ends, HostNode, run},
};

struct Shed {
    relay: bool,
}

impl Device for Shed {
    fn obey(&mut self, command: Command<'_>) -> Answer<'_> {
        match command.what {
            What::Set { module: 0, channel: 1, value: Value::Bool(on) } => self.relay = on,
            What::Get { module: 0, channel: 1 } => {}
            What::Set { .. }
            | What::Get { .. }
            | What::Invoke { .. }
            | What::Identify { .. }
            | What::Restart => {
                return Answer::Failed { code: ErrorCode::UNKNOWN_CHANNEL, detail: "only the relay obeys" };
            }
        }
        Answer::Done(Some(self.relay.into()))
    }

    fn wake(&mut self, node: &mut HostNode<'_>, now: Instant) -> Duration {
        let reading = |module, value| Reading { module, channel: 1, taken: Taken::Age(0), value };
        let seconds = Duration::from_millis(now.0).as_secs_f64();
        let temperature = 20.0 + (seconds / 60.0).sin();
        // Two readings always fit one report.
        let _ = node.report(now, &[reading(0, self.relay.into()), reading(1, temperature.into())]);
        Duration::from_secs(5)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let hub = args.next().as_deref().unwrap_or("127.0.0.1:5070").parse()?;
    let name = args.next();
    let name = Name::new(name.as_deref().unwrap_or("my-first-node"))?;
    let module = |index, kind, title| -> Result<_, Box<dyn Error>> {
        Ok(Announcement { index, kind: Name::new(kind)?, kind_version: 1, title: Label::new(title)? })
    };
    let modules = [module(0, "relay", "Lamp")?, module(1, "temperature", "Shed temperature")?];
    let boot = std::process::id(); // any number that the last start did not have
    let config = Config::new(Identity::Name(name), BootId(boot), u64::from(boot), &modules);
    Ok(run(config, Shed { relay: false }, Ends::new(hub)).await?)
}
