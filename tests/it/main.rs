//! The integration binary: house rules, and the program as its users run it.

mod altered;
mod capture_files;
mod bridge_postgres;
mod bridge_redis;
mod captures;
mod cli;
mod enable;
mod events;
mod faults;
mod feature_lean;
mod feature_signal;
mod generated;
mod http;
mod kill;
mod live;
mod market_candles;
mod market_captures;
mod market_faults;
mod postgres_faults;
mod postgres_schema;
mod postgres_server;
mod redis_server;
mod support;
mod tidy;
mod venue_binance;
mod venue_binance_oracle;
