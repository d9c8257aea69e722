//! Holds the properties of the fuzz targets for every file of their corpus and for inputs like these, on the stable
//! compiler.

use std::path::PathBuf;

#[path = "../../iot-proto/fuzz/src/mutated.rs"]
pub mod mutated;
#[path = "../fuzz/src/lib.rs"]
pub mod properties;

/// Inputs that are tried beside those of the corpus: each takes a handshake or two.
const TRIED: usize = 1_500;

/// Holds `property` for the target's corpus, and for inputs that are made from it.
fn hold(target: &str, property: fn(&[u8])) {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    mutated::hold(&corpus, TRIED, property);
}

#[test]
fn scripts_of_encrypted_sessions_hold_their_property() {
    hold("tunnel", properties::tunnel);
}

#[test]
fn scripts_of_joining_hold_their_property() {
    hold("join", properties::join);
}
