//! What the hot path feels of its mirrors: bytes to decision with them on, with their stores stopped, and without them, in
//! blocks in turns within one process. Run by `perf/mirrors`.
//!
//! The host is one that mirrors nothing by itself (its journal must be fresh); the same bridges that a live host starts are
//! begun and ended beside it, on threads of this process, so that off and on need no other start of the host. A machine's
//! speed drifts from one second to the next, so each block with mirrors stands between two without, and is compared with
//! their geometric mean.

use crate::measure::{Ratios, moved, pin, pin_thread, report, setting, threads, two_cores};
use crate::postgres_server::PostgresServer;
use crate::redis_server::RedisServer;
use hdrhistogram::Histogram;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tickpath::config::Config;
use tickpath::control::notices::Notices;
use tickpath::metric::latency::BYTES_TO_DECISION;
use tickpath::runtime::bridges::{Bridges, Given, Prepared};
use tickpath::runtime::host::{self, RunOptions, Source};
use tickpath::runtime::recorder::View;

/// How the name of the hot thread begins: all stages are fused on it.
const HOT: &str = "sequencer";
/// So long nothing is counted after a change.
const SETTLE: Duration = Duration::from_millis(400);
/// So long the mirrors have to come up to what the journal had.
const CATCH_UP: Duration = Duration::from_mins(1);

/// A block's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Off,
    On,
    RedisStopped,
    PostgresStopped,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Off, Self::On, Self::RedisStopped, Self::PostgresStopped];

    fn name(self) -> &'static str {
        match self {
            Self::Off => "mirrors off",
            Self::On => "mirrors on",
            Self::RedisStopped => "on, Redis stopped",
            Self::PostgresStopped => "on, PostgreSQL stopped",
        }
    }
}

/// Processes that are stopped until this is dropped, whatever happens.
struct Stopped(Vec<u32>);

impl Stopped {
    /// A server and the processes that it has for its connections.
    fn new(server: u32) -> Self {
        let stopped = Self(std::iter::once(server).chain(children(server)).collect());
        for id in &stopped.0 {
            signal(*id, Signal::STOP);
        }
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for id in &self.0 {
            signal(*id, Signal::CONT);
        }
    }
}

/// Sends a signal; one that is gone meanwhile needs none.
fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The processes whose parent this is.
fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mine = all.filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // Behind the name, which may hold anything: state, parent.
        let of: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (of == parent).then_some(id)
    });
    mine.collect()
}

/// A host under way, and what its mirrors need.
struct Measured<'a> {
    config: &'a Config,
    journal: &'a Path,
    epoch: u64,
    view: Arc<Mutex<View>>,
    /// The cores of the hot thread and of all else.
    cores: Option<(usize, usize)>,
    servers: (u32, u32),
    block: Duration,
}

