//! What nodes there are in a fleet: a handful of boards as people build them.

use crate::kind::{
    CONTACT, COVER, DIMMER, HUMIDITY, Kind, MOTION, POWER_METER, PRESSURE, RELAY, RGB_LIGHT, SERVO,
    SWITCH_INPUT, TEMPERATURE, TEXT_DISPLAY,
};

/// A kind of node.
#[derive(Debug)]
pub(crate) struct Archetype {
    /// Beginning of the name of such a node.
    pub(crate) name: &'static str,
    pub(crate) board: &'static str,
    /// Kinds and titles of its modules.
    pub(crate) modules: &'static [(&'static Kind, &'static str)],
}

/// Node number `n` is of archetype `n` modulo their number.
pub(crate) static ARCHETYPES: &[Archetype] = &[
    Archetype {
        name: "climate",
        board: "ESP32-C6",
        modules: &[
            (&TEMPERATURE, "Air temperature"),
            (&HUMIDITY, "Air humidity"),
            (&PRESSURE, "Air pressure"),
        ],
    },
    Archetype {
        name: "pump-house",
        board: "Pico W",
        modules: &[(&RELAY, "Well pump"), (&TEMPERATURE, "Water temperature"), (&CONTACT, "Hatch")],
    },
    Archetype {
        name: "gate",
        board: "ESP32",
        modules: &[
            (&COVER, "Gate"),
            (&MOTION, "Driveway"),
            (&SWITCH_INPUT, "Gate button"),
            (&RELAY, "Gate lamp"),
        ],
    },
    Archetype {
        name: "workshop-meter",
        board: "STM32F4",
        modules: &[(&POWER_METER, "Machines"), (&RELAY, "Dust extractor"), (&TEMPERATURE, "Workshop")],
    },
    Archetype {
        name: "living-room",
        board: "ESP32-C3",
        modules: &[(&RGB_LIGHT, "Shelf"), (&DIMMER, "Ceiling"), (&MOTION, "Sofa corner")],
    },
    Archetype {
        name: "greenhouse",
        board: "Pico 2 W",
        modules: &[
            (&SERVO, "Roof vent"),
            (&TEMPERATURE, "Greenhouse air"),
            (&HUMIDITY, "Greenhouse humidity"),
            (&RELAY, "Drip line"),
        ],
    },
    Archetype {
        name: "hallway",
        board: "ESP32-S3",
        modules: &[(&TEXT_DISPLAY, "Notice"), (&CONTACT, "Front door"), (&SWITCH_INPUT, "Bell")],
    },
];

/// The archetype and the name of node `number`, counted from 0.
pub(crate) fn of(number: u32) -> (&'static Archetype, String) {
    let count = u32::try_from(ARCHETYPES.len()).unwrap_or(1).max(1);
    let at = usize::try_from(number % count).unwrap_or_default();
    let archetype = ARCHETYPES.get(at).unwrap_or(&FALLBACK);
    (archetype, format!("{}-{}", archetype.name, number / count + 1))
}

/// A node without modules; stands in for an entry of the table that does not exist.
static FALLBACK: Archetype = Archetype { name: "node", board: "", modules: &[] };

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use iot_proto::{Label, Name};

    use super::*;

    #[test]
    fn names_and_titles_are_valid_and_names_distinct() {
        let mut names = HashSet::new();
        for number in 0..1_000 {
            let (archetype, name) = of(number);
            assert!(Name::new(&name).is_ok(), "{name}");
            assert!(Label::new(archetype.board).is_ok());
            for (kind, title) in archetype.modules {
                assert!(Name::new(kind.name).is_ok() && Label::new(title).is_ok(), "{title}");
            }
            assert!(names.insert(name));
        }
    }
}
