//! Values of readings and commands against their kind, and how they are worded.

use std::sync::Arc;

use iot_core::catalogue::{Catalogue, ModuleKind, ValueError, ValueType};
use iot_proto::{ErrorCode, OwnedValue, Text, Value};
use proptest::prelude::*;

fn kind(name: &str) -> Arc<ModuleKind> {
    Arc::clone(Catalogue::built_in().kind(name).expect("a built-in kind"))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Text::new(text).expect("text that fits the wire"))
}

/// What is said of a command that sets the property to `value`.
fn set(name: &str, channel: u8, value: Value<'_>) -> String {
    let kind = kind(name);
    let checked = kind.property(channel).and_then(|property| property.check_command(value));
    checked.map_or_else(|error| error.to_string(), |()| "ok".into())
}

/// What is said of a reading.
fn read(name: &str, channel: u8, value: Value<'_>) -> String {
    kind(name).check_reading(channel, value).map_or_else(|error| error.to_string(), |()| "ok".into())
}

#[test]
fn a_command_is_checked_for_type_range_and_step() {
    let level = "level takes 0 to 100 % in steps of 1";
    let angle = "angle takes 0 to 180 ° in steps of 1";
    let effect = "effect takes one of none, breathe, rainbow, candle";
    let colour = "colour takes a colour from #000000 to #ffffff";
    for (kind, channel, value, said) in [
        ("dimmer", 1, Value::from(true), "ok".into()),
        ("dimmer", 1, Value::from(1), "on takes false (Off) or true (On)".into()),
        ("dimmer", 2, Value::from(0), "ok".into()),
        ("dimmer", 2, Value::from(100), "ok".into()),
        ("dimmer", 2, Value::from(-1), format!("{level}, not -1\u{a0}%")),
        ("dimmer", 2, Value::from(101), format!("{level}, not 101\u{a0}%")),
        ("dimmer", 2, Value::from(i64::MIN), format!("{level}, not {}\u{a0}%", i64::MIN)),
        ("dimmer", 2, Value::from(50.0), level.into()),
        ("dimmer", 3, Value::from(50), "module kind dimmer has no channel 3".into()),
        ("servo", 1, Value::from(180.0), "ok".into()),
        ("servo", 1, Value::from(90.5), format!("{angle}, not 90.5\u{a0}°")),
        ("servo", 1, Value::from(180.04), format!("{angle}, not 180.04\u{a0}°")),
        ("servo", 1, Value::from(90), angle.into()),
        ("rgb-light", 2, Value::from(0), "ok".into()),
        ("rgb-light", 2, Value::from(0xFF_FF_FF), "ok".into()),
        ("rgb-light", 2, Value::from(0x100_0000), format!("{colour}, not 16777216")),
        ("rgb-light", 2, Value::from(-1), format!("{colour}, not -1")),
        ("rgb-light", 2, text("#ffffff"), colour.into()),
        ("rgb-light", 4, Value::from(3), "ok".into()),
        ("rgb-light", 4, Value::from(4), format!("{effect}, not 4")),
        ("rgb-light", 4, Value::from(-1), format!("{effect}, not -1")),
        ("text-display", 1, text("üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü"), "ok".into()),
        (
            "text-display",
            1,
            text("123456789012345678901234567890123"),
            "text takes text of at most 32 characters, not 33 characters".into(),
        ),
        ("text-display", 1, Value::from(5), "text takes text of at most 32 characters".into()),
        ("contact", 1, Value::from(true), "open cannot be set".into()),
        ("relay", 2, Value::from(true), "module kind relay has no channel 2".into()),
    ] {
        assert_eq!(set(kind, channel, value), said, "{kind} {channel} {value:?}");
    }
}

#[test]
fn a_reading_is_checked_for_type_and_range_but_not_for_steps() {
    let temperature = "temperature takes -60 to 150 °C in steps of 0.1";
    for (kind, channel, value, said) in [
        ("temperature", 1, Value::from(21.4567), "ok".into()),
        ("temperature", 1, Value::from(-60.0), "ok".into()),
        ("temperature", 1, Value::from(-60.01), format!("{temperature}, not -60.01\u{a0}°C")),
        ("temperature", 1, Value::from(150.01), format!("{temperature}, not 150.01\u{a0}°C")),
        ("temperature", 1, Value::from(21), temperature.into()),
        ("switch-input", 2, Value::from(10), "ok".into()),
        (
            "switch-input",
            2,
            Value::from(0),
            "pressed takes 1 to 10 clicks in steps of 1, not 0\u{a0}clicks".into(),
        ),
        ("contact", 2, Value::from(false), "ok".into()),
        ("relay", 2, Value::from(50), "module kind relay has no channel 2".into()),
        ("relay", 0, Value::from(true), "module kind relay has no channel 0".into()),
    ] {
        assert_eq!(read(kind, channel, value), said, "{kind} {channel} {value:?}");
    }
}

#[test]
fn an_action_takes_its_argument_and_no_other() {
    let relay = kind("relay");
    let pulse = relay.action(2).unwrap();
    let length = "pulse takes 50 to 60000 ms in steps of 50";
    let said = |argument| pulse.check_argument(argument).map_err(|error| error.to_string());
    assert_eq!(said(Some(Value::from(150))), Ok(()));
    assert_eq!(said(Some(Value::from(60_000))), Ok(()));
    assert_eq!(said(Some(Value::from(151))), Err(format!("{length}, not 151\u{a0}ms")));
    assert_eq!(said(Some(Value::from(0))), Err(format!("{length}, not 0\u{a0}ms")));
    assert_eq!(said(Some(Value::from(true))), Err(length.into()));
    assert_eq!(said(None), Err(length.into()));

    let cover = kind("cover");
    let stop = cover.action(3).unwrap();
    assert_eq!(stop.check_argument(None), Ok(()));
    let refused = stop.check_argument(Some(Value::from(true))).unwrap_err();
    assert_eq!(refused.to_string(), "stop takes no argument");
    assert_eq!(
        cover.action(1).unwrap_err(),
        ValueError::UnknownChannel { kind: "cover".into(), channel: "1".into() }
    );
}

