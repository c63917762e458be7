#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wnm_core::fuzzing::command_line(bytes));