impl Measured<'_> {
    fn view(&self) -> View {
        self.view.lock().unwrap().clone()
    }

    /// The hot thread on its core, all other threads and the servers on the other.
    fn pin(&self) -> bool {
        let Some((hot, other)) = self.cores else { return false };
        let mut held = true;
        for (thread, name) in threads(std::process::id()) {
            // One that ended meanwhile cannot be pinned.
            let pinned = pin_thread(thread, if name.starts_with(HOT) { hot } else { other });
            held &= pinned || !name.starts_with(HOT);
        }
        for server in [self.servers.0, self.servers.1] {
            held &= pin(server, other);
            for child in children(server) {
                pin(child, other);
            }
        }
        held
    }

    /// The mirrors of a live host.
    fn mirrors(&self) -> Bridges {
        let given = Given {
            journal: self.journal,
            epoch: self.epoch,
            before: 0,
            durable: &Arc::new(AtomicU64::new(u64::MAX)),
            view: &self.view,
            notices: &Arc::new(Notices::default()),
        };
        let bridges = Prepared::new(self.config, false).unwrap().start(&given).unwrap();
        assert_eq!(bridges.seen().len(), 2, "Redis and PostgreSQL");
        bridges
    }

    /// Waits until both stores have what the journal has now.
    fn catch_up(&self, bridges: &Bridges) {
        let (target, begun) = (self.view().journaled, Instant::now());
        let behind = || bridges.seen().iter().any(|one| one.status.get().sequence.is_none_or(|n| n < target));
        while behind() {
            assert!(begun.elapsed() < CATCH_UP, "{target}: {:?}; fewer events: TICKPATH_SPEED", bridges.seen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the hot path does within a block that begins now.
    fn count(&self) -> Histogram<u64> {
        // Bridges may have made connections, and with them processes of the server.
        self.pin();
        std::thread::sleep(SETTLE);
        let before = self.view();
        std::thread::sleep(self.block);
        let after = self.view();
        let mut block = after.latency.get(BYTES_TO_DECISION).clone();
        block.subtract(before.latency.get(BYTES_TO_DECISION)).unwrap();
        block
    }

    /// Mirrors that come up to what there is now; `with` them, something is done; and they are gone again.
    fn beside<R>(&self, with: impl FnOnce(&Bridges) -> R) -> R {
        let bridges = self.mirrors();
        self.catch_up(&bridges);
        let done = with(&bridges);
        self.catch_up(&bridges);
        done
    }

    /// One block with mirrors, and the blocks without in front of it and behind it. Of `Off`, one without: mirrors were there
    /// in front of it and behind it as well, so that it lies as far from the other two.
    fn between(&self, kind: Kind) -> Between {
        let before = self.count();
        let with = if kind == Kind::Off {
            self.beside(|_| ());
            let with = self.count();
            self.beside(|_| ());
            with
        } else {
            self.beside(|bridges| {
                let written = || bridges.seen().iter().map(|one| one.status.get().events).collect::<Vec<_>>();
                let stopped = match kind {
                    Kind::RedisStopped => Some(Stopped::new(self.servers.0)),
                    Kind::PostgresStopped => Some(Stopped::new(self.servers.1)),
                    Kind::Off | Kind::On => None,
                };
                let begun = written();
                let with = self.count();
                // That it was what its name says. One answer may have been under way.
                let grew: Vec<bool> = written().iter().zip(&begun).map(|(after, before)| after > before).collect();
                assert!(grew[0] || kind == Kind::RedisStopped, "{kind:?}: {:?}", bridges.seen());
                assert!(grew[1] || kind == Kind::PostgresStopped, "{kind:?}: {:?}", bridges.seen());
                drop(stopped);
                with
            })
        };
        Between { kind, before, with, after: self.count() }
    }
}

/// A block between two without mirrors.
struct Between {
    kind: Kind,
    before: Histogram<u64>,
    with: Histogram<u64>,
    after: Histogram<u64>,
}

impl Between {
    /// Whether the machine was the same in front of it and behind it, and the recorder, which counts and shares a core, was
    /// given its turns.
    fn is_steady(&self) -> bool {
        let p50 = |block: &Histogram<u64>| block.value_at_quantile(0.5) as f64;
        let starved = [&self.before, &self.with, &self.after].iter().any(|block| block.is_empty());
        !starved && !moved(p50(&self.before), p50(&self.after))
    }

    fn ratio(&self, figure: fn(&Histogram<u64>) -> f64) -> f64 {
        // The geometric mean: one block in front or behind that is twice as slow must not halve what is between.
        figure(&self.with) / (figure(&self.before) * figure(&self.after)).sqrt()
    }
}

/// What is compared: its name, and how it is read.
type Figure = (&'static str, fn(&Histogram<u64>) -> f64);
const FIGURES: [Figure; 3] = [
    ("p50", |block| block.value_at_quantile(0.5) as f64),
    ("p99", |block| block.value_at_quantile(0.99) as f64),
    ("p99.9", |block| block.value_at_quantile(0.999) as f64),
];

/// The blocks as a table and for programs.
fn tell(all: &[Between], measured: &Measured<'_>, pinned: bool, speed: f64) {
    let (kept, dropped): (Vec<&Between>, Vec<&Between>) = all.iter().partition(|one| one.is_steady());
    let head = format!(
        "bytes to decision; generated market at {speed} times its pace, fused; blocks of {:?} in turns within one process; {}; {} blocks kept, {} dropped since p50 without mirrors moved by more than 20 % from the block in front to the one behind, or one had no samples\n\nRatios to the geometric mean of the two blocks without mirrors around each: median [a tenth of the blocks had less, a tenth more]. *Pooled*: quantiles over all samples with ÷ over all samples around them.",
        measured.block,
        if pinned {
            "the hot thread on one core; recorder, mirrors and both servers on the other"
        } else {
            "NOT pinned (fewer than two cores, or not allowed)"
        },
        kept.len(),
        dropped.len(),
    );
    let mut table = format!(
        "{head}\n\n| what | blocks | samples | p50 ÷ off | p99 ÷ off | p99.9 ÷ off | pooled p50, p99, p99.9 | p50, p99, p99.9 of all |\n|---|---|---|---|---|---|---|---|\n"
    );
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        let of: Vec<&&Between> = kept.iter().filter(|one| one.kind == kind).collect();
        let pool = |blocks: &mut dyn Iterator<Item = &Histogram<u64>>| {
            let mut pooled = Histogram::<u64>::new_with_bounds(1, 100_000_000_000, 3).unwrap();
            blocks.for_each(|block| pooled.add(block).unwrap());
            pooled
        };
        let with = pool(&mut of.iter().map(|one| &one.with));
        let around = pool(&mut of.iter().flat_map(|one| [&one.before, &one.after]));
        let ratios = FIGURES.map(|(_, figure)| Ratios(of.iter().map(|one| one.ratio(figure)).collect()));
        let read = |pooled: &Histogram<u64>| {
            FIGURES.map(|(_, figure)| if pooled.is_empty() { f64::NAN } else { figure(pooled) })
        };
        let ([p50, p99, p999], around) = (read(&with), read(&around));
        let pooled = [p50 / around[0], p99 / around[1], p999 / around[2]];
        let texts = ratios.each_ref().map(Ratios::tenths).join(" | ");
        let name = if kind == Kind::Off { "mirrors off (what this can tell apart)" } else { kind.name() };
        writeln!(
            table,
            "| {name} | {} | {} | {texts} | {:.3}, {:.3}, {:.3} | {p50:.0}, {p99:.0}, {p999:.0} ns |",
            of.len(),
            with.len(),
            pooled[0],
            pooled[1],
            pooled[2]
        )
        .unwrap();
        rows.push(json!({
            "what": kind.name(), "blocks": of.len(), "samples": with.len(), "p50_ns": p50, "p99_ns": p99, "p999_ns": p999,
            "p50_ratio": ratios[0].json(), "p99_ratio": ratios[1].json(), "p999_ratio": ratios[2].json(),
            "p50_pooled": pooled[0], "p99_pooled": pooled[1], "p999_pooled": pooled[2],
        }));
    }
    let facts = json!({
        "span": "bytes_to_decision", "speed": speed, "block_seconds": measured.block.as_secs_f64(), "pinned": pinned,
        "blocks": kept.len(), "dropped": dropped.len(), "debug": cfg!(debug_assertions), "rows": rows,
    });
    report(&table, &facts);
}

/// The servers; the host is in a process of its own, which is told of them as any host is.
#[test]
#[ignore = "a measurement: perf/mirrors"]
fn the_hot_path_beside_its_mirrors() {
    let (Some(redis), Some(postgres)) = (RedisServer::start(&["--appendonly", "no"]), PostgresServer::start(&[]))
    else {
        return;
    };
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "mirror_speed::the_host"])
        .env("REDIS_URL", redis.url())
        .env("DATABASE_URL", postgres.admin())
        .env("TICKPATH_SERVERS", format!("{},{}", redis.pid(), postgres.pid()))
        .status()
        .unwrap();
    // A host that was ended from outside can have left them stopped, and then they cannot end in order.
    for server in [redis.pid(), postgres.pid()] {
        drop(Stopped(std::iter::once(server).chain(children(server)).collect()));
    }
    assert!(ran.success(), "{ran}");
}

