//! Edge: `tickpath run` (and `tickpath` alone): the main job.

use super::Cli;
use super::exit::{Code, Failure};
use super::finish;
use crate::config::{Loaded, Mode};
use crate::control::gate::Gate;
use crate::report::live::{self, Header};
use crate::runtime::host::{self, RunOptions, Running, Source};
use crate::runtime::recorder::View;
use crate::runtime::simulation::Limits;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Arguments of `run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// Where to keep the journal; default from [host] data_dir.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// `real`, `max`, or a factor such as `10x`.
    #[arg(long, default_value = "real", value_parser = super::replay::parse_speed)]
    pub speed: super::replay::Speed,
    /// End after this many market messages; 0 = no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub events: u64,
    /// End after this much market time, in seconds; 0 = no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Market time at which the generated market begins, as nanoseconds since 1970; default now. The same start, seed
    /// and configuration give the same outputs.
    #[arg(long, value_name = "UNIX_NANOS", value_parser = clap::value_parser!(i64).range(0..=4_000_000_000_000_000_000))]
    pub start: Option<i64>,
    /// Placement of the stages, over the configured one.
    #[arg(long)]
    pub placement: Option<String>,
    /// No live view, only lines.
    #[arg(long)]
    pub plain: bool,
    /// Where to write latency.svg and the .hgrm files; default: `latency` in the journal's folder.
    #[arg(long, value_name = "DIR")]
    pub latency: Option<PathBuf>,
}

impl Default for RunArgs {
    fn default() -> Self {
        Self {
            journal: None,
            speed: super::replay::Speed::Factor(1.0),
            events: 0,
            seconds: 0.0,
            start: None,
            placement: None,
            plain: false,
            latency: None,
        }
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|s| (0.0..=1e9).contains(s))
        .ok_or_else(|| "expected seconds from 0 (no limit) to 1e9".to_owned())
}

/// Runs the generated market on the simulated venue.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &RunArgs) -> Result<Code, Failure> {
    let mut loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    for name in &loaded.overrides {
        tracing::info!("environment variable {name} changes the configuration");
    }
    if let Some(placement) = &args.placement {
        loaded.config.topology.placement.clone_from(placement);
    }
    let dir = args.journal.clone().unwrap_or_else(|| loaded.config.host.data_dir.clone());
    let shared = Arc::new(Mutex::new(View::default()));
    let options = RunOptions {
        journal_dir: Some(dir.clone()),
        fresh_journal: false,
        speed: args.speed.factor(),
        limits: Limits { events_max: args.events, nanos_max: (args.seconds * 1e9) as i64 },
        shared: Some(Arc::clone(&shared)),
        start: args.start,
        definitions: Vec::new(),
        plane: true,
    };
    let running = host::start(&loaded.config, Source::Generated, options)?;
    let stop = install_stop(&running.gate)?;
    if !cli.json {
        announce(&running, &dir);
    }
    if std::io::stdout().is_terminal() && !args.plain && !cli.json {
        show(&running, &shared, &loaded, &dir)?;
    } else {
        lines(&running, &shared, cli.json);
    }
    let outcome = running.wait()?;
    let latency_dir = args.latency.clone().unwrap_or_else(|| dir.join("latency"));
    let code = finish(cli, &outcome, Some(&latency_dir))?;
    stop.store(true, Ordering::Release);
    Ok(code)
}

/// Ctrl-C (and SIGTERM): the first asks for a clean end, the second ends the process at once (its journal is recovered
/// at the next start, as after any crash).
pub fn install_stop(gate: &Arc<Gate>) -> Result<Arc<AtomicBool>, Failure> {
    let over = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds the flag down and raises it, the second finds it up.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&asked)))
            .map_err(|e| Failure::new(Code::Error, format!("cannot watch for Ctrl-C: {e}")))?;
    }
    let (gate, over_of_thread) = (Arc::clone(gate), Arc::clone(&over));
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while !over_of_thread.load(Ordering::Acquire) {
                if asked.load(Ordering::Acquire) {
                    gate.stop();
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        })
        .map_err(|e| Failure::new(Code::Error, e))?;
    Ok(over)
}

/// Where the control plane listens.
pub fn announce_plane(running: &Running) {
    if let Some(address) = running.plane {
        crate::say!("control plane http://{address} (`tickpath status --url http://{address}`)");
    }
}

fn announce(running: &Running, dir: &std::path::Path) {
    let restored = &running.restored;
    if restored.sequence_last > 0 {
        crate::say!(
            "continuing the journal in {} behind sequence {} (epoch {}; {} audit records restored)",
            dir.display(),
            restored.sequence_last,
            running.epoch,
            restored.records
        );
    } else {
        crate::say!("new journal in {}", dir.display());
    }
    announce_plane(running);
    match running.mode {
        Mode::Paper => {}
        Mode::Live => crate::say!(
            "mode LIVE on the simulated venue: a drill; nothing leaves before two people have enabled it (`tickpath enable --help`)"
        ),
        other => crate::say!("mode {other}: no order reaches a venue"),
    }
    crate::say!("placement {}; Ctrl-C ends the run", running.placement);
}

/// One line a second.
fn lines(running: &Running, shared: &Mutex<View>, quiet: bool) {
    let mut next = Instant::now() + Duration::from_secs(1);
    while !running.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        if quiet || Instant::now() < next {
            continue;
        }
        next += Duration::from_secs(1);
        let now = shared.lock().map(|view| (view.sequence, view.counts, view.gate));
        if let Ok((sequence, c, gate)) = now {
            crate::say!(
                "sequence {sequence}  signals {}  orders {}  fills {}  refused {}  gate {}",
                c.signals,
                c.orders,
                c.fills,
                c.refused,
                live::gate_words(gate)
            );
        }
    }
}

/// The live view.
fn show(running: &Running, shared: &Mutex<View>, loaded: &Loaded, dir: &std::path::Path) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()
        .map_err(|e| Failure::new(Code::Error, format!("no live view on this terminal: {e}; use --plain")))?;
    let started = Instant::now();
    let (mut last, mut last_at, mut per_second) = (0u64, started, 0.0);
    let result = loop {
        if running.is_finished() {
            break Ok(());
        }
        let view = shared.lock().map(|v| v.clone()).unwrap_or_default();
        let elapsed = last_at.elapsed().as_secs_f64();
        if elapsed >= 1.0 {
            let now = running.progress.events.load(Ordering::Relaxed);
            per_second = (now.saturating_sub(last)) as f64 / elapsed;
            (last, last_at) = (now, Instant::now());
        }
        let header = Header {
            host: loaded.config.host.name.clone(),
            setting: format!("{}  {}", running.mode.name().to_ascii_lowercase(), running.placement),
            messages_per_second: per_second,
            seconds: started.elapsed().as_secs_f64(),
            journal: dir.display().to_string(),
        };
        if let Err(error) = terminal.draw(|frame| live::draw(frame, &header, &view)) {
            break Err(Failure::new(Code::Error, format!("the live view failed: {error}")));
        }
        // Raw mode turns Ctrl-C into a key.
        match crossterm::event::poll(Duration::from_millis(150)) {
            Ok(true) => {
                if let Ok(crossterm::event::Event::Key(key)) = crossterm::event::read()
                    && (key.code == crossterm::event::KeyCode::Char('q')
                        || key.code == crossterm::event::KeyCode::Char('c')
                            && key.modifiers.contains(crossterm::event::KeyModifiers::CONTROL))
                {
                    running.gate.stop();
                }
            }
            Ok(false) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(150)),
        }
    };
    ratatui::restore();
    result
}
