//! Replays the fuzz corpus with the properties of the fuzz targets, on the stable compiler.
//!
//! An input that fuzzing found to fail is added to `fuzz/corpus/<target>/`, and is a test from then on.

use std::{fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
pub mod properties;

/// Holds `property` for every file of the target's corpus.
fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        property(&fs::read(&path).expect("a file of the corpus can be read"));
        replayed += 1;
    }
    assert!(replayed >= 20, "{} has only {replayed} files", folder.display());
}

#[test]
fn frames_of_the_corpus_hold_their_property() {
    replay("frame", properties::frame);
}

#[test]
fn records_of_the_corpus_hold_their_property() {
    replay("record", properties::record);
}

#[test]
fn node_messages_of_the_corpus_hold_their_property() {
    replay("node_message", properties::node_message);
}

#[test]
fn hub_messages_of_the_corpus_hold_their_property() {
    replay("hub_message", properties::hub_message);
}
