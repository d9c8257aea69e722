//! Broken definitions: each is refused with the exact line and reason.

use iot_core::catalogue::{Catalogue, Fault};

use crate::{add, folder};

/// A sound definition. Each case below breaks it at one place.
pub(crate) const SOUND: &str = r#"kind = "blind"
version = 1
title = "Blind"
summary = "A blind at a window."
icon = "valve"

[[property]]
channel = 1
name = "level"
title = "Level"
type = "int"
unit = "%"
range = [0, 100]
step = 5
access = "read-write"
show = "slider"

[[property]]
channel = 2
name = "mode"
title = "Mode"
type = "enum"
options = [
    { name = "auto", title = "Automatic" },
    { name = "hand", title = "By hand" },
]

[[action]]
channel = 3
name = "stop"
title = "Stop"

[[event]]
channel = 4
name = "jammed"
title = "Jammed"
type = "bool"
labels = ["Free", "Jammed"]
"#;

/// What is replaced by what, on which line that is a fault, and what is said of it.
const BROKEN: &[(&str, &str, usize, &str)] = &[
    // Not TOML.
    (
        "version = 1",
        "version = ",
        2,
        "this is not valid TOML: string values must be quoted, expected literal string",
    ),
    (
        "title = \"Level\"",
        "title = \"Level",
        10,
        "this is not valid TOML: invalid basic string, expected `\"`",
    ),
    ("step = 5", "step = 5\nstep = 6", 15, "this is not valid TOML: duplicate key"),
    ("[[action]]", "[[action]", 28, "this is not valid TOML: unclosed array table, expected `]`"),
    // Keys.
    (
        "step = 5",
        "stap = 5",
        14,
        "a property has no key stap; its keys are channel, name, title, type, labels, unit, range, step, options, max_chars, access, show, history",
    ),
    (
        "icon =",
        "colour = 1\nicon =",
        5,
        "a kind has no key colour; its keys are kind, version, title, summary, icon, help, property, action, event",
    ),
    (
        "name = \"stop\"",
        "name = \"stop\"\naccess = \"read\"",
        31,
        "an action has no key access; its keys are channel, name, title, argument",
    ),
    (
        "labels =",
        "history =",
        38,
        "an event has no key history; its keys are channel, name, title, type, labels, unit, range, step, options, max_chars",
    ),
    (
        "title = \"By hand\" }",
        "titel = \"By hand\" }",
        25,
        "an option has no key titel; its keys are name, title",
    ),
    (
        "title = \"Stop\"",
        "title = \"Stop\"\nargument = { title = \"Now\", type = \"colour\", show = \"colour\" }",
        32,
        "an argument has no key show; its keys are title, type, labels, unit, range, step, options, max_chars",
    ),
    ("version = 1\n", "", 1, "a kind needs the key version"),
    ("range = [0, 100]\n", "", 7, "a property needs the key range"),
    ("name = \"jammed\"\n", "", 33, "an event needs the key name"),
    ("title = \"Stop\"\n", "", 28, "an action needs the key title"),
    ("{ name = \"hand\", ", "{ ", 25, "an option needs the key name"),
    (
        "title = \"Stop\"",
        "title = \"Stop\"\nargument = { type = \"colour\" }",
        32,
        "an argument needs the key title",
    ),
    // Forms.
    ("version = 1", "version = \"1\"", 2, "version must be a whole number, not string"),
    ("step = 5", "step = 2.5", 14, "step must be a whole number, not float"),
    (
        "range = [0, 100]",
        "range = [0, 50, 100]",
        13,
        "range must be two whole numbers in brackets, not array",
    ),
    ("range = [0, 100]", "range = 100", 13, "range must be two whole numbers in brackets, not integer"),
    (
        "labels = [\"Free\", \"Jammed\"]",
        "labels = [true, false]",
        38,
        "labels must be two texts in brackets, not array",
    ),
    ("unit = \"%\"", "unit = 1", 12, "unit must be text in quotes, not integer"),
    ("[[event]]", "[event]", 33, "event must be a list of tables, written [[…]] or [{ … }], not table"),
    (
        "{ name = \"auto\", title = \"Automatic\" }",
        "\"auto\"",
        24,
        "options must be a list of tables, written [[…]] or [{ … }], not string",
    ),
    ("title = \"Stop\"", "title = \"Stop\"\nargument = \"int\"", 32, "argument must be a table, not string"),
    // Numbers.
    ("version = 1", "version = 0", 2, "version must be from 1 to 65535, not 0"),
    ("version = 1", "version = 65536", 2, "version must be from 1 to 65535, not 65536"),
    ("channel = 1", "channel = 0", 8, "channel must be from 1 to 255, not 0"),
    ("channel = 4", "channel = 256", 34, "channel must be from 1 to 255, not 256"),
    (
        "range = [0, 100]",
        "range = [0, 9007199254740992]",
        13,
        "range must be from -9007199254740991 to 9007199254740991, not 9007199254740992",
    ),
    (
        "range = [0, 100]",
        "range = [0, 99999999999999999999]",
        13,
        "range must be from -9007199254740991 to 9007199254740991, not one beyond 64 bits",
    ),
    (
        "range = [0, 100]",
        "range = [100, 0]",
        13,
        "range must go from the smallest value to a larger one, not from 100 to 0",
    ),
    (
        "range = [0, 100]",
        "range = [5, 5]",
        13,
        "range must go from the smallest value to a larger one, not from 5 to 5",
    ),
    ("step = 5", "step = 0", 14, "step must be above 0, not 0"),
    ("step = 5", "step = -1", 14, "step must be above 0, not -1"),
    ("step = 5", "step = 101", 14, "step must fit into the range from 0 to 100; 101 does not"),
    (
        "type = \"int\"\nunit = \"%\"\nrange = [0, 100]",
        "type = \"float\"\nunit = \"%\"\nrange = [0.5, -0.5]",
        13,
        "range must go from the smallest value to a larger one, not from 0.5 to -0.5",
    ),
    (
        "type = \"int\"\nunit = \"%\"\nrange = [0, 100]",
        "type = \"float\"\nunit = \"%\"\nrange = [0, inf]",
        13,
        "range must be a finite number",
    ),
    (
        "type = \"int\"\nunit = \"%\"\nrange = [0, 100]\nstep = 5",
        "type = \"float\"\nunit = \"%\"\nrange = [0, 1]\nstep = nan",
        14,
        "step must be a finite number",
    ),
    (
        "type = \"int\"\nunit = \"%\"\nrange = [0, 100]\nstep = 5",
        "type = \"float\"\nunit = \"%\"\nrange = [0, 1]\nstep = -0.1",
        14,
        "step must be above 0, not -0.1",
    ),
    (
        "type = \"int\"\nunit = \"%\"\nrange = [0, 100]\nstep = 5",
        "type = \"float\"\nunit = \"%\"\nrange = [0, 1]\nstep = 2",
        14,
        "step must fit into the range from 0 to 1; 2 does not",
    ),
    (
        "type = \"bool\"\nlabels = [\"Free\", \"Jammed\"]",
        "type = \"text\"\nmax_chars = 0",
        38,
        "max_chars must be from 1 to 256, not 0",
    ),
    (
        "type = \"bool\"\nlabels = [\"Free\", \"Jammed\"]",
        "type = \"text\"\nmax_chars = 257",
        38,
        "max_chars must be from 1 to 256, not 257",
    ),
    (
        "type = \"bool\"\nlabels = [\"Free\", \"Jammed\"]",
        "type = \"text\"",
        33,
        "an event needs the key max_chars",
    ),
    // Words, names, texts.
    (
        "icon = \"valve\"",
        "icon = \"faucet\"",
        5,
        "icon must be one of relay, switch, dimmer, rgb, temperature, humidity, pressure, power, motion, contact, servo, display, valve, node, not faucet",
    ),
    (
        "type = \"int\"",
        "type = \"integer\"",
        11,
        "type must be one of bool, int, float, enum, colour, text, not integer",
    ),
    (
        "access = \"read-write\"",
        "access = \"write\"",
        15,
        "access must be one of read, read-write, not write",
    ),
    (
        "show = \"slider\"",
        "show = \"knob\"",
        16,
        "show must be one of number, gauge, state, toggle, slider, segments, colour, text, not knob",
    ),
    (
        "show = \"slider\"",
        "history = \"never\"",
        16,
        "history must be one of every, changes, latest, not never",
    ),
    (
        "name = \"level\"",
        "name = \"Level 1\"",
        9,
        "name is \"Level 1\", but a name has 1 to 32 of a-z 0-9 - _ . and does not begin with a dot",
    ),
    (
        "name = \"hand\"",
        "name = \"\"",
        25,
        "name is \"\", but a name has 1 to 32 of a-z 0-9 - _ . and does not begin with a dot",
    ),
    (
        "kind = \"blind\"",
        "kind = \"../blind\"",
        1,
        "kind is \"../blind\", but a name has 1 to 32 of a-z 0-9 - _ . and does not begin with a dot",
    ),
    (
        "kind = \"blind\"",
        "kind = \"shutter\"",
        1,
        "kind is shutter, but its folder is called blind: give both the same name",
    ),
    ("title = \"Blind\"", "title = \"\"", 3, "title must not be empty"),
    ("title = \"Jammed\"", "title = \"  \"", 36, "title must not be empty"),
    ("title = \"By hand\"", "title = \"\"", 25, "title must not be empty"),
    ("unit = \"%\"", "unit = \"per cent of the way\"", 12, "unit: text of 19 bytes exceeds the limit of 16"),
    (
        "summary = \"A blind at a window.\"",
        "summary = \"A blind\\nat a window.\"",
        4,
        "summary: text has a control character at byte 7",
    ),
    ("labels = [\"Free\", \"Jammed\"]", "labels = [\"Free\", \"\"]", 38, "labels must not be empty"),
    // What goes together.
    (
        "channel = 2",
        "channel = 1",
        19,
        "channel 1 is taken by level: give each property, action and event its own",
    ),
    (
        "channel = 4",
        "channel = 3",
        34,
        "channel 3 is taken by stop: give each property, action and event its own",
    ),
    (
        "name = \"stop\"",
        "name = \"mode\"",
        30,
        "the name mode is taken: give each property, action and event its own",
    ),
    (
        "name = \"jammed\"",
        "name = \"level\"",
        35,
        "the name level is taken: give each property, action and event its own",
    ),
    ("name = \"hand\"", "name = \"auto\"", 25, "the name auto is taken: give each option its own"),
    (
        "options = [\n    { name = \"auto\", title = \"Automatic\" },\n    { name = \"hand\", title = \"By hand\" },\n]\n",
        "",
        18,
        "options must name 1 to 64 options, not 0",
    ),
    (
        "options = [\n    { name = \"auto\", title = \"Automatic\" },\n    { name = \"hand\", title = \"By hand\" },\n]\n",
        "options = []\n",
        23,
        "options must name 1 to 64 options, not 0",
    ),
    ("labels =", "unit =", 38, "unit does not go with type bool"),
    ("unit = \"%\"", "max_chars = 5", 12, "max_chars does not go with type int"),
    ("type = \"enum\"", "type = \"colour\"", 23, "options does not go with type colour"),
    (
        "access = \"read-write\"\n",
        "",
        15,
        "show is slider, but a property of type int with access read can be shown as number or gauge",
    ),
    (
        "show = \"slider\"",
        "show = \"gauge\"",
        16,
        "show is gauge, but a property of type int with access read-write can be shown as number or slider",
    ),
    (
        "type = \"enum\"",
        "type = \"enum\"\nshow = \"segments\"",
        23,
        "show is segments, but a property of type enum with access read can be shown as state",
    ),
    (
        "type = \"enum\"",
        "type = \"enum\"\naccess = \"read-write\"\nshow = \"toggle\"",
        24,
        "show is toggle, but a property of type enum with access read-write can be shown as segments",
    ),
    // Files.
    ("icon =", "help = \"help.html\"\nicon =", 5, "the folder has no file help.html"),
];

