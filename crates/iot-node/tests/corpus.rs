//! Holds the properties of the fuzz targets for every file of their corpus and for inputs like these, on the stable
//! compiler.

use std::{panic::catch_unwind, path::PathBuf};

use mutated::Mutated;

#[path = "../../iot-proto/fuzz/src/mutated.rs"]
pub mod mutated;
#[path = "../fuzz/src/lib.rs"]
pub mod properties;

/// Inputs that are tried beside those of the corpus: each takes a handshake or two.
const TRIED: usize = 1_500;

/// Holds `property` for every file of the target's corpus, and for inputs that are made from them.
fn hold(target: &str, property: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = Mutated::new(&folder, 12);
    inputs.seeds().iter().for_each(|input| property(input));
    for _ in 0..TRIED {
        let input = inputs.another();
        let holds = catch_unwind(|| property(&input)).is_ok();
        assert!(holds, "{target} does not hold for {input:02X?}: make it a file of the corpus");
    }
}

#[test]
fn scripts_of_encrypted_sessions_hold_their_property() {
    hold("tunnel", properties::tunnel);
}

#[test]
fn scripts_of_joining_hold_their_property() {
    hold("join", properties::join);
}