#[test]
#[ignore = "a part of a measurement: perf/mirrors"]
fn the_host() {
    let Ok(servers) = std::env::var("TICKPATH_SERVERS") else {
        println!("SKIPPED: begun by the_hot_path_beside_its_mirrors alone");
        return;
    };
    let (redis, postgres) = servers.split_once(',').unwrap();
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut config = tickpath::config::load(None, std::iter::empty()).unwrap().config;
    config.http.enabled = false;
    config.topology.placement = "fused".to_owned();
    let (speed, rounds) = (setting("TICKPATH_SPEED", 15.0), setting("TICKPATH_ROUNDS", 12.0) as usize);
    let view = Arc::new(Mutex::new(View::default()));
    let options = RunOptions {
        journal_dir: Some(journal.clone()),
        // It mirrors nothing by itself.
        fresh_journal: true,
        speed: Some(speed),
        shared: Some(Arc::clone(&view)),
        ..RunOptions::default()
    };
    let running = host::start(&config, Source::Generated, options).unwrap();
    let measured = Measured {
        config: &config,
        journal: &journal,
        epoch: running.epoch,
        view,
        cores: two_cores(),
        servers: (redis.parse().unwrap(), postgres.parse().unwrap()),
        block: Duration::from_secs_f64(setting("TICKPATH_BLOCK_SECONDS", 1.0)),
    };
    let pinned = measured.pin();
    // Warm: tables and streams are made, the hot path has seen all its code.
    let warm = measured.mirrors();
    std::thread::sleep(Duration::from_secs(1));
    measured.catch_up(&warm);
    drop(warm);
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut order = Kind::ALL;
        order.rotate_left(round % Kind::ALL.len());
        all.extend(order.map(|kind| measured.between(kind)));
    }
    running.gate.stop();
    running.wait().unwrap();
    tell(&all, &measured, pinned, speed);
}
