-- The host's own record, typed: insert only, a partition a day (UTC) by the time at which the host received the event. That time
-- comes from the journal, so it is the same when an event is written again, and can be part of the key.

CREATE FUNCTION tickpath.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'tickpath: % of %.% is refused: what is recorded is never changed', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- How far each host's journal is written. Moved in the transaction that writes the rows.
CREATE TABLE tickpath.cursors (
    host text PRIMARY KEY,
    -- Of which journal.
    journal text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    -- From which sequence on the journal had everything when the host's record here was begun. What it lacks before is no loss.
    whole_from bigint NOT NULL DEFAULT 1,
    -- How many days the host wants kept; 0 = all, and so it is before it says.
    keep_days integer CHECK (keep_days >= 0)
);

-- Every journaled event. `trace` is empty for market data that led to nothing.
CREATE TABLE tickpath.events (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    instrument text,
    trace text,
    data jsonb NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX events_instrument ON tickpath.events (instrument, at) WHERE instrument IS NOT NULL;
CREATE INDEX events_trace ON tickpath.events (trace) WHERE trace IS NOT NULL;

-- One row for each order, as it was sent.
CREATE TABLE tickpath.orders (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    client_order_id text NOT NULL,
    instrument text,
    side text,
    order_type text NOT NULL,
    time_in_force text NOT NULL,
    px numeric NOT NULL,
    qty numeric NOT NULL,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at, client_order_id)
) PARTITION BY RANGE (at);
CREATE INDEX orders_client_order_id ON tickpath.orders (client_order_id);
CREATE INDEX orders_instrument ON tickpath.orders (instrument, at);
CREATE INDEX orders_trace ON tickpath.orders (trace);

-- One row for each transition: sent, asked to be cancelled, reported on.
CREATE TABLE tickpath.order_events (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    -- 0 = what the venue reported; from 1 on, the commands of the event.
    part smallint NOT NULL,
    client_order_id text NOT NULL,
    venue_order_id numeric,
    event text NOT NULL,
    instrument text,
    state_before text,
    state text,
    side text,
    px numeric,
    qty numeric,
    cum_qty numeric,
    leaves_qty numeric,
    reason text,
    anomalous boolean NOT NULL,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at, part)
) PARTITION BY RANGE (at);
CREATE INDEX order_events_client_order_id ON tickpath.order_events (client_order_id);

