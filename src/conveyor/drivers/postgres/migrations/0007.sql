-- 0007: what people do by hand, in bounded steps; and what a filter means.

-- Whether the last failure has these words in its type or message, case ignored.
CREATE FUNCTION last_error_holds(errors text[], words text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(strpos(lower(errors[cardinality(errors)]::json ->> 'error_type'), lower(words)) > 0
                    OR strpos(lower(errors[cardinality(errors)]::json ->> 'message'), lower(words)) > 0, false)
$$;

-- The fingerprint of the last failure, and its type: empty when there is none.
CREATE FUNCTION fingerprint_of(errors text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(errors[cardinality(errors)]::json ->> 'fingerprint', '')
$$;
CREATE FUNCTION error_type_of(errors text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(errors[cardinality(errors)]::json ->> 'error_type', '')
$$;

-- Whether a job's options have this tag in their metadata.
CREATE FUNCTION has_tag(options text, tag text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(options, '"tags"') > 0 AND strpos(options, '\u0000') = 0
                THEN EXISTS (SELECT FROM json_array_elements_text(options::json #> '{metadata,tags}') AS t WHERE t = tag)
                ELSE false END
$$;

-- Bring dead letters back, in the order given. A key that is taken meanwhile is lost. Each may have a payload of its own.
CREATE FUNCTION redrive(ids uuid[], to_queue text, to_priority smallint, new_payload text, delay bigint, lifts json, moment bigint,
                        payloads text[] DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    this uuid; d dead; at bigint; done uuid[] := '{}';
BEGIN
    moment := coalesce(moment, clock());
    at := moment + delay;
    FOR place IN 1..cardinality(ids) LOOP
        this := ids[place];
        DELETE FROM dead WHERE id = this RETURNING * INTO d;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO counter (queue, priority, dead) VALUES (d.queue, d.priority, -1);
        d.queue := coalesce(to_queue, d.queue);
        d.priority := coalesce(to_priority, d.priority);
        FOR round IN 1..2 LOOP
            INSERT INTO job (id, queue, type, priority, stage, due, score, pushed_at, attempt, max_crashes, payload, options,
                             unique_key, worker, errors)
            VALUES (d.id, d.queue, d.type, d.priority, CASE WHEN delay > 0 THEN 0 ELSE 1 END, at,
                    at + (lifts ->> d.priority::text)::bigint, d.pushed_at, d.attempt, d.max_crashes,
                    coalesce(payloads[place], new_payload, d.payload), d.options, d.unique_key, d.worker, d.errors)
                ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND;
            d.unique_key := NULL;
        END LOOP;
        done := done || this;
    END LOOP;
    INSERT INTO counter (queue, priority, ready, delayed)
    SELECT queue, priority, count(*) FILTER (WHERE stage = 1), count(*) FILTER (WHERE stage = 0)
      FROM job WHERE id = ANY (done) GROUP BY queue, priority;
    PERFORM ring(array_agg(DISTINCT queue), true) FROM job WHERE id = ANY (done) HAVING count(*) > 0;
    RETURN cardinality(done);
END
$$;

-- Delete some waiting jobs of a queue in one stage, up to the last one in the order of pushing; answer how many.
CREATE FUNCTION clear(name text, its_stage smallint, last_seq bigint, step integer) RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    cleared integer;
BEGIN
    WITH chosen AS (
        SELECT id FROM job WHERE stage = its_stage AND queue = name AND seq <= last_seq LIMIT step FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM chosen)) RETURNING id, priority
    ), silent AS (
        DELETE FROM progress WHERE id = ANY (ARRAY(SELECT id FROM gone))
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, delayed, held)
        SELECT name, priority, -count(*) * (its_stage = 1)::integer, -count(*) * (its_stage = 0)::integer,
               -count(*) * (its_stage = 3)::integer
          FROM gone GROUP BY priority
    )
    SELECT count(*) INTO cleared FROM gone;
    RETURN cleared;
END
$$;

-- Delete ended jobs; answer how many.
CREATE FUNCTION forget(ids uuid[]) RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    forgotten integer; more integer;
BEGIN
    WITH gone AS (
        DELETE FROM history WHERE id = ANY (ids) RETURNING id, finished_at
    ), silent AS (
        DELETE FROM progress WHERE id = ANY (ARRAY(SELECT id FROM gone))
    ), ended AS (
        INSERT INTO ended (day, jobs) SELECT finished_at / 86400000000, -count(*) FROM gone GROUP BY 1
    )
    SELECT count(*) INTO forgotten FROM gone;
    WITH gone AS (
        DELETE FROM dead WHERE id = ANY (ids) RETURNING id, queue, priority
    ), silent AS (
        DELETE FROM progress WHERE id = ANY (ARRAY(SELECT id FROM gone))
    ), counted AS (
        INSERT INTO counter (queue, priority, dead) SELECT queue, priority, -count(*) FROM gone GROUP BY queue, priority
    )
    SELECT count(*) INTO more FROM gone;
    RETURN forgotten + more;
END
$$;

-- End a pause, and wake those who wait for the queue.
CREATE FUNCTION resume(name text) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM paused WHERE queue = name;
    IF FOUND THEN
        PERFORM ring(ARRAY[name], true);
    END IF;
END
$$;
