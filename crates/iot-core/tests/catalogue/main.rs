//! The catalogue from outside: the built-in kinds, folders that users add, and what is said of broken ones.

mod broken_definitions;
mod broken_folders;
mod document;
mod values;

use std::{collections::BTreeMap, sync::Arc};

use iot_core::{
    IotError,
    catalogue::{Access, Catalogue, History, KindError, Origin, ValueType, Widget},
};

type Files = BTreeMap<Box<str>, Arc<[u8]>>;

fn folder(files: &[(&str, &[u8])]) -> Files {
    files.iter().map(|(path, bytes)| (Box::from(*path), Arc::from(*bytes))).collect()
}

fn add(name: &str, definition: &str) -> Result<Arc<iot_core::catalogue::ModuleKind>, KindError> {
    Catalogue::built_in().add_folder(name, folder(&[("module.toml", definition.as_bytes())]))
}

/// Number of a channel, what it is, and what it takes in short.
type Channel = (u8, &'static str, &'static str);

/// What firmware relies on: these never change, not in any later version of a kind.
const FROZEN: &[(&str, u16, &[Channel])] = &[
    ("contact", 1, &[(1, "property", "open bool"), (2, "event", "changed bool")]),
    (
        "cover",
        1,
        &[
            (1, "property", "position int 0..100/1 % rw slider"),
            (2, "property", "moving enum stopped opening closing"),
            (3, "action", "stop"),
        ],
    ),
    ("dimmer", 1, &[(1, "property", "on bool rw toggle"), (2, "property", "level int 0..100/1 % rw slider")]),
    ("humidity", 1, &[(1, "property", "humidity float 0..100/0.1 %")]),
    ("motion", 1, &[(1, "property", "motion bool"), (2, "event", "detected bool")]),
    (
        "power-meter",
        1,
        &[
            (1, "property", "power float -50000..50000/0.1 W"),
            (2, "property", "energy float 0..1000000000/0.001 kWh"),
            (3, "property", "voltage float 0..500/0.1 V"),
            (4, "property", "current float 0..200/0.01 A"),
            (5, "action", "reset"),
        ],
    ),
    ("pressure", 1, &[(1, "property", "pressure float 300..1200/0.1 hPa")]),
    ("relay", 1, &[(1, "property", "on bool rw toggle"), (2, "action", "pulse int 50..60000/50 ms")]),
    (
        "rgb-light",
        1,
        &[
            (1, "property", "on bool rw toggle"),
            (2, "property", "colour colour rw colour"),
            (3, "property", "level int 0..100/1 % rw slider"),
            (4, "property", "effect enum none breathe rainbow candle rw segments"),
        ],
    ),
    (
        "servo",
        1,
        &[(1, "property", "angle float 0..180/1 ° rw slider"), (2, "property", "enabled bool rw toggle")],
    ),
    ("switch-input", 1, &[(1, "property", "on bool"), (2, "event", "pressed int 1..10/1 clicks")]),
    ("temperature", 1, &[(1, "property", "temperature float -60..150/0.1 °C")]),
    (
        "text-display",
        1,
        &[
            (1, "property", "text text 32 rw text"),
            (2, "property", "brightness int 0..100/1 % rw slider"),
            (3, "action", "clear"),
        ],
    ),
];

fn in_short(value: &ValueType) -> String {
    let word = value.word();
    match value {
        ValueType::Bool { .. } | ValueType::Colour => word.into(),
        ValueType::Int { unit, range, step } => format!("{word} {}..{}/{step} {unit}", range.0, range.1),
        ValueType::Float { unit, range, step } => format!("{word} {}..{}/{step} {unit}", range.0, range.1),
        ValueType::Enum { options } => {
            let names = options.iter().map(|option| &*option.name).collect::<Vec<_>>();
            format!("{word} {}", names.join(" "))
        }
        ValueType::Text { max_chars } => format!("{word} {max_chars}"),
    }
}

fn channels(kind: &iot_core::catalogue::ModuleKind) -> Vec<(u8, &'static str, String)> {
    let mut channels = Vec::new();
    for property in &kind.properties {
        let control = match property.access {
            Access::Read => String::new(),
            Access::ReadWrite => format!(" rw {}", property.show.word()),
        };
        let text = format!("{} {}{control}", property.name, in_short(&property.value));
        channels.push((property.channel, "property", text));
    }
    for action in &kind.actions {
        let argument = action.argument.as_ref().map(|argument| format!(" {}", in_short(&argument.value)));
        channels.push((action.channel, "action", format!("{}{}", action.name, argument.unwrap_or_default())));
    }
    for event in &kind.events {
        channels.push((event.channel, "event", format!("{} {}", event.name, in_short(&event.value))));
    }
    channels
}

