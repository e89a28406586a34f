-- 0004: claiming.

-- Bury up to `how_many` waiting jobs of a queue that are past their `expires_at`; answer how many. A retrying job has begun,
-- so it cannot expire. What another step has locked is left to it.
CREATE FUNCTION bury_overdue(name text, how_many integer, moment bigint) RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    buried integer;
BEGIN
    WITH overdue AS (
        SELECT id FROM job
         WHERE expires_at IS NOT NULL AND stage <> 2 AND NOT retrying AND queue = name AND expires_at <= moment
         ORDER BY expires_at, seq LIMIT how_many FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM overdue)) RETURNING *
    ), kept AS (
        INSERT INTO dead (seq, id, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes, max_crashes,
                          priority, queue, type, payload, options, unique_key, worker, status, reason, note, errors)
        SELECT nextval('dead_seq'), id, due, pushed_at, expires_at, started_at, moment, attempt, failures, crashes, max_crashes,
               priority, queue, type, payload, options, unique_key, worker, 'expired', 'expired', NULL,
               with_error(errors, json_build_object(
                   'attempt', attempt, 'reason', 'expired', 'error_type', '',
                   'message', 'expired: not begun before ' || isoformat(expires_at), 'ended_at', moment)::text)
          FROM (SELECT * FROM gone ORDER BY expires_at, seq) AS g
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, delayed, held, dead, failed)
        SELECT name, priority, -count(*) FILTER (WHERE stage = 1), -count(*) FILTER (WHERE stage = 0),
               -count(*) FILTER (WHERE stage = 3), count(*), count(*)
          FROM gone GROUP BY priority
    )
    SELECT count(*) INTO buried FROM gone;
    RETURN buried;
END
$$;

-- Make up to `how_many` delayed jobs of a queue ready that have become due; answer how many.
CREATE FUNCTION promote_due(name text, how_many integer, moment bigint) RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    promoted integer;
BEGIN
    WITH come AS (
        SELECT id FROM job WHERE stage = 0 AND queue = name AND due <= moment
         ORDER BY due, seq LIMIT how_many FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE job SET stage = 1 WHERE id = ANY (ARRAY(SELECT id FROM come)) RETURNING priority
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, delayed)
        SELECT name, priority, count(*), -count(*) FROM moved GROUP BY priority
    )
    SELECT count(*) INTO promoted FROM moved;
    RETURN promoted;
END
$$;

-- Take up to `how_many` ready jobs of these queues (JSON array), by their order and then by score. A last row without an id
-- has something to say: `attempt` is 1 when there are more overdue jobs to bury (call `bury_overdue`), and `payload` tells the fronts.
--
-- A claim leaves dead entries behind in the index, in front of what is ready. While a transaction stays open, nothing takes them away,
-- and each claim reads over all of them again. So one that has had to read much tells where what is ready begins: `fronts`, a JSON
-- object of the least scores of the four levels by queue, null for a level with nothing in it. Given back, the next claims begin there.
-- They miss what has come to be ready before a front; whoever gives fronts has to look without them now and then.
CREATE FUNCTION claim(queues json, how_many integer, lease bigint, who text, moment bigint, fronts json DEFAULT NULL)
    RETURNS TABLE (id uuid, attempt integer, type text, queue text, priority smallint, payload text, options text,
                   failures integer, crashes integer, max_crashes integer, pushed_at bigint, due_at bigint)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
    SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    lowest CONSTANT bigint := -9223372036854775808;
    name text; room integer := least(how_many, 1000); took integer; is_behind boolean := false;
    read bigint; critical bigint; high bigint; normal bigint; low bigint; told jsonb := '{}';
