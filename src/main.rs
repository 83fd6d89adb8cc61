//! Edge: arguments → configuration → a command in `cli` → exit code.

use std::process::ExitCode;

// Off the hot path, where allocation is allowed, mimalloc is the faster allocator; on it nothing is allocated.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, and rooms are reserved for what a book or an order list may become: a page of 2 MiB for
    // each of them is gigabytes with a thousand instruments, and seconds at the start. Without the right to say so it goes on.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // A panic is a fault of ours: say it and end at once, as by kill -9; the next start recovers from the journal. Going on
    // with a dead stage thread would leave the others waiting for it.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        // A mirror is no part of the trading: its thread ends, and it is told.
        if std::thread::current().name().is_none_or(|name| !name.starts_with(tickpath::runtime::edge_thread::THREAD)) {
            std::process::abort();
        }
    }));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).without_time().init();
    let args: Vec<_> = std::env::args_os().collect();
    let code = match tickpath::cli::usage::parse(&args) {
        Ok(cli) => tickpath::cli::main(&cli),
        Err(code) => code,
    };
    ExitCode::from(code as u8)
}
