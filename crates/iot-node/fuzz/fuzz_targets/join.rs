//! Any bytes as a script of a run of joining. The property is in the library of this package.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iot_node_fuzz::join(bytes));
