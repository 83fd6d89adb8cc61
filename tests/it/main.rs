//! The integration binary: house rules, and the program as its users run it.

mod capture_files;
mod captures;
mod cli;
mod faults;
mod generated;
mod kill;
mod market_captures;
mod support;
mod tidy;