#[test]
fn each_refusal_has_its_number() {
    let code = |kind_name: &str, channel, value| {
        let kind = kind(kind_name);
        let checked = kind.property(channel).and_then(|property| property.check_command(value));
        checked.unwrap_err().code()
    };
    assert_eq!(code("dimmer", 9, Value::from(1)), ErrorCode::UNKNOWN_CHANNEL);
    assert_eq!(code("contact", 1, Value::from(true)), ErrorCode::NOT_WRITABLE);
    assert_eq!(code("dimmer", 2, Value::from(true)), ErrorCode::WRONG_TYPE);
    assert_eq!(code("dimmer", 2, Value::from(101)), ErrorCode::OUT_OF_RANGE);
}

#[test]
fn values_are_worded_for_people() {
    let worded = |name: &str, channel, value: Value<'_>| {
        kind(name).property(channel).unwrap().value.text_with_unit(&OwnedValue::from(value)).into_string()
    };
    for (kind, channel, value, text) in [
        ("temperature", 1, Value::from(21.46), "21.5\u{a0}°C"),
        ("temperature", 1, Value::from(21.0), "21.0\u{a0}°C"),
        ("temperature", 1, Value::from(-0.04), "0.0\u{a0}°C"),
        ("temperature", 1, Value::from(-0.06), "-0.1\u{a0}°C"),
        ("servo", 1, Value::from(-0.0), "0\u{a0}°"),
        ("power-meter", 2, Value::from(12.3456), "12.346\u{a0}kWh"),
        ("power-meter", 4, Value::from(1.0), "1.00\u{a0}A"),
        ("dimmer", 2, Value::from(65), "65\u{a0}%"),
        ("contact", 1, Value::from(true), "Open"),
        ("contact", 1, Value::from(false), "Closed"),
        ("rgb-light", 2, Value::from(0x00_B3_47), "#00b347"),
        ("rgb-light", 2, Value::from(-1), "-1"),
        ("rgb-light", 4, Value::from(1), "Breathe"),
        ("rgb-light", 4, Value::from(9), "9"),
        ("text-display", 1, text("Good morning"), "Good morning"),
        ("dimmer", 2, Value::from(true), "true\u{a0}%"),
    ] {
        assert_eq!(worded(kind, channel, value), text, "{kind} {channel} {value:?}");
    }
    let temperature = kind("temperature");
    let value = &temperature.property(1).unwrap().value;
    assert_eq!(&*value.text(&OwnedValue::from(Value::from(21.46))), "21.5");
    assert_eq!(value.unit(), "°C");
}

proptest! {
    #[test]
    fn whole_numbers_can_be_set_exactly_on_their_steps(
        low in -1000_i64..1000, width in 1_i64..1000, step in 1_i64..50, value in -2500_i64..2500,
    ) {
        let high = low + width;
        let value_type = ValueType::Int { unit: "".into(), range: (low, high), step };
        let inside = low <= value && value <= high;
        prop_assert_eq!(value_type.check("n", Value::from(value)).is_ok(), inside);
        let steps: Vec<_> = (0..=width / step).map(|n| low + n * step).collect();
        prop_assert_eq!(value_type.check_settable("n", Value::from(value)).is_ok(), steps.contains(&value));
    }

    /// As a page makes them: from a decimal text, whatever binary fraction that becomes.
    #[test]
    fn decimal_numbers_can_be_set_exactly_on_their_steps(
        low in -100_000_i64..100_000, steps in 0_i64..1_000_000, digits in 0_u32..5, off in 0_i64..10,
    ) {
        let unit = 10_f64.powi(-i32::try_from(digits).unwrap());
        let decimal = |n: i64| format!("{n}e-{digits}").parse::<f64>().unwrap();
        let range = (decimal(low), decimal(low + 2_000_000));
        let value_type = ValueType::Float { unit: "".into(), range, step: unit };
        let value = format!("{}{off}e-{}", low.abs() + steps, digits + 1).parse::<f64>().unwrap();
        prop_assert_eq!(value_type.check_settable("n", Value::from(value)).is_ok(), off == 0);
    }

    /// A meter of a power station: the numbers are so large that a step is hardly more than a rounding.
    #[test]
    fn large_numbers_on_fine_steps_can_be_set(n in 0_i64..1_000_000_000_000) {
        let value_type = ValueType::Float { unit: "".into(), range: (0.0, 1e9), step: 0.001 };
        let value = format!("{n}e-3").parse::<f64>().unwrap();
        prop_assert_eq!(value_type.check_settable("n", Value::from(value)), Ok(()));
        let between = format!("{n}5e-4").parse::<f64>().unwrap();
        prop_assert!(value_type.check_settable("n", Value::from(between)).is_err());
    }

    #[test]
    fn what_may_be_set_may_be_reported(value in any::<i64>(), number in any::<f64>()) {
        for kind in Catalogue::built_in().kinds() {
            for property in &kind.properties {
                for value in [Value::from(value), Value::from(number), Value::from(value % 128)] {
                    if property.value.check_settable("n", value).is_ok() {
                        prop_assert_eq!(property.value.check("n", value), Ok(()));
                    }
                    // Whatever comes, it can be worded.
                    prop_assert!(!property.value.text_with_unit(&value.into()).is_empty());
                }
            }
        }
    }
}
