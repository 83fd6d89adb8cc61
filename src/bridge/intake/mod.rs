//! Edge: what outside agents send over Redis: tasks, commands, signals, decisions. Each is checked, done once, and answered.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | of whom what is taken |
//! | [`keys`] | the lists and channels |
//! | [`queue`] | taking in one step |
//! | [`search`] | how far a long queue was looked through |
//! | [`claim`] | which host does a task |
//! | [`settle`] | acknowledging with the outcome in one step, dead letters |
//! | [`act`] | what an action means to the host |
//! | [`seen`] | numbers of messages, so that a repeat is known |
//! | [`desk`] | one message from its bytes to its answer |
//! | [`status`] | how it stands |
//! | [`outcomes`] | what became of tasks, on its way into PostgreSQL |
//! | [`ears`] | the channels, and a bounded inbox |
//! | [`hand`] | what was taken and is not over |
//! | `work` | one item from being taken to being over |
//! | `finish` | how it ends |
//! | [`run`] | the loop: connect, take up what was left, listen and look |
//!
//! What moves positions becomes an input of the sequence, with its sender and trace; nothing here decides what an order may be.
//! What can only stop or reduce is taken from everybody; what moves positions from the agents that the configuration names; what
//! lifts a stop from nobody: a person does that over the control plane.

pub mod act;
pub mod claim;
pub mod config;
pub mod desk;
pub mod ears;
mod finish;
pub mod hand;
pub mod keys;
pub mod outcomes;
pub mod queue;
pub mod run;
pub mod search;
pub mod seen;
pub mod settle;
pub mod status;
mod work;
