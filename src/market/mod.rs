//! Hot: the market stage: books, synchronisation, candles, calendar, staleness, anomalies.
