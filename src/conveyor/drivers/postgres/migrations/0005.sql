-- 0005: ending runs. That a job is running is told by its lease here, for `stage = 2` would tempt the planner to read every running
-- job for each claim.
--
-- `id = ANY (ARRAY[…])` says `=` in a way that leaves the planner one plan: look each given job up by its id. Of a plain `=` it
-- makes a join that may begin with all jobs, and does so when the table was empty as it was last vacuumed: then each batch takes
-- the square of its length. The other migrations' lists of ids are there for the same reason.

-- The most frequent end, in the shortest way: runs that returned, each as a JSON array: id, attempt, queue, priority, started_at,
-- result, memory (JSON in a text). Answers the positions (from 1) of those that still held their job. (Each is parsed once, as in 0003.)
CREATE FUNCTION complete(outcomes json, moment bigint) RETURNS SETOF bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    moment := coalesce(moment, clock());
    RETURN QUERY
    WITH given AS (
        SELECT (o ->> 0)::uuid AS id, (o ->> 1)::integer AS attempt, o ->> 2 AS queue, (o ->> 3)::smallint AS priority,
               (o ->> 4)::bigint AS began, o ->> 5 AS result, o ->> 6 AS memory, n
          FROM (SELECT value::jsonb AS o, ordinality AS n FROM json_array_elements(outcomes) WITH ORDINALITY OFFSET 0) AS parsed
        OFFSET 0
    ), gone AS (
        DELETE FROM job USING given
         WHERE job.id = ANY (ARRAY[given.id]) AND job.lease_until IS NOT NULL AND job.attempt = given.attempt
           AND job.queue = given.queue AND job.priority = given.priority
        RETURNING job.*, given.began, given.result, given.memory, given.n
    ), kept AS (
        INSERT INTO history (seq, id, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes, max_crashes,
                             priority, is_cancelled, queue, type, payload, options, unique_key, worker, result, errors, memory)
        SELECT nextval('history_seq'), id, due, pushed_at, expires_at, coalesce(began, started_at), moment, attempt, failures,
               crashes, max_crashes, priority, false, queue, type, payload, options, unique_key, worker, result, errors, memory
          FROM (SELECT * FROM gone ORDER BY n) AS g
    ), counted AS (
        INSERT INTO counter (queue, priority, processing, completed, last_at)
        SELECT queue, priority, -count(*), count(*), moment FROM gone GROUP BY queue, priority
    ), ended AS (
        INSERT INTO ended (day, jobs) SELECT moment / 86400000000, count(*) FROM gone HAVING count(*) > 0
    )
    SELECT n FROM gone;
END
$$;

-- Any outcomes, each as a JSON array: id, attempt, queue, priority, status, failures, crashes, delay (null: the old place), what
-- the level adds to the score, started_at, result, failure (JSON in a text), reason, note, whether it is held, memory (likewise).
-- `follow_ups`: arrays of the outcome's position (from 1) and a job as `push` takes it. Answers the positions of those that still
-- held their job.
CREATE FUNCTION settle(outcomes json, follow_ups json, moment bigint) RETURNS SETOF bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    held bigint[]; woken text[];
BEGIN
    moment := coalesce(moment, clock());
    WITH given AS (
        SELECT (o ->> 0)::uuid AS id, (o ->> 1)::integer AS attempt, o ->> 2 AS queue, (o ->> 3)::smallint AS priority,
               o ->> 4 AS status, (o ->> 5)::integer AS failures, (o ->> 6)::integer AS crashes,
               moment + (o ->> 7)::bigint AS due, (o ->> 8)::bigint AS lift, (o ->> 9)::bigint AS began, o ->> 10 AS result,
               o ->> 11 AS failure, o ->> 12 AS reason, o ->> 13 AS note, (o ->> 14)::boolean AS held, o ->> 15 AS memory, n
          FROM (SELECT value::jsonb AS o, ordinality AS n FROM json_array_elements(outcomes) WITH ORDINALITY OFFSET 0) AS parsed
        OFFSET 0
    ), holding AS MATERIALIZED (
        SELECT given.*,
               CASE WHEN job.cancel_requested AND given.status IN ('pending', 'retrying') THEN 'cancelled'
                    ELSE given.status END AS final,
               CASE WHEN given.held THEN 3 WHEN given.due > moment THEN 0 ELSE 1 END AS stage
          FROM given
          JOIN job ON job.id = ANY (ARRAY[given.id]) AND job.lease_until IS NOT NULL AND job.attempt = given.attempt
                  AND job.queue = given.queue AND job.priority = given.priority
           FOR UPDATE OF job
    ), again AS (
        UPDATE job
           SET stage = h.stage, retrying = h.final = 'retrying', failures = h.failures, crashes = h.crashes,
               due = coalesce(h.due, job.due), score = coalesce(h.due + h.lift, job.score), note = h.note, lease_until = NULL,
               started_at = NULL, errors = with_error(job.errors, h.failure)
          FROM holding AS h
         WHERE job.id = ANY (ARRAY[h.id]) AND h.final IN ('pending', 'retrying')
        RETURNING job.id
    ), gone AS (
        DELETE FROM job USING holding AS h WHERE job.id = ANY (ARRAY[h.id]) AND h.final NOT IN ('pending', 'retrying')
        RETURNING job.id, job.due, job.pushed_at, job.expires_at, coalesce(h.began, job.started_at) AS started_at, job.attempt,
                  h.failures, h.crashes, job.max_crashes, job.priority, h.final, job.queue, job.type, job.payload, job.options,
                  job.unique_key, job.worker, h.result, h.reason, h.note, with_error(job.errors, h.failure) AS errors, h.memory, h.n
    ), finished AS (
        INSERT INTO history (seq, id, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes, max_crashes,
                             priority, is_cancelled, queue, type, payload, options, unique_key, worker, result, note, errors,
                             memory)
        SELECT nextval('history_seq'), id, due, pushed_at, expires_at, started_at, moment, attempt, failures, crashes, max_crashes,
               priority, final = 'cancelled', queue, type, payload, options, unique_key, worker, result, note, errors, memory
          FROM (SELECT * FROM gone WHERE final IN ('completed', 'cancelled') ORDER BY n) AS g
    ), buried AS (
        INSERT INTO dead (seq, id, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes, max_crashes,
                          priority, queue, type, payload, options, unique_key, worker, status, reason, note, errors, memory)
        SELECT nextval('dead_seq'), id, due, pushed_at, expires_at, started_at, moment, attempt, failures, crashes, max_crashes,
               priority, queue, type, payload, options, unique_key, worker, final, coalesce(reason, 'failed'), note, errors, memory
          FROM (SELECT * FROM gone WHERE final IN ('failed', 'expired') ORDER BY n) AS g
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, delayed, held, processing, dead, completed, failed, retried, cancelled, last_at)
        SELECT queue, priority,
               count(*) FILTER (WHERE waits AND stage = 1), count(*) FILTER (WHERE waits AND stage = 0),
               count(*) FILTER (WHERE waits AND stage = 3), -count(*), count(*) FILTER (WHERE final IN ('failed', 'expired')),
               count(*) FILTER (WHERE final = 'completed'), count(*) FILTER (WHERE final IN ('failed', 'expired')),
               count(*) FILTER (WHERE final = 'retrying'), count(*) FILTER (WHERE final = 'cancelled'), moment
          FROM (SELECT *, final IN ('pending', 'retrying') AS waits FROM holding) AS h
         GROUP BY queue, priority
    ), ended AS (
        INSERT INTO ended (day, jobs)
        SELECT moment / 86400000000, count(*) FROM gone WHERE final IN ('completed', 'cancelled') HAVING count(*) > 0
    )
    SELECT array_agg(n), array_agg(DISTINCT queue) FILTER (WHERE final IN ('pending', 'retrying') AND stage < 2)
      INTO held, woken
      FROM holding;
    IF follow_ups IS NOT NULL AND held IS NOT NULL THEN
        PERFORM push_each(json_agg(f -> 1 ORDER BY position), moment, coalesce(woken, '{}'))
           FROM json_array_elements(follow_ups) WITH ORDINALITY AS t (f, position)
          WHERE (f ->> 0)::bigint = ANY (held)
         HAVING count(*) > 0;
        IF FOUND THEN
            woken := NULL;
        END IF;
    END IF;
    IF woken IS NOT NULL THEN
        PERFORM ring(woken, true);
    END IF;
    RETURN QUERY SELECT unnest(held);
