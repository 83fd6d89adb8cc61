//! The integration binary: house rules, and the program as its users run it.

mod captures;
mod cli;
mod faults;
mod generated;
mod kill;
mod support;
mod tidy;
