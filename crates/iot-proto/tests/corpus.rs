//! Holds the properties of the fuzz targets for every file of their corpus and for inputs like these, on the stable
//! compiler.
//!
//! An input that fuzzing found to fail is added to `fuzz/corpus/<target>/`, and is a test from then on.

use std::{panic::catch_unwind, path::PathBuf};

#[path = "../fuzz/src/mutated.rs"]
pub mod mutated;
#[path = "../fuzz/src/lib.rs"]
pub mod properties;

/// Inputs that are tried beside those of the corpus.
const TRIED: usize = 30_000;

/// Holds `property` for the target's corpus, and for inputs that are made from it.
fn hold(target: &str, property: fn(&[u8])) {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    mutated::hold(&corpus, TRIED, property);
}

#[test]
fn frames_hold_their_property() {
    hold("frame", properties::frame);
}

#[test]
fn records_hold_their_property() {
    hold("record", properties::record);
}

#[test]
fn node_messages_hold_their_property() {
    hold("node_message", properties::node_message);
}

#[test]
fn hub_messages_hold_their_property() {
    hold("hub_message", properties::hub_message);
}

#[cfg(feature = "key-ids")]
#[test]
fn messages_of_joining_hold_their_property() {
    hold("joining", properties::joining);
}

#[cfg(feature = "key-ids")]
#[test]
fn what_people_type_holds_its_property() {
    hold("typed", properties::typed);
}

#[test]
fn a_fault_that_was_planted_in_a_decoder_is_found() {
    let found = catch_unwind(|| hold("node_message", properties::planted));
    assert!(found.is_err(), "the short run finds nothing");
}
