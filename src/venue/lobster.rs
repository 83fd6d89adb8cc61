//! Hot: LOBSTER message files: order-level events of one NASDAQ stock and day, one CSV line each.