CREATE TABLE tickpath.fills (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    client_order_id text NOT NULL,
    venue_order_id numeric,
    trade_id numeric,
    instrument text,
    side text,
    px numeric NOT NULL,
    qty numeric NOT NULL,
    liquidity text,
    fee numeric NOT NULL,
    cum_qty numeric NOT NULL,
    leaves_qty numeric NOT NULL,
    position numeric NOT NULL,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX fills_client_order_id ON tickpath.fills (client_order_id);
CREATE INDEX fills_instrument ON tickpath.fills (instrument, at);
CREATE INDEX fills_trace ON tickpath.fills (trace);

-- The models' opinion, where it changed.
CREATE TABLE tickpath.signals (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    instrument text,
    direction text NOT NULL,
    confidence double precision NOT NULL,
    score double precision NOT NULL,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX signals_instrument ON tickpath.signals (instrument, at);
CREATE INDEX signals_trace ON tickpath.signals (trace);

-- Samples of the features: name to value, those alone that are warm.
CREATE TABLE tickpath.features (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    instrument text,
    "values" jsonb NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX features_instrument ON tickpath.features (instrument, at);

-- What risk refused, and by which check; `value` and `limit_value` in the check's own unit.
CREATE TABLE tickpath.risk_refusals (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    instrument text,
    check_number smallint NOT NULL,
    check_name text,
    value numeric NOT NULL,
    limit_value numeric NOT NULL,
    gate text,
    side text,
    qty numeric NOT NULL,
    px numeric NOT NULL,
    target numeric NOT NULL,
    position numeric NOT NULL,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX risk_refusals_instrument ON tickpath.risk_refusals (instrument, at);
CREATE INDEX risk_refusals_trace ON tickpath.risk_refusals (trace);

-- Starts, gates, commands of people and agents, and whether the venue agrees.
CREATE TABLE tickpath.state_changes (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    action text NOT NULL,
    scope text NOT NULL,
    instrument text,
    who text,
    reason text,
    ticket text,
    request numeric,
    outcome text,
    trace text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);

-- The stages' own signs of life: the timer inputs that went through them.
CREATE TABLE tickpath.heartbeats (
    host text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    agent text NOT NULL,
    instrument text,
    status text NOT NULL,
    PRIMARY KEY (host, epoch, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX heartbeats_host ON tickpath.heartbeats (host, at);

CREATE FUNCTION tickpath.audit_tables() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY['events', 'orders', 'order_events', 'fills', 'signals', 'features', 'risk_refusals', 'state_changes', 'heartbeats']
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY tickpath.audit_tables() LOOP
        -- For each row: partitions get this one by themselves, so it holds for a partition that is named directly too.
        EXECUTE format('CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON tickpath.%I FOR EACH ROW EXECUTE FUNCTION tickpath.refuse_change()', name);
        EXECUTE format('CREATE TRIGGER keep_all BEFORE TRUNCATE ON tickpath.%I FOR EACH STATEMENT EXECUTE FUNCTION tickpath.refuse_change()', name);
        -- Also in a session that says that it replicates.
        EXECUTE format('ALTER TABLE tickpath.%I ENABLE ALWAYS TRIGGER keep_rows, ENABLE ALWAYS TRIGGER keep_all', name);
    END LOOP;
END $$;

-- Makes the partitions of the days `first` to `last` (UTC) that are not there yet; how many. There is no partition for what has
-- none: it would have to be searched, under a lock that stops everybody, for each one that is made.
CREATE FUNCTION tickpath.make_partitions(first date, last date) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET client_min_messages = warning AS $$
DECLARE
    day date;
    parent text;
    name text;
    made integer := 0;
BEGIN
    IF first IS NULL OR last IS NULL OR last < first OR last - first > 400 THEN
        RAISE EXCEPTION 'make_partitions: % to % is no range of 1 to 400 days', first, last
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('tickpath.make_partitions'));
    FOR day IN SELECT d::date FROM generate_series(first::timestamp, last::timestamp, interval '1 day') AS d LOOP
        FOREACH parent IN ARRAY tickpath.audit_tables() LOOP
            name := parent || '_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_inherits i
                WHERE i.inhparent = format('tickpath.%I', parent)::regclass
                  AND i.inhrelid = to_regclass(format('tickpath.%I', name))
            );
            IF to_regclass(format('tickpath.%I', name)) IS NOT NULL THEN
                RAISE EXCEPTION 'make_partitions: tickpath.% is there, and is no partition of tickpath.% (any more): attach it again, or give it another name',
                    name, parent USING ERRCODE = 'object_not_in_prerequisite_state';
            END IF;
            -- Made apart and attached: that stops neither readers nor writers of the table.
            EXECUTE format('CREATE TABLE tickpath.%I (LIKE tickpath.%I INCLUDING DEFAULTS INCLUDING STORAGE)', name, parent);
            EXECUTE format(
                'ALTER TABLE tickpath.%I ATTACH PARTITION tickpath.%I FOR VALUES FROM (%L) TO (%L)',
                parent, name, day::timestamptz, (day + 1)::timestamptz
            );
            EXECUTE format('CREATE TRIGGER keep_all BEFORE TRUNCATE ON tickpath.%I FOR EACH STATEMENT EXECUTE FUNCTION tickpath.refuse_change()', name);
            EXECUTE format('ALTER TABLE tickpath.%I ENABLE ALWAYS TRIGGER keep_rows, ENABLE ALWAYS TRIGGER keep_all', name);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Below how many days nothing may be dropped; NULL = nothing ever. Only an admin can set it.
CREATE TABLE tickpath.retention (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    least_days integer CHECK (least_days >= 1)
);
INSERT INTO tickpath.retention (least_days) VALUES (NULL);

-- How many days are kept if a host wants `wanted`; NULL = all. Never fewer than the admin's floor, nor than any other host wants
-- that wrote here within a year: the tables are of all of them. (A host that is gone for good: an admin deletes its cursor.)
CREATE FUNCTION tickpath.days_kept(wanted integer) RETURNS integer LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN r.least_days IS NULL OR wanted IS NULL OR wanted < 1 OR hosts.all_days THEN NULL
        ELSE greatest(wanted, r.least_days, hosts.most_days)
    END
    FROM tickpath.retention r, (
        SELECT coalesce(bool_or(coalesce(c.keep_days, 0) = 0), false) AS all_days, max(c.keep_days) AS most_days
        FROM tickpath.cursors c
        WHERE c.moved_at > now() - interval '1 year'
    ) hosts
$$;

-- Drops the partitions of days (UTC) that are older than `keep_days`, than the admin's floor and than every host's wish; their
-- names. What is old is said by a clock: the server's and that of the host which asks must agree to within a day.
CREATE FUNCTION tickpath.drop_old_partitions(keep_days integer, host_clock timestamptz) RETURNS SETOF text LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    days integer := tickpath.days_kept(keep_days);
    part record;
BEGIN
    IF host_clock IS NULL OR abs(extract(epoch FROM clock_timestamp() - host_clock)) > 86400 THEN
        RAISE EXCEPTION 'the server''s clock says %, the host''s %: more than a day apart, so no old partition is dropped; set the clocks right',
            to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI'), coalesce(to_char(host_clock, 'YYYY-MM-DD HH24:MI'), 'nothing')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF days IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('tickpath.make_partitions'));
    FOR part IN
        SELECT c.relname AS name
        FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            JOIN pg_class p ON p.oid = i.inhparent
            JOIN pg_namespace n ON n.oid = p.relnamespace AND n.nspname = 'tickpath'
        WHERE p.relname = ANY (tickpath.audit_tables())
          AND c.relname ~ '_[0-9]{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < (clock_timestamp() AT TIME ZONE 'UTC')::date - days
        ORDER BY c.relname
        -- A few at a time: each needs a lock until the end of the transaction.
        LIMIT 90
    LOOP
        EXECUTE format('DROP TABLE tickpath.%I', part.name);
        RETURN NEXT part.name;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION tickpath.make_partitions(date, date), tickpath.drop_old_partitions(integer, timestamptz) FROM PUBLIC;
