#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    asset_arbiter::fuzzing::traceparent(bytes);
});
