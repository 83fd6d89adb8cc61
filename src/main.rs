//! Edge: arguments → configuration → a command in `cli` → exit code.

fn main() {}
