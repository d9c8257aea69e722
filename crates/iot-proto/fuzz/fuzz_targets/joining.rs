//! Any bytes as a message of joining. The property is in the library of this package.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iot_proto_fuzz::joining(bytes));
