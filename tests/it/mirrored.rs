//! A bridge by itself over a journal that nobody writes, as a host without events runs it.

use crate::postgres_server::PostgresServer;
use crate::redis_server::RedisServer;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tickpath::acp::names::Names;
use tickpath::bridge::config::{PostgresConfig, RedisConfig};
use tickpath::bridge::postgres;
use tickpath::bridge::postgres::address::Address;
use tickpath::bridge::redis::outgoing::Sources;
use tickpath::bridge::redis::setup::Setup;
use tickpath::bridge::redis::{connect, run};
use tickpath::bridge::sampler::Sampler;
use tickpath::bridge::status::{Standing, State, Status};
use tickpath::control::secret::{Secret, load};
use tickpath::runtime::recorder::View;
use tickpath::runtime::sampling::StageSampler;
use tickpath::runtime::sight::HostSight;

fn secret(url: String) -> Secret {
    load("X", |name| (name == "X").then(|| url.clone().into())).unwrap().unwrap().secret
}

/// Runs `bridge` until it has all, and as long as it `goes_on`; how it stands then, and how long that took.
fn until_current(
    (status, end): (&Status, &AtomicBool),
    bridge: impl Future<Output = ()>,
    goes_on: impl Fn(&Standing) -> bool,
) -> (Standing, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let took = runtime.block_on(async {
        let watch = async {
            while status.get().state != State::Current.name() || goes_on(&status.get()) {
                assert!(begun.elapsed() < Duration::from_mins(5), "{:?}", status.get());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let took = begun.elapsed();
            end.store(true, Ordering::Release);
            took
        };
        tokio::join!(bridge, watch).1
    });
    (status.get(), took)
}

/// The journal of `tickpath-1` into Redis, with samples if it `samples`.
pub fn in_redis(
    server: &RedisServer,
    journal: &Path,
    config: RedisConfig,
    samples: bool,
    goes_on: impl Fn(&Standing) -> bool,
) -> (Standing, Duration) {
    let sampler = StageSampler::new(journal, config.feature_interval_ms);
    let sources = Sources {
        sight: Box::new(HostSight::new(Arc::new(std::sync::Mutex::new(View::default())), journal, 0, Vec::new())),
        sampler: samples.then(|| Box::new(sampler) as Box<dyn Sampler>),
        notices: Arc::default(),
    };
    let (status, end) = (Arc::new(Status::default()), Arc::new(AtomicBool::new(false)));
    let setup = Setup {
        journal: journal.to_path_buf(),
        names: Names::new(&config.prefix, "tickpath-1").and_then(|names| names.with_aism(&config.aism_prefix)).unwrap(),
        client: connect::server(&secret(server.url()), false, false).unwrap(),
        config,
        durable: Arc::new(AtomicU64::new(u64::MAX)),
        epoch: 1,
        status: Arc::clone(&status),
        end: Arc::clone(&end),
    };
    until_current((&status, &end), run::run(setup, sources), goes_on)
}

/// The journal of `host` into PostgreSQL, without samples.
pub fn in_postgres(
    server: &PostgresServer,
    journal: &Path,
    host: &str,
    config: PostgresConfig,
) -> (Standing, Duration) {
    let (status, end) = (Arc::new(Status::default()), Arc::new(AtomicBool::new(false)));
    let setup = postgres::run::Setup {
        journal: journal.to_path_buf(),
        host: host.to_owned(),
        config,
        address: Address::parse(&secret(server.admin()), false).unwrap(),
        durable: Arc::new(AtomicU64::new(u64::MAX)),
        epoch: 1,
        check_name: |_| None,
        status: Arc::clone(&status),
        end: Arc::clone(&end),
    };
    until_current((&status, &end), postgres::run::run(setup, None), |_| false)
}