#[test]
fn each_fault_of_a_definition_is_named_with_its_line() {
    let mut wrong = Vec::new();
    assert!(add("blind", SOUND).is_ok(), "{:?}", add("blind", SOUND));
    for (sound, broken, line, reason) in BROKEN {
        assert!(SOUND.contains(sound), "nothing to replace: {sound}");
        let said = match add("blind", &SOUND.replacen(sound, broken, 1)) {
            Ok(_) => "nothing".into(),
            Err(error) => error.to_string(),
        };
        let expected = format!("modules/blind/module.toml:{line}: {reason}");
        if said != expected {
            wrong.push(format!("{broken:?}\n    said     {said}\n    expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_kind_without_anything_in_it_is_refused() {
    let head = SOUND.split_once("\n[[").unwrap().0;
    let error = add("blind", head).unwrap_err();
    assert_eq!((error.line, error.reason), (Some(1), Fault::Nothing));
}

proptest::proptest! {
    #[test]
    fn no_definition_panics(text in "(kind|version|\\[\\[property\\]\\]|range|step|type|[ =\"\\[\\]\n0-9a-z.-]){0,80}") {
        let _ = add("blind", &text);
    }

    #[test]
    fn no_change_of_one_byte_panics_or_is_blamed_on_a_line_that_is_not_there(
        at in 0..SOUND.len(),
        byte in proptest::num::u8::ANY,
    ) {
        let mut bytes = SOUND.as_bytes().to_vec();
        bytes[at] = byte;
        if let Err(error) = Catalogue::built_in().add_folder("blind", folder(&[("module.toml", &bytes)])) {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            proptest::prop_assert!((1..=lines).contains(&error.line.unwrap()), "{error}");
        }
    }
}