END
$$;

-- Let the leases of claims that still hold end later, each as a JSON array: id, attempt. Answers the positions of those.
CREATE FUNCTION extend(claims json, lease bigint, moment bigint) RETURNS SETOF bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET synchronous_commit = off AS $$
#variable_conflict use_column
BEGIN
    moment := coalesce(moment, clock());
    RETURN QUERY
    WITH given AS (
        SELECT (c ->> 0)::uuid AS id, (c ->> 1)::integer AS attempt, n
          FROM json_array_elements(claims) WITH ORDINALITY AS t (c, n)
        OFFSET 0
    ), holding AS MATERIALIZED (
        -- In one order, so that two steps never wait for each other.
        SELECT given.id, given.n
          FROM given JOIN job ON job.id = ANY (ARRAY[given.id]) AND job.lease_until IS NOT NULL AND job.attempt = given.attempt
         ORDER BY given.id FOR UPDATE OF job
    ), extended AS (
        UPDATE job SET lease_until = moment + lease WHERE id = ANY (ARRAY(SELECT id FROM holding))
    )
    SELECT n FROM holding;
END
$$;

-- Cancel jobs, one after the other; answers words in order: see `records.CancelAnswer`.
CREATE FUNCTION cancel(ids json, moment bigint) RETURNS text[] LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    this uuid; its_stage smallint; answers text[] := '{}';
BEGIN
    moment := coalesce(moment, clock());
    FOR this IN SELECT i::uuid FROM json_array_elements_text(ids) AS i LOOP
        SELECT stage INTO its_stage FROM job WHERE id = this FOR UPDATE;
        IF NOT FOUND THEN
            answers := answers || CASE WHEN EXISTS (SELECT FROM history WHERE id = this)
                                         OR EXISTS (SELECT FROM dead WHERE id = this) THEN 'too_late' ELSE 'unknown' END;
        ELSIF its_stage = 2 THEN
            UPDATE job SET cancel_requested = true WHERE id = this AND NOT cancel_requested;
            answers := answers || 'requested'::text;
        ELSE
            WITH gone AS (
                DELETE FROM job WHERE id = this RETURNING *
            ), kept AS (
                INSERT INTO history (seq, id, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes,
                                     max_crashes, priority, is_cancelled, queue, type, payload, options, unique_key, worker, errors)
                SELECT nextval('history_seq'), id, due, pushed_at, expires_at, started_at, moment, attempt, failures, crashes,
                       max_crashes, priority, true, queue, type, payload, options, unique_key, worker, errors
                  FROM gone
            ), counted AS (
                INSERT INTO counter (queue, priority, ready, delayed, held, cancelled)
                SELECT queue, priority, -(stage = 1)::integer, -(stage = 0)::integer, -(stage = 3)::integer, 1 FROM gone
            )
            INSERT INTO ended (day, jobs) VALUES (moment / 86400000000, 1);
            answers := answers || 'cancelled'::text;
        END IF;
    END LOOP;
    RETURN answers;
END
$$;
