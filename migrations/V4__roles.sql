-- Who may do what. `tickpath_writer`: insert and read what is recorded, move a cursor, make partitions; nothing else.
-- `tickpath_reader`: read. `tickpath_admin`: both, and the floor of the retention. Logins are made by whoever runs the
-- database: CREATE ROLE desk LOGIN PASSWORD '…' IN ROLE tickpath_writer.
--
-- Not all users who may create tables may create roles: what is missing is given back, and `tickpath migrate` says it. It may be
-- called again at any time; the program does so at each migration, and this step calls it itself, so that no program that dies
-- behind it leaves tables without grants.
CREATE FUNCTION tickpath.grant_roles() RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text;
    command text;
    numbers text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['tickpath_writer', 'tickpath_reader', 'tickpath_admin'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                -- Roles are of the whole server: another database's migration may have been first.
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RETURN NEXT format('CREATE ROLE %I NOLOGIN', wanted);
            END;
        END IF;
    END LOOP;
    FOREACH command IN ARRAY ARRAY[
        'GRANT tickpath_writer, tickpath_reader TO tickpath_admin',
        'GRANT USAGE ON SCHEMA tickpath TO tickpath_writer, tickpath_reader',
        'GRANT SELECT ON ALL TABLES IN SCHEMA tickpath TO tickpath_writer, tickpath_reader',
        'GRANT INSERT ON tickpath.events, tickpath.orders, tickpath.order_events, tickpath.fills, tickpath.signals, tickpath.features, tickpath.risk_refusals, tickpath.state_changes, tickpath.heartbeats TO tickpath_writer',
        'GRANT INSERT, UPDATE ON tickpath.cursors TO tickpath_writer',
        'GRANT EXECUTE ON FUNCTION tickpath.make_partitions(date, date), tickpath.drop_old_partitions(integer, timestamptz) TO tickpath_writer',
        'GRANT UPDATE ON tickpath.retention TO tickpath_admin',
        -- A cursor that is deleted is written anew from the journal's beginning.
        'GRANT DELETE ON tickpath.cursors TO tickpath_admin',
        format('GRANT TEMPORARY ON DATABASE %I TO tickpath_writer', current_database()),
        'GRANT SELECT ON public.agent_events, public.agent_heartbeats, public.ops_missions, public.ops_mission_steps, public.ops_policy, public.ops_agent_events, public.ops_outcomes, public.ops_reaction_rules, public.task_queue TO tickpath_writer, tickpath_reader',
        'GRANT INSERT ON public.agent_events, public.agent_heartbeats, public.ops_agent_events, public.ops_outcomes TO tickpath_writer',
        'GRANT INSERT, UPDATE ON public.task_queue, public.ops_missions, public.ops_mission_steps TO tickpath_writer',
        'GRANT INSERT, UPDATE, DELETE ON public.ops_policy, public.ops_reaction_rules TO tickpath_admin'
    ] LOOP
        BEGIN
            EXECUTE command;
        EXCEPTION
            WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN
                RETURN NEXT command;
        END;
    END LOOP;
    -- The agents' tables may be older than this, with numbers from a sequence whose use must be granted apart.
    FOR numbers IN
        SELECT DISTINCT s.name
        FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS name) s
        WHERE c.relnamespace = 'public'::regnamespace AND s.name IS NOT NULL
          AND c.relname IN ('agent_events', 'agent_heartbeats', 'ops_agent_events', 'ops_outcomes', 'ops_missions', 'ops_mission_steps')
    LOOP
        command := format('GRANT USAGE ON SEQUENCE %s TO tickpath_writer', numbers);
        BEGIN
            EXECUTE command;
        EXCEPTION
            WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN
                RETURN NEXT command;
        END;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION tickpath.grant_roles() FROM PUBLIC;

SELECT count(*) FROM tickpath.grant_roles();
