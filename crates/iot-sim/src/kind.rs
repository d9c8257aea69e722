//! The module kinds that can be simulated: their channels, as the hub's catalogue has them (version 1).

/// A module kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) properties: &'static [Property],
    /// Numbers of its actions.
    pub(crate) actions: &'static [u8],
}

/// A property of a module kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) channel: u8,
    pub(crate) shape: Shape,
    pub(crate) access: Access,
}

/// What values a property has.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    Bool,
    Int { min: i64, max: i64 },
    Float { min: f64, max: f64 },
    Text { max_bytes: usize },
}

/// Whether the hub may set a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

// A range is never NaN.
impl Eq for Property {}

const fn property(channel: u8, access: Access, shape: Shape) -> Property {
    Property { channel, shape, access }
}

const fn int(channel: u8, access: Access, min: i64, max: i64) -> Property {
    property(channel, access, Shape::Int { min, max })
}

const fn float(channel: u8, access: Access, min: f64, max: f64) -> Property {
    property(channel, access, Shape::Float { min, max })
}

const fn kind(name: &'static str, properties: &'static [Property], actions: &'static [u8]) -> Kind {
    Kind { name, properties, actions }
}

use Access::{Read, Write};
use Shape::Bool;

pub(crate) static RELAY: Kind = kind("relay", &[property(1, Write, Bool)], &[2]);
pub(crate) static SWITCH_INPUT: Kind = kind("switch-input", &[property(1, Read, Bool)], &[]);
pub(crate) static DIMMER: Kind = kind("dimmer", &[property(1, Write, Bool), int(2, Write, 0, 100)], &[]);
pub(crate) static RGB_LIGHT: Kind = kind(
    "rgb-light",
    &[property(1, Write, Bool), int(2, Write, 0, 0xFF_FFFF), int(3, Write, 0, 100), int(4, Write, 0, 3)],
    &[],
);
pub(crate) static TEMPERATURE: Kind = kind("temperature", &[float(1, Read, -60.0, 150.0)], &[]);
pub(crate) static HUMIDITY: Kind = kind("humidity", &[float(1, Read, 0.0, 100.0)], &[]);
pub(crate) static PRESSURE: Kind = kind("pressure", &[float(1, Read, 300.0, 1200.0)], &[]);
pub(crate) static POWER_METER: Kind = kind(
    "power-meter",
    &[
        float(1, Read, -50_000.0, 50_000.0),
        float(2, Read, 0.0, f64::MAX),
        float(3, Read, 0.0, 500.0),
        float(4, Read, 0.0, 200.0),
    ],
    &[5],
);
pub(crate) static MOTION: Kind = kind("motion", &[property(1, Read, Bool)], &[]);
pub(crate) static CONTACT: Kind = kind("contact", &[property(1, Read, Bool)], &[]);
pub(crate) static SERVO: Kind = kind("servo", &[float(1, Write, 0.0, 180.0), property(2, Write, Bool)], &[]);
pub(crate) static COVER: Kind = kind("cover", &[int(1, Write, 0, 100), int(2, Read, 0, 2)], &[3]);
pub(crate) static TEXT_DISPLAY: Kind =
    kind("text-display", &[property(1, Write, Shape::Text { max_bytes: 32 }), int(2, Write, 0, 100)], &[3]);
