//! Edge: assembly: every ring and thread on one page, the loops, pinning, the clock.
//!
//! | file | what |
//! |---|---|
//! | [`topology`] | EVERY ring and thread, numbered in the data's order; start and join |
//! | [`placement`] | which stages share a thread; parsing and defaults |
//! | [`sections`] | which bytes of the slot belong to whom, for the ring |
//! | [`group`] | stages fused on one thread; stamps between them |
//! | [`outlet`] | from the execution section to the venue: approval, encoding, the gate |
//! | [`frames`] | blocks of raw messages from a loader thread to the sequencer's |
//! | [`inflow`] | what is sequenced: a capture, the generated market |
//! | [`simulation`], [`surroundings`] | the discrete-event loop: what happens next in simulated time; what it works with |
//! | [`sequencer`] | the producer's end of the ring: sequence numbers, timers, watermark |
//! | [`venue_side`], [`venue_ahead`] | orders under way, the venue, reports under way; how it goes on while the ring is full |
//! | [`patience`] | how long a live host waits for its journal |
//! | [`recorder`] | the reader behind execution: digest, journal, histograms, live numbers |
//! | [`attended`] | overseer and control plane, begun and ended together |
//! | [`overseer`] | looks after a live host: kill, halt, freshness, clocks, execution state; what people ask of it |
//! | [`enabling`] | the two people's approval, looked at again and again in LIVE |
//! | [`agreement`] | whether the venue and the host agree on what the host has there |
//! | [`watching`] | what must be told to people, each with its runbook |
//! | [`bridges`], [`agents`] | the bridges and the agents of a live host, begun and ended with it |
//! | [`edge_thread`] | a thread of its own for what is async beside the host; a panic ends it alone |
//! | [`sight`], [`sampling`] | what they see of the host beside its journal; candles and features once more |
//! | [`playback`], [`divergence`] | a journal through the stages again, on one thread; where it differs |
//! | [`recovery`] | what a restart takes from the journal |
//! | [`problems`], [`complaint`] | what went wrong, for people and for programs |
//! | [`identity`] | which program, configuration and limits these are: what two people approve |
//! | [`clock`] | the TSC, and wall time for pacing |
//! | [`cores`] | cores that exist, pinning |

pub mod agents;
pub mod agreement;
pub mod attended;
pub mod bridges;
pub mod clock;
pub mod complaint;
pub mod cores;
pub mod decoders;
pub mod divergence;
pub mod edge_thread;
pub mod enabling;
#[cfg(test)]
mod fault_tests;
pub mod frames;
pub mod group;
pub mod host;
pub mod host_error;
pub mod identity;
pub mod inflow;
#[cfg(test)]
mod kill_delivery_tests;
pub mod intake;
pub mod loader;
pub mod opened;
pub mod outlet;
pub mod outside;
pub mod overseer;
pub mod overseer_agents;
pub mod overseer_bridges;
pub mod overseer_metrics;
pub mod overseer_outside;
pub mod overseer_plane;
pub mod patience;
pub mod placement;
pub mod playback;
pub mod problems;
pub mod recorder;
pub mod recovery;
#[cfg(test)]
mod replay_tests;
pub mod sampling;
pub mod sections;
pub mod sequencer;
pub mod sight;
pub mod simulation;
pub mod supply;
pub mod surroundings;
pub mod timers;
pub mod topology;
pub mod validate;
pub mod venue_ahead;
pub mod venue_side;
#[cfg(test)]
mod venue_side_tests;
pub mod watching;
