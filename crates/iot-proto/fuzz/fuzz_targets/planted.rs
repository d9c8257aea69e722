//! The control: any bytes as a message of a node, with a fault that must be found. The property is in the library of this package.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iot_proto_fuzz::planted(bytes));
