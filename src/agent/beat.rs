//! Edge: heartbeats on their way into Redis: hash, channel and sorted set, all or nothing, each round and at each change.

use super::ledger::Row;
use super::presence::{Beat, Presence};
use super::setup::{Setup, steady};
use crate::acp::heartbeat::Heartbeat;
use crate::acp::time::iso;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use crate::control::plane::view::Process;
use crate::types::time::{SECONDS, UnixNanos};
use redis::Pipeline;
use std::time::Duration;
use tokio::sync::mpsc;

/// Between two looks at what the agents' statuses are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What all heartbeats of a moment share.
struct Moment<'a> {
    process: &'a Process,
    mode: &'a str,
    at: UnixNanos,
}

/// The beats as one transaction; in a cluster, as so many commands.
fn transaction(setup: &Setup, beats: &[Beat], moment: &Moment<'_>) -> Pipeline {
    let mut pipe = redis::pipe();
    // In a cluster the keys lie on many nodes; what did not arrive is sent again.
    if !setup.names.is_cluster() {
        pipe.atomic();
    }
    let (process, at) = (moment.process, moment.at);
    let (epoch, uptime) = (process.epoch.to_string(), format!("{:.3}", process.uptime_seconds));
    let mut scores = redis::cmd("ZADD");
    scores.arg(setup.names.engine_heartbeats());
    for beat in beats {
        let id = setup.names.agent(&beat.name);
        let message = Heartbeat::new(&id, beat.status, at);
        pipe.cmd("HSET").arg(setup.names.presence(&id)).arg(&[
            ("status", beat.status),
            ("last_seen", &message.timestamp),
            ("uptime_seconds", &uptime),
            ("host", &process.host),
            ("name", &beat.name),
            ("version", &process.version),
            ("mode", moment.mode),
            ("epoch", &epoch),
            ("detail", &beat.detail),
        ]);
        pipe.cmd("HSET").arg(setup.names.engine_metadata(&id)).arg(&[
            ("type", "host-agent"),
            ("name", &beat.name),
            ("host", &process.host),
            ("version", &process.version),
            ("labels", "[\"tickpath\"]"),
        ]);
        // A message of three texts always has a JSON form.
        let json = serde_json::to_string(&message).unwrap_or_default();
        pipe.cmd("PUBLISH").arg(setup.names.channel("heartbeats")).arg(json);
        // Microseconds: what a float holds of Unix seconds.
        scores.arg(format!("{}.{:06}", at.div_euclid(SECONDS), at.rem_euclid(SECONDS) / 1_000)).arg(id);
    }
    pipe.add_command(scores);
    pipe
}

/// The beats as rows of history.
fn rows(setup: &Setup, beats: &[Beat], moment: &Moment<'_>) -> Vec<Row> {
    let process = moment.process;
    let row = |beat: &Beat| Row {
        agent: setup.names.agent(&beat.name),
        status: beat.status,
        metadata: serde_json::json!({
            "uptime": process.uptime_seconds,
            "host": process.host,
            "version": process.version,
            "mode": moment.mode,
            "epoch": process.epoch,
            "detail": beat.detail,
            "timestamp": iso(moment.at),
        }),
    };
    beats.iter().map(row).collect()
}

async fn send(
    setup: &Setup,
    connection: &mut Link,
    history: Option<&mpsc::Sender<Vec<Row>>>,
    beats: &[Beat],
) -> Result<(), Trouble> {
    let (process, situation) = (setup.host.process(), setup.host.situation());
    let moment = Moment { process: &process, mode: situation.mode.name(), at: setup.host.now() };
    if let Some(history) = history
        && history.try_send(rows(setup, beats, &moment)).is_err()
    {
        // The ledger stands still, and says why itself.
        tracing::debug!("no room for {} heartbeats in the ledger's queue", beats.len());
    }
    Ok(transaction(setup, beats, &moment).query_async(connection).await?)
}

/// Sends what is due until the host ends, then says so.
pub async fn run(setup: &Setup, client: &Server, history: Option<mpsc::Sender<Vec<Row>>>) {
    let mut presence = Presence::new(i64::try_from(setup.config.heartbeat().as_nanos()).unwrap_or(i64::MAX));
    let mut connection: Option<Link> = None;
    let (mut wait, mut told) = (AGAIN.0, String::new());
    while !setup.is_over() {
        let done = async {
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(connect::connect(client).await?),
            };
            let beats = presence.due(steady(), &setup.host.agents());
            if beats.is_empty() {
                return Ok(());
            }
            send(setup, connection, history.as_ref(), &beats).await
        }
        .await;
        match done {
            Ok(()) => {
                (wait, told) = (AGAIN.0, String::new());
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(Trouble(text)) => {
                presence.again();
                connection = None;
                if told != text {
                    tracing::warn!("agents: heartbeats do not get through: {text}");
                    told = text;
                }
                tokio::time::sleep(wait).await;
                wait = (2 * wait).min(AGAIN.1);
            }
        }
    }
    if let Some(connection) = &mut connection {
        let beats = Presence::last_words(&setup.host.agents());
        if let Err(Trouble(text)) = send(setup, connection, history.as_ref(), &beats).await {
            tracing::warn!("agents: nobody was told that they stop: {text}");
        }
    }
}
