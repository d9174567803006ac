//! The binary: parse, telemetry, run, exit code.

fn main() {}
