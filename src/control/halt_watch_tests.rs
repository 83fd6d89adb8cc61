//! Edge: a file that is swapped under the watcher, as a mounted ConfigMap is, and worse.

use super::super::halt::{FILE_VARIABLE, HaltKind};
use super::super::small_file;
use super::*;
use std::path::{Path, PathBuf};

/// The layout of a mounted ConfigMap: `EXECUTION_HALTED` → `..data/EXECUTION_HALTED`, `..data` → a folder; the swap is
/// one rename of a symlink.
struct Mount {
    dir: tempfile::TempDir,
}

const NAME: &str = "EXECUTION_HALTED";

impl Mount {
    /// A mount with one folder for each content; `None`: the file is missing there.
    fn new(contents: &[(&str, Option<&[u8]>)]) -> Self {
        // In memory where there is such a place: a busy disk would thin the storms out.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for (folder, content) in contents {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            if let Some(content) = content {
                std::fs::write(dir.path().join(folder).join(NAME), content).unwrap();
            }
        }
        std::os::unix::fs::symlink(Path::new("..data").join(NAME), dir.path().join(NAME)).unwrap();
        Self { dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }

    fn sources(&self) -> HaltSources {
        let file = self.file();
        HaltSources::from_env(move |name| (name == FILE_VARIABLE).then(|| file.clone().into()))
    }

    fn swap(&self, folder: &str) {
        let fresh = self.dir.path().join("..fresh");
        std::os::unix::fs::symlink(folder, &fresh).unwrap();
        std::fs::rename(&fresh, self.dir.path().join("..data")).unwrap();
    }

    /// Swaps through `folders`, a thousand times a second, for a second and until it is `enough`; how often.
    fn storm(&self, folders: &[&str], enough: impl Fn() -> bool) -> u32 {
        let started = Instant::now();
        let mut swaps = 0;
        // Not for ever: what is missing then is told by who wanted it.
        while (swaps < 1_000 || !enough()) && started.elapsed() < Duration::from_mins(2) {
            self.swap(folders[swaps as usize % folders.len()]);
            swaps += 1;
            let due = Duration::from_millis(u64::from(swaps));
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        println!("{swaps} swaps in {:.2} s", started.elapsed().as_secs_f64());
        swaps
    }
}

const BAD: &[(&str, Option<&[u8]>)] = &[
    ("maybe", Some(b"maybe")),
    ("absent", None),
    ("empty", Some(b"")),
    ("one", Some(b"1\n")),
    ("zeros", Some(b"00")),
    ("hex", Some(b"0x0")),
];

