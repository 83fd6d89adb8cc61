//! Edge: a thread of its own for what is async beside the host. A panic ends it and not the host, and it is told.

use super::cores;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

/// How the names of such threads begin: a panic there ends what works beside the host, not the host.
pub const THREAD: &str = "bridge-";

/// Runs `work` on a thread `name` to its end. If it cannot begin, or panics, `failed` is called there with what happened, in
/// words.
///
/// # Errors
/// The thread cannot be started.
pub fn spawn<F: Future<Output = ()>>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
    failed: impl FnOnce(String) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let what = name.to_owned();
    // By this name a panic ends the thread, not the host.
    std::thread::Builder::new().name(format!("{THREAD}{name}")).spawn(move || {
        cores::lower_this_thread();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(work());
            // A name that is still looked up is not waited for.
            runtime.shutdown_background();
            Ok::<_, std::io::Error>(())
        }));
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failed(format!("{what}: it cannot start: {error}")),
            Err(_) => failed(format!("{what}: it panicked, which is a fault of ours: please report it")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_panic_is_told_and_an_end_is_not() {
        let check = |panics: bool, expected: Option<&str>| {
            let (told, hears) = mpsc::channel();
            let work = move || async move { assert!(!panics, "as it was asked") };
            let thread = spawn("test", work, move |text| told.send(text).unwrap()).unwrap();
            thread.join().unwrap();
            let text = hears.try_recv().ok();
            assert_eq!(text.is_some(), expected.is_some());
            assert!(text.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check(false, None);
        check(true, Some("test: it panicked"));
    }
}
