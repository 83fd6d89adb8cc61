//! Edge: `tickpath doctor`: this machine, and what to do about each point.

use super::Cli;
use super::exit::{Code, Failure};
use crate::runtime::{clock::Tsc, cores};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {}

/// How a point looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but costs latency or safety.
    Warn,
    /// Does not work.
    Bad,
}

/// One point.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it looks.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if nothing.
    pub advice: String,
}

fn finding(name: &'static str, level: Level, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { name, level, found: found.into(), advice: advice.into() }
}

/// Looks, and prints.
///
/// # Errors
/// The configuration cannot be read (its data folder is one of the points).
pub fn main(cli: &Cli, _args: &DoctorArgs) -> Result<Code, Failure> {
    let loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    let findings = [
        cores_point(),
        isolation(),
        clock_source(),
        stamps(),
        memory_lock(),
        huge_pages(),
        scaling(),
        disk(
            &loaded.config.host.data_dir,
            loaded.config.journal.segment_bytes_market + loaded.config.journal.segment_bytes_audit,
        ),
    ];
    let bad = findings.iter().any(|f| f.level == Level::Bad);
    if cli.json {
        crate::say!("{}", serde_json::json!({"ok": !bad, "findings": findings}));
    } else {
        for f in &findings {
            let mark = match f.level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Bad => "BAD ",
            };
            crate::say!("{mark}  {:<14} {}", f.name, f.found);
            if !f.advice.is_empty() {
                crate::say!("      {:<14} → {}", "", f.advice);
            }
        }
    }
    Ok(if bad { Code::Error } else { Code::Ok })
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn cores_point() -> Finding {
    let allowed = cores::allowed_cores();
    let placement = crate::runtime::placement::Placement::for_cores(allowed.len());
    let found = format!("{} usable ({allowed:?}); default placement: {placement}", allowed.len());
    if allowed.len() >= 4 {
        finding("cores", Level::Ok, found, "")
    } else {
        finding(
            "cores",
            Level::Warn,
            found,
            "with fewer than 4 cores the hot thread shares its core with others: expect spikes of milliseconds; do not use the wait strategy `spin`",
        )
    }
}

fn isolation() -> Finding {
    match read("/sys/devices/system/cpu/isolated") {
        Some(isolated) if !isolated.is_empty() => finding(
            "isolation",
            Level::Ok,
            format!("isolated cores: {isolated}"),
            "give them to the hot threads: [topology] cores",
        ),
        _ => finding(
            "isolation",
            Level::Warn,
            "no isolated cores",
            "for steady tails boot with isolcpus=… nohz_full=… rcu_nocbs=… for the hot cores, and set [topology] cores to them",
        ),
    }
}

fn clock_source() -> Finding {
    let current = read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .unwrap_or_else(|| "unknown".to_owned());
    let invariant =
        read("/proc/cpuinfo").is_some_and(|text| text.contains("constant_tsc") && text.contains("nonstop_tsc"));
    let found = format!("kernel clock source {current}; invariant TSC: {}", if invariant { "yes" } else { "no" });
    if invariant {
        finding("clock", Level::Ok, found, "")
    } else {
        finding(
            "clock",
            Level::Warn,
            found,
            "without an invariant TSC stamps fall back to the system's clock, which costs more and may step",
        )
    }
}

fn stamps() -> Finding {
    let cost = Tsc::new().cost_ns();
    let level = if cost < 60.0 { Level::Ok } else { Level::Warn };
    let advice = if level == Level::Ok {
        ""
    } else {
        "the TSC is not read directly (a hypervisor traps it?): set [topology] stamps = false where nanoseconds matter"
    };
    finding("stamps", level, format!("one stamp costs {cost:.1} ns; a message with an order takes 8"), advice)
}

fn memory_lock() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
    match limit {
        None => finding("memory lock", Level::Ok, "unlimited", ""),
        Some(bytes) => finding(
            "memory lock",
            Level::Warn,
            format!("at most {} KiB can be locked", bytes / 1024),
            "raise it (ulimit -l unlimited, or LimitMEMLOCK=infinity in the service) on machines that may swap",
        ),
    }
}

fn huge_pages() -> Finding {
    let text = read("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_else(|| "unknown".to_owned());
    if text.contains("[never]") || text == "unknown" {
        finding(
            "huge pages",
            Level::Warn,
            text,
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, so that the ring's pages need fewer TLB entries",
        )
    } else {
        finding("huge pages", Level::Ok, text, "")
    }
}

fn scaling() -> Finding {
    match read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") {
        Some(governor) if governor != "performance" => finding(
            "frequency",
            Level::Warn,
            format!("governor {governor}"),
            "use the governor `performance` on the hot cores",
        ),
        Some(governor) => finding("frequency", Level::Ok, format!("governor {governor}"), ""),
        None => finding("frequency", Level::Ok, "not under this system's control (a virtual machine?)", ""),
    }
}

fn disk(dir: &Path, need: u64) -> Finding {
    // The folder may not be there yet: then the nearest one above it counts.
    let mut at = if dir.is_absolute() { dir.to_path_buf() } else { Path::new(".").join(dir) };
    while !at.exists() {
        if !at.pop() {
            at = ".".into();
            break;
        }
    }
    let free = match rustix::fs::statvfs(&at) {
        Ok(stat) => stat.f_bavail * stat.f_frsize,
        Err(error) => {
            return finding(
                "disk",
                Level::Bad,
                format!("{}: {error}", dir.display()),
                "choose another [host] data_dir",
            );
        }
    };
    let probe = at.join(".tickpath-doctor");
    let start = Instant::now();
    let synced = fs::write(&probe, b"x").and_then(|()| fs::File::open(&probe)).and_then(|f| f.sync_all());
    let took = start.elapsed();
    drop(fs::remove_file(&probe));
    let found = format!(
        "{}: {:.1} GB free; write and sync of one block {:.2} ms",
        dir.display(),
        free as f64 / 1e9,
        took.as_secs_f64() * 1e3
    );
    match synced {
        Err(error) => finding(
            "disk",
            Level::Bad,
            format!("{}: {error}", dir.display()),
            "make the folder writable, or choose another [host] data_dir",
        ),
        Ok(()) if free < need * 4 => finding(
            "disk",
            Level::Bad,
            found,
            format!("the journal reserves {} MB ahead: free some space", need / 1_000_000),
        ),
        Ok(()) if free < 20_000_000_000 => finding(
            "disk",
            Level::Warn,
            found,
            "50 000 messages/s fill about 1 TB a day: set [journal] retention_bytes_market, or give it a larger disk",
        ),
        Ok(()) => finding("disk", Level::Ok, found, ""),
    }
}