BEGIN
    moment := coalesce(moment, clock());
    FOR name IN SELECT q FROM json_array_elements_text(queues) AS q LOOP
        CONTINUE WHEN EXISTS (SELECT FROM paused WHERE queue = name);
        IF EXISTS (SELECT FROM job WHERE expires_at IS NOT NULL AND stage <> 2 AND NOT retrying AND queue = name
                      AND expires_at <= moment) THEN
            is_behind := bury_overdue(name, 1000, moment) = 1000 OR is_behind;
        END IF;
        IF EXISTS (SELECT FROM job WHERE stage = 0 AND queue = name AND due <= moment) THEN
            PERFORM promote_due(name, 1000, moment);
        END IF;
        CONTINUE WHEN room <= 0;
        critical := coalesce((fronts -> name ->> 0)::bigint, lowest);
        high := coalesce((fronts -> name ->> 1)::bigint, lowest);
        normal := coalesce((fronts -> name ->> 2)::bigint, lowest);
        low := coalesce((fronts -> name ->> 3)::bigint, lowest);
        read := pg_stat_get_xact_tuples_returned('job_ready'::regclass);
        RETURN QUERY
        WITH next AS MATERIALIZED (
            SELECT free.place, level.score, level.seq
              FROM (-- Each level is in order by its index, and the levels are merged as they are read.
                    (SELECT ctid AS place, score, seq FROM job
                      WHERE stage = 1 AND queue = name AND priority = 1000 AND score >= critical ORDER BY 2, 3)
                    UNION ALL
                    (SELECT ctid, score, seq FROM job
                      WHERE stage = 1 AND queue = name AND priority = 750 AND score >= high ORDER BY 2, 3)
                    UNION ALL
                    (SELECT ctid, score, seq FROM job
                      WHERE stage = 1 AND queue = name AND priority = 500 AND score >= normal ORDER BY 2, 3)
                    UNION ALL
                    (SELECT ctid, score, seq FROM job
                      WHERE stage = 1 AND queue = name AND priority = 250 AND score >= low ORDER BY 2, 3)) AS level
             CROSS JOIN LATERAL (
                    -- Locked one by one as they are met: what another claim has locked is passed over.
                    SELECT job.ctid AS place FROM job
                     WHERE job.ctid = level.place AND stage = 1 AND (expires_at IS NULL OR expires_at > moment OR retrying)
                       FOR UPDATE SKIP LOCKED) AS free
             ORDER BY level.score, level.seq LIMIT room
        ), taken AS (
            UPDATE job
               SET stage = 2, retrying = false, attempt = job.attempt + 1, lease_until = moment + lease, worker = who,
                   started_at = moment
              FROM next WHERE job.ctid = next.place
            RETURNING job.id, job.attempt, job.type, job.priority, job.payload, coalesce(job.options, '') AS options,
                      job.failures, job.crashes, job.max_crashes, job.pushed_at, job.due, next.score, next.seq
        ), counted AS (
            INSERT INTO counter (queue, priority, ready, processing, popped, last_at)
            SELECT name, t.priority, -count(*), count(*), count(*), moment FROM taken AS t GROUP BY t.priority
        )
        SELECT t.id, t.attempt, t.type, name, t.priority, t.payload, t.options, t.failures, t.crashes, t.max_crashes, t.pushed_at,
               t.due
          FROM taken AS t ORDER BY t.score, t.seq;
        GET DIAGNOSTICS took = ROW_COUNT;
        room := room - took;
        IF fronts -> name IS NOT NULL OR pg_stat_get_xact_tuples_returned('job_ready'::regclass) - read > took + 5000 THEN
            told := told || jsonb_build_object(name, jsonb_build_array(
                (SELECT score FROM job WHERE stage = 1 AND queue = name AND priority = 1000 AND score >= critical ORDER BY score, seq LIMIT 1),
                (SELECT score FROM job WHERE stage = 1 AND queue = name AND priority = 750 AND score >= high ORDER BY score, seq LIMIT 1),
                (SELECT score FROM job WHERE stage = 1 AND queue = name AND priority = 500 AND score >= normal ORDER BY score, seq LIMIT 1),
                (SELECT score FROM job WHERE stage = 1 AND queue = name AND priority = 250 AND score >= low ORDER BY score, seq LIMIT 1)));
        END IF;
    END LOOP;
    IF is_behind OR told <> '{}' THEN
        RETURN QUERY SELECT NULL::uuid, is_behind::integer, NULL::text, NULL::text, NULL::smallint, told::text, NULL::text,
                            NULL::integer, NULL::integer, NULL::integer, moment, NULL::bigint;
    END IF;
END
$$;

-- What a claim of these queues would find: whether there is anything, and the microseconds until a delayed job is due.
CREATE FUNCTION probe(queues json, moment bigint, fronts json DEFAULT NULL, OUT ready boolean, OUT due_in bigint) LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    moment := coalesce(moment, clock());
    SELECT bool_or(CASE WHEN fronts -> q IS NULL THEN EXISTS (SELECT FROM job WHERE stage = 1 AND queue = q)
                        ELSE EXISTS (SELECT FROM json_array_elements_text(fronts -> q) WITH ORDINALITY AS f (front, n)
                                      WHERE EXISTS (SELECT FROM job WHERE stage = 1 AND queue = q AND priority = 1250 - 250 * n
                                                       AND score >= front::bigint)) END),
           min((SELECT min(due) FROM job WHERE stage = 0 AND queue = q)) - moment
      INTO ready, due_in
      FROM json_array_elements_text(queues) AS q
     WHERE NOT EXISTS (SELECT FROM paused WHERE queue = q);
    ready := coalesce(ready OR due_in <= 0, false);
END
$$;
