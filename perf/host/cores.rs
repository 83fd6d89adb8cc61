//! Which core the measuring thread is on: one for it, and one for all that is not hot.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tickpath::runtime::cores::allowed_cores;

/// The cores of this process as it was begun.
pub struct Cores {
    all: CpuSet,
    /// For the hot thread, and for all else; `None` with but one core.
    pub two: Option<(usize, usize)>,
}

impl Cores {
    /// As they are now: before anything was pinned.
    pub fn now() -> Self {
        let cores = allowed_cores();
        let two = (cores.len() >= 2).then(|| (cores[cores.len() - 1], cores[0]));
        Self { all: sched_getaffinity(None).expect("this thread's cores"), two }
    }

    /// This thread on any core again, so that the threads which it begins may be on any.
    pub fn free(&self) {
        sched_setaffinity(None, &self.all).expect("the cores that it had");
    }

    /// This thread on the hot core.
    pub fn pin(&self) {
        if let Some((hot, _)) = self.two {
            let mut set = CpuSet::new();
            set.set(hot);
            sched_setaffinity(None, &set).expect("a core that it had");
        }
    }
}