#[test]
fn built_in_kinds_keep_their_names_versions_and_channels_for_ever() {
    let catalogue = Catalogue::built_in();
    let found: Vec<_> = catalogue.kinds().map(|kind| (&*kind.name, kind.version, channels(kind))).collect();
    let frozen: Vec<_> = FROZEN
        .iter()
        .map(|(name, version, channels)| {
            let channels = channels.iter().map(|(number, what, text)| (*number, *what, (*text).to_owned()));
            (*name, *version, channels.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found, frozen);
}

#[test]
fn every_built_in_kind_has_a_help_page_that_names_all_that_it_has() {
    for kind in Catalogue::built_in().kinds() {
        let help = kind.help.as_deref().expect("a help page");
        let help = core::str::from_utf8(&kind.files[help]).unwrap();
        assert!(help.starts_with(&format!("# {}\n", kind.title)), "{}: {help}", kind.name);
        assert!((10..=25).contains(&help.lines().count()), "{}", kind.name);
        let properties = kind.properties.iter().map(|property| (&property.title, &property.name));
        let actions = kind.actions.iter().map(|action| (&action.title, &action.name));
        let events = kind.events.iter().map(|event| (&event.title, &event.name));
        for (title, name) in properties.chain(actions).chain(events) {
            assert!(help.contains(&format!("**{title}** (`{name}`)")), "{}: {name}", kind.name);
        }
        assert_eq!(kind.origin, Origin::BuiltIn);
    }
}

/// One of everything, so that each key of the format is read at least once.
const AQUARIUM: &str = r#"
kind = "aquarium"
version = 3
title = "Aquarium"
summary = "Water, light and food."
icon = "humidity"
help = "docs/help.md"

[[property]]
channel = 1
name = "water"
title = "Water"
type = "float"
unit = "°C"
range = [10, 35.5]
step = 0.5
show = "gauge"
history = "latest"

[[property]]
channel = 200
name = "light"
title = "Light"
type = "enum"
options = [{ name = "day", title = "Day" }, { name = "moon", title = "Moonlight" }]
access = "read-write"

[[property]]
channel = 3
name = "pump"
title = "Pump"
type = "bool"
access = "read-write"

[[property]]
channel = 7
name = "fish"
title = "Fish"
type = "int"
range = [-16, 0x3E8]
step = 2

[[action]]
channel = 4
name = "feed"
title = "Feed"
argument = { title = "Food", type = "enum", options = [{ name = "flakes", title = "Flakes" }] }

[[action]]
channel = 6
name = "rinse"
title = "Rinse"

[[event]]
channel = 5
name = "leak"
title = "Leak"
type = "text"
max_chars = 40
"#;

#[test]
fn a_folder_adds_a_kind_with_all_that_it_says() {
    let mut catalogue = Catalogue::built_in();
    let files = folder(&[("module.toml", AQUARIUM.as_bytes()), ("docs/help.md", b"# Aquarium")]);
    let kind = catalogue.add_folder("aquarium", files.clone()).unwrap();

    assert_eq!((&*kind.name, kind.version, &*kind.title), ("aquarium", 3, "Aquarium"));
    assert_eq!((&*kind.summary, &*kind.icon), ("Water, light and food.", "humidity"));
    assert_eq!((kind.origin, kind.help.as_deref()), (Origin::Folder, Some("docs/help.md")));
    let expected = [
        (1, "property", "water float 10..35.5/0.5 °C"),
        (200, "property", "light enum day moon rw segments"),
        (3, "property", "pump bool rw toggle"),
        (7, "property", "fish int -16..1000/2 "),
        (4, "action", "feed enum flakes"),
        (6, "action", "rinse"),
        (5, "event", "leak text 40"),
    ];
    assert_eq!(channels(&kind), expected.map(|(number, what, text)| (number, what, text.to_owned())));
    let shown: Vec<_> = kind.properties.iter().map(|property| (property.show, property.history)).collect();
    assert_eq!(
        shown,
        [
            (Widget::Gauge, History::Latest),
            (Widget::Segments, History::Changes),
            (Widget::Toggle, History::Changes),
            (Widget::Number, History::Every),
        ]
    );
    assert_eq!(
        kind.properties[2].value,
        ValueType::Bool { off: "Off".into(), on: "On".into() },
        "labels that are left out"
    );
    assert_eq!(kind.actions[0].argument.as_ref().map(|argument| &*argument.title), Some("Food"));

    assert_eq!(catalogue.module_files("aquarium"), Ok(&files));
    assert_eq!(catalogue.kind("aquarium").map(Arc::clone), Ok(kind));
    assert_eq!(catalogue.kinds().count(), FROZEN.len() + 1);
}

#[test]
fn a_definition_may_have_a_byte_order_mark_and_lines_of_windows() {
    let windows =
        format!("\u{feff}{}", AQUARIUM.replace("help = \"docs/help.md\"", "").replace('\n', "\r\n"));
    assert_eq!(add("aquarium", &windows).map(|kind| kind.version), Ok(3));
    let broken = windows.replace("step = 0.5", "step = 0");
    assert_eq!(
        add("aquarium", &broken).unwrap_err().to_string(),
        "modules/aquarium/module.toml:16: step must be above 0, not 0"
    );
}

#[test]
fn a_folder_takes_the_place_of_a_built_in_kind_whatever_its_version() {
    let mut catalogue = Catalogue::built_in();
    let own =
        include_str!("../../kinds/relay/module.toml").replace("title = \"Relay\"", "title = \"My relay\"");
    catalogue.add_folder("relay", folder(&[("module.toml", own.as_bytes())])).unwrap();

    let relay = catalogue.kind("relay").unwrap();
    assert_eq!((&*relay.title, relay.origin, relay.help.as_deref()), ("My relay", Origin::Folder, None));
    assert_eq!(catalogue.kinds().count(), FROZEN.len());
}

#[test]
fn a_folder_that_is_refused_leaves_the_catalogue_as_it_was() {
    let mut catalogue = Catalogue::built_in();
    assert!(catalogue.add_folder("relay", folder(&[("module.toml", b"kind = 1")])).is_err());
    assert_eq!(catalogue.kind("relay").unwrap().origin, Origin::BuiltIn);
    assert!(catalogue.add_folder("new", folder(&[])).is_err());
    assert_eq!(catalogue.kinds().count(), FROZEN.len());

    let lamp =
        include_str!("../../kinds/dimmer/module.toml").replace("\"dimmer\"\nversion", "\"lamp\"\nversion");
    catalogue.add_folder("lamp", folder(&[("module.toml", lamp.as_bytes())])).unwrap();
    assert_eq!(catalogue.kinds().count(), FROZEN.len() + 1, "the others still load");
}

#[test]
fn support_has_four_answers() {
    let mut catalogue = Catalogue::built_in();
    let files = folder(&[("module.toml", AQUARIUM.as_bytes()), ("docs/help.md", b"")]);
    catalogue.add_folder("aquarium", files).unwrap();

    for version in 1..=3 {
        let kind = catalogue.check_module_support("aquarium", version).unwrap();
        assert_eq!(kind.version, 3, "firmware built for version {version} is understood");
    }
    for version in [0, 4, u16::MAX] {
        assert_eq!(
            catalogue.check_module_support("aquarium", version),
            Err(IotError::KindVersionUnknown { kind: "aquarium".into(), version, known: 3 })
        );
    }
    let unsupported = IotError::KindUnsupported { kind: "teapot".into() };
    assert_eq!(catalogue.check_module_support("teapot", 1), Err(unsupported.clone()));
    assert_eq!(catalogue.module_files("teapot"), Err(unsupported.clone()));
    assert_eq!(catalogue.disable("teapot"), Err(unsupported));

    assert_eq!(catalogue.disable("aquarium"), Ok(()));
    assert!(catalogue.is_disabled("aquarium") && !catalogue.is_disabled("relay"));
    for version in [1, 4] {
        assert_eq!(
            catalogue.check_module_support("aquarium", version),
            Err(IotError::KindDisabled { kind: "aquarium".into() })
        );
    }
    assert!(catalogue.module_files("aquarium").is_ok(), "its help page can still be read");
}
