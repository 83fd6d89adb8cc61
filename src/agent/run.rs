//! Edge: presence, watch and budgets on one thread, each with connections of its own, ended with the host.

use super::ledger::{self, Ledger};
use super::setup::{GLANCE, Setup};
use super::{beat, supervise, tracker};
use crate::bridge::redis::connect::Server;
use std::time::Duration;
use tokio::sync::mpsc;

/// So long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Rounds of heartbeats that may wait for the ledger.
const ROUNDS_WAITING: usize = 64;

/// Runs until the host has ended, and some moments more for the last words.
pub async fn run<L: Ledger>(setup: Setup, client: Server, ledger: Option<L>) {
    let (history, queue) = mpsc::channel(ROUNDS_WAITING);
    let history = ledger.is_some().then_some(history);
    let kept = async {
        if let Some(ledger) = ledger {
            ledger::run(ledger, queue).await;
        }
    };
    let work = async {
        tokio::join!(
            beat::run(&setup, &client, history),
            supervise::run(&setup, &client),
            tracker::run(&setup, &client),
            kept
        )
    };
    let grace = async {
        while !setup.is_over() {
            tokio::time::sleep(GLANCE).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        ((), (), (), ()) = work => {}
        () = grace => {}
    }
}
