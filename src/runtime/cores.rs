//! Edge: the cores that this process may use, and pinning to them.

use core_affinity::CoreId;

/// Why a core cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The core is not there or not allowed.
    #[error("core {core} does not exist or this process may not use it; allowed: {}; set [topology] cores to some of these or leave it empty", list(.allowed))]
    NoSuchCore {
        /// The core that was asked for.
        core: usize,
        /// What there is.
        allowed: Vec<usize>,
    },
    /// Two threads on one core.
    #[error(
        "core {core} is taken twice in [topology] cores, by thread {first} and thread {second}; give each thread a core of its own"
    )]
    TakenTwice {
        /// The core.
        core: usize,
        /// Index of the first thread that wants it.
        first: usize,
        /// Index of the second.
        second: usize,
    },
    /// The kernel refused.
    #[error(
        "the kernel refused to pin thread `{thread}` to core {core}; run `tickpath doctor`, or leave [topology] cores empty"
    )]
    Refused {
        /// The core.
        core: usize,
        /// The thread.
        thread: String,
    },
}

fn list(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Cores that the kernel lets this process use, by `sched_getaffinity` of the process's main thread, so that isolated
/// ones which were allowed by `taskset` are listed too.
pub fn allowed_cores() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect(),
        Err(_) => (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// Checks a list of cores, one for each thread.
///
/// # Errors
/// [`CoreError`] for a core that is not there or is given twice.
pub fn check_cores(cores: &[usize], allowed: &[usize]) -> Result<(), CoreError> {
    for (second, &core) in cores.iter().enumerate() {
        if !allowed.contains(&core) {
            return Err(CoreError::NoSuchCore { core, allowed: allowed.to_vec() });
        }
        if let Some(first) = cores[..second].iter().position(|&c| c == core) {
            return Err(CoreError::TakenTwice { core, first, second });
        }
    }
    Ok(())
}

/// Gives way to every hot thread: for threads of the edge.
pub fn lower_this_thread() {
    // Not allowed is no fault: then the thread is one like the others.
    let _ = rustix::process::nice(10);
}

/// Pins the calling thread and reads back that it holds.
///
/// # Errors
/// [`CoreError::Refused`].
pub fn pin_current(core: usize, thread: &str) -> Result<(), CoreError> {
    let pinned = core_affinity::set_for_current(CoreId { id: core });
    let holds = rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() == 1 && set.is_set(core));
    if pinned && holds { Ok(()) } else { Err(CoreError::Refused { core, thread: thread.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cores: &[usize], expected: Option<&str>) {
        let found = check_cores(cores, &[0, 1, 5]).err().map(|e| e.to_string());
        match expected {
            None => assert_eq!(found, None),
            Some(part) => assert!(found.as_ref().is_some_and(|f| f.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn cores_must_exist_and_be_taken_once() {
        check(&[], None);
        check(&[5, 0], None);
        check(&[0, 7], Some("core 7 does not exist"));
        check(&[1, 0, 1], Some("core 1 is taken twice in [topology] cores, by thread 0 and thread 2"));
    }

    #[test]
    fn pinning_is_read_back() {
        let core = allowed_cores()[0];
        std::thread::spawn(move || pin_current(core, "test").unwrap()).join().unwrap();
        let error = std::thread::spawn(|| pin_current(1000, "test").unwrap_err()).join().unwrap();
        assert!(error.to_string().contains("core 1000"), "{error}");
    }
}