/// Waits until `watch` says `kind`; how long it took.
fn wait_for(watch: &HaltWatch, kind: HaltKind) -> Duration {
    let started = Instant::now();
    while watch.current().kind != kind {
        assert!(started.elapsed() < Duration::from_secs(5), "{kind:?} was never seen: {:?}", watch.current());
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

#[test]
fn swapped_among_bad_contents_it_never_opens() {
    let mount = Mount::new(BAD);
    let folders: Vec<&str> = BAD.iter().map(|(folder, _)| *folder).chain(["nowhere"]).collect();
    mount.swap(folders[0]);
    let told = Arc::new(Mutex::new(Vec::<Halt>::new()));
    let of_watch = Arc::clone(&told);
    let watch = HaltWatch::start(mount.sources(), Duration::from_micros(200), move |halt| {
        of_watch.lock().unwrap().push(halt.clone());
    })
    .unwrap();
    let kinds = || {
        let told = told.lock().unwrap();
        told.iter().map(|halt| halt.source.clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let swaps = mount.storm(&folders, || watch.looks() >= 1_000 && kinds() >= BAD.len());
    let (looks, kinds) = (watch.looks(), kinds());
    drop(watch);
    let told = told.lock().unwrap().clone();
    println!("{swaps} swaps among bad contents, {looks} looks, {} changes told, {kinds} kinds, 0 open", told.len());
    assert!(told.iter().all(|halt| halt.kind == HaltKind::Explicit), "{told:?}");
    assert!(looks >= 1_000, "too few looks to mean anything: {looks}");
    assert_eq!(kinds, BAD.len(), "every kind of bad content was met");
}

#[test]
fn swapped_between_good_and_bad_it_is_open_only_by_a_good_read() {
    let mut contents = BAD.to_vec();
    contents.push(("good", Some(b"0\n")));
    let mount = Mount::new(&contents);
    mount.swap("good");
    let over = AtomicBool::new(false);
    let (open, shut) = (AtomicU64::new(0), AtomicU64::new(0));
    let enough = || open.load(Ordering::Relaxed) >= 1_000 && shut.load(Ordering::Relaxed) >= 1_000;
    let swaps = std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            let swaps = mount.storm(&["maybe", "good", "absent", "good", "empty", "good", "one"], enough);
            over.store(true, Ordering::Release);
            swaps
        });
        while !over.load(Ordering::Acquire) {
            // What was read, noted on the way to the judge.
            let mut seen = None;
            let halt = mount.sources().judge_by(|path| {
                let content = small_file::read(path, 16).map(|file| file.content.to_vec());
                seen = Some(content.clone());
                content
            });
            let good = matches!(seen, Some(Ok(content)) if content == b"0\n");
            assert_eq!(halt.kind == HaltKind::Allowed, good, "{halt:?}");
            (if good { &open } else { &shut }).fetch_add(1, Ordering::Relaxed);
        }
        storm.join().unwrap()
    });
    let (open, shut) = (open.into_inner(), shut.into_inner());
    println!("{swaps} swaps between good and bad: {open} looks met a 0 and were open, {shut} did not and were shut");
    assert!(open >= 1_000 && shut >= 1_000, "too few to mean anything");
}

#[test]
fn it_opens_within_a_second_of_a_zero_and_closes_within_a_second_of_anything_else() {
    let mut contents = BAD.to_vec();
    contents.push(("good", Some(b"0\n")));
    let mount = Mount::new(&contents);
    mount.swap("one");
    let watch = HaltWatch::start(mount.sources(), PERIOD, |_| {}).unwrap();
    assert_eq!(watch.current().kind, HaltKind::Explicit);
    let (mut opened, mut closed) = (Duration::ZERO, Duration::ZERO);
    for (folder, _) in BAD {
        mount.swap("good");
        opened = opened.max(wait_for(&watch, HaltKind::Allowed));
        mount.swap(folder);
        closed = closed.max(wait_for(&watch, HaltKind::Explicit));
    }
    // In place, too.
    mount.swap("good");
    wait_for(&watch, HaltKind::Allowed);
    std::fs::write(mount.file(), "1").unwrap();
    closed = closed.max(wait_for(&watch, HaltKind::Explicit));
    println!("looked at every {PERIOD:?}: opened within {opened:?}, closed within {closed:?}");
    assert!(opened < Duration::from_secs(1) && closed < Duration::from_secs(1));
}

#[test]
fn a_watcher_that_does_not_come_back_halts() {
    let s = Duration::from_secs;
    assert_eq!(overdue(s(10), s(9), s(1)), None);
    assert!(overdue(s(10), s(8), s(1)).unwrap().source.contains("has not looked for 2.0 s"));
    assert!(overdue(s(8), s(10), s(1)).is_some(), "a clock that ran backward");
    // One whose `on_change` hangs, for real.
    let mount = Mount::new(&[("good", Some(b"0")), ("one", Some(b"1"))]);
    mount.swap("good");
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let mut first = true;
    let watch = HaltWatch::start(mount.sources(), Duration::from_millis(5), move |_| {
        if !std::mem::take(&mut first) {
            let _ = held.recv();
        }
    })
    .unwrap();
    assert_eq!(watch.current().kind, HaltKind::Allowed);
    mount.swap("one");
    wait_for(&watch, HaltKind::Explicit);
    mount.swap("good");
    std::thread::sleep(OVERDUE_MIN + Duration::from_millis(100));
    let halt = watch.current();
    assert!(halt.kind == HaltKind::Explicit && halt.source.contains("has not looked"), "{halt:?}");
    drop(hold);
    wait_for(&watch, HaltKind::Allowed);
}
