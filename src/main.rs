//! Edge: arguments → configuration → a command in `cli` → exit code.

use clap::Parser;
use std::process::ExitCode;

// Off the hot path, where allocation is allowed, mimalloc is the faster allocator; on it nothing is allocated.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().init();
    let cli = tickpath::cli::Cli::parse();
    ExitCode::from(tickpath::cli::main(&cli) as u8)
}
