-- Claiming a mission's steps, with daily quotas. What such queues get wrong elsewhere, and what is done about it here:
-- - two read the same row before either has marked it: one statement locks it and skips what others have locked;
-- - a plan that runs the locking sub-select more than once locks more rows than it takes: the row is fetched into a variable;
-- - two count the quota before either has claimed: claims of one kind that has a quota take turns;
-- - the time of a long transaction's beginning looks like an old claim: the clock is read, not `now()`;
-- - a worker that was too slow ends a step that another has by now: to move a step, its claim must be named, by who and when.
--
-- A database may have functions of these names already: those stay as they are. Times are compared in UTC, also where a table of
-- others has them without a zone.

-- How many steps of a kind may be claimed today (UTC) yet; NULL = no quota. A quota that cannot be read lets nothing pass.
DO $make$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = 'ops_quota_left' AND p.pronamespace = 'public'::regnamespace) THEN
        EXECUTE $function$
CREATE FUNCTION public.ops_quota_left(wanted_kind text) RETURNS bigint LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    quota jsonb;
    daily bigint;
    today timestamptz := date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    used bigint;
BEGIN
    SELECT p.value INTO quota FROM public.ops_policy p WHERE p.key = 'quota:' || wanted_kind;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(quota -> 'daily_limit') IS DISTINCT FROM 'number' OR (quota ->> 'daily_limit')::numeric < 0 THEN
        RAISE EXCEPTION 'ops_policy quota:% is %, expected {"daily_limit": n} with n >= 0', wanted_kind, quota
            USING ERRCODE = 'data_exception';
    END IF;
    daily := least(floor((quota ->> 'daily_limit')::numeric), 9e15)::bigint;
    SELECT count(*) INTO used FROM public.ops_mission_steps s
        WHERE s.kind = wanted_kind AND s.claimed_at >= today;
    RETURN greatest(daily - used, 0);
END $$
        $function$;
    END IF;
END $make$;

-- Claims the oldest open step of a kind for a worker; no row if there is none, or the day's quota is used up. A claim older
-- than 10 minutes that was never begun is open again.
DO $make$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = 'ops_claim_step' AND p.pronamespace = 'public'::regnamespace) THEN
        EXECUTE $function$
CREATE FUNCTION public.ops_claim_step(wanted_kind text, worker text) RETURNS SETOF public.ops_mission_steps
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    chosen public.ops_mission_steps.id%TYPE;
BEGIN
    IF worker IS NULL OR worker = '' THEN
        RAISE EXCEPTION 'ops_claim_step: a worker must be named' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT 1 FROM public.ops_policy p WHERE p.key = 'quota:' || wanted_kind) THEN
        PERFORM pg_advisory_xact_lock(hashtext('ops_claim_step'), hashtext(wanted_kind));
        -- A new statement, so it sees what the one before in the queue has claimed.
        IF public.ops_quota_left(wanted_kind) = 0 THEN
            RETURN;
        END IF;
    END IF;
    SELECT s.id INTO chosen FROM public.ops_mission_steps s
        WHERE s.kind = wanted_kind
          AND s.status IN ('queued', 'claimed')
          AND (s.status = 'queued' OR s.claimed_at IS NULL OR s.claimed_at < clock_timestamp() - interval '10 minutes')
        ORDER BY s.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY UPDATE public.ops_mission_steps s
        SET status = 'claimed', claimed_by = worker, claimed_at = clock_timestamp(), updated_at = clock_timestamp()
        WHERE s.id = chosen
        RETURNING s.*;
END $$
        $function$;
    END IF;
END $make$;

-- Moves a claimed step on (`running`, `completed`, `failed`, or `queued` to give it back); false if the claim is not this
-- worker's any more.
DO $make$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = 'ops_move_step' AND p.pronamespace = 'public'::regnamespace) THEN
        EXECUTE $function$
CREATE FUNCTION public.ops_move_step(
    step_id public.ops_mission_steps.id%TYPE, worker text, of_claim timestamptz, new_status text, new_result jsonb DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    UPDATE public.ops_mission_steps s
        SET status = new_status,
            result = coalesce(new_result, s.result),
            updated_at = clock_timestamp()
        WHERE s.id = step_id AND s.claimed_by = worker AND s.claimed_at = of_claim AND s.status IN ('claimed', 'running');
    RETURN FOUND;
END $$
        $function$;
    END IF;
END $make$;
