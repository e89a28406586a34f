-- 0006: what time calls for.

-- Make one row of many in the counters and in `ended`. One at a time: whoever is not first leaves it to the others.
CREATE FUNCTION fold() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT SET synchronous_commit = off AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock('counter'::regclass::bigint) THEN
        RETURN;
    END IF;
    WITH many AS (
        SELECT queue, priority FROM counter GROUP BY queue, priority HAVING count(*) > 1
    ), gone AS (
        DELETE FROM counter AS c USING many AS m WHERE c.queue = m.queue AND c.priority = m.priority RETURNING c.*
    )
    INSERT INTO counter (ready, delayed, held, processing, dead, pushed, popped, completed, failed, retried, cancelled, last_at,
                         priority, queue)
    SELECT sum(ready), sum(delayed), sum(held), sum(processing), sum(dead), sum(pushed), sum(popped), sum(completed), sum(failed),
           sum(retried), sum(cancelled), max(last_at), priority, queue
      FROM gone GROUP BY queue, priority;
    WITH many AS (
        SELECT day FROM ended GROUP BY day HAVING count(*) > 1
    ), gone AS (
        DELETE FROM ended AS e USING many AS m WHERE e.day = m.day RETURNING e.*
    )
    INSERT INTO ended (day, jobs) SELECT day, sum(jobs) FROM gone GROUP BY day HAVING sum(jobs) <> 0;
END
$$;

-- The partition of a day that begins so many days after 1970.
CREATE FUNCTION partition_of(day integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'history_' || to_char(date '1970-01-01' + day, 'YYYYMMDD')
$$;

-- Make sure that the present day and the next have their partitions, and drop empty ones of days gone by. Whoever cannot have
-- the locks at once leaves it to the next who tends; history_rest takes what comes meanwhile.
CREATE FUNCTION keep_days(moment bigint) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
DECLARE
    today integer := moment / 86400000000; this text; first bigint; is_empty boolean;
BEGIN
    IF to_regclass(partition_of(today)) IS NOT NULL AND to_regclass(partition_of(today + 1)) IS NOT NULL
       OR NOT pg_try_advisory_xact_lock('history'::regclass::bigint) THEN
        RETURN;
    END IF;
    FOR this IN SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = 'history'::regclass AND relname < partition_of(today) AND relname <> 'history_rest' LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', this) INTO is_empty;
        IF is_empty THEN
            EXECUTE format('DROP TABLE %I', this);
        END IF;
    END LOOP;
    FOR day IN today .. today + 1 LOOP
        first := day * 86400000000;
        CONTINUE WHEN to_regclass(partition_of(day)) IS NOT NULL;
        -- Attached, not created in place: so that reading and writing the other days goes on.
        EXECUTE format('CREATE TABLE %I (LIKE history INCLUDING DEFAULTS)', partition_of(day));
        -- What had no partition until now is in history_rest, which may not hold what belongs elsewhere.
        EXECUTE format('WITH gone AS (DELETE FROM history_rest WHERE finished_at >= %s AND finished_at < %s RETURNING *) '
                       'INSERT INTO %I SELECT * FROM gone', first, first + 86400000000, partition_of(day));
        EXECUTE format('ALTER TABLE history ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       partition_of(day), first, first + 86400000000);
    END LOOP;
EXCEPTION
    WHEN lock_not_available OR check_violation THEN
        NULL;
END
$$;

-- Drop the oldest days while all of a day is past the cutoff, or above the number of jobs to be kept; answer how many jobs went.
CREATE FUNCTION drop_days(moment bigint, cutoff bigint, excess bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
DECLARE
    this text; day integer; jobs bigint; gone bigint := 0;
BEGIN
    FOR this IN SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = 'history'::regclass AND relname <> 'history_rest'
                   AND relname < partition_of((moment / 86400000000)::integer)
                 ORDER BY relname LOOP
        day := to_date(right(this, 8), 'YYYYMMDD') - date '1970-01-01';
        EXECUTE format('SELECT count(*) FROM %I', this) INTO jobs;
        EXIT WHEN jobs > excess - gone AND (cutoff IS NULL OR (day + 1) * 86400000000 > cutoff);
        EXECUTE format('DELETE FROM progress AS p WHERE EXISTS (SELECT FROM %I AS h WHERE h.id = p.id)', this);
        EXECUTE format('DROP TABLE %I', this);
        INSERT INTO ended (day, jobs) VALUES (day, -jobs);
        gone := gone + jobs;
    END LOOP;
    RETURN gone;
EXCEPTION
    WHEN lock_not_available THEN
        RETURN 0;
END
$$;

-- Prune the history, oldest first, up to `step` jobs: those past the cutoff, and as many as are above the count. Where days are
-- dropped as a whole, jobs past the cutoff stay with theirs. Answers how many went.
CREATE FUNCTION prune_history(step integer, moment bigint, age bigint, keep bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    cutoff bigint := moment - age; excess bigint := 0; oldest bigint; pruned bigint := 0; dropped bigint;
    by_day boolean := coalesce(age >= 3 * 86400000000, true);
BEGIN
    IF keep IS NOT NULL THEN
        excess := greatest((SELECT coalesce(sum(jobs), 0) FROM ended) - keep, 0);
    END IF;
    SELECT finished_at INTO oldest FROM history ORDER BY seq LIMIT 1;
    IF oldest IS NULL OR excess = 0 AND oldest >= coalesce(cutoff, oldest) THEN
        RETURN 0;
    END IF;
    IF oldest / 86400000000 < moment / 86400000000 THEN
        dropped := drop_days(moment, CASE WHEN by_day THEN cutoff END, excess);
        excess := greatest(excess - dropped, 0);
    END IF;
    WITH old AS (
        SELECT seq, finished_at, tableoid = 'history_rest'::regclass AS is_rest, row_number() OVER (ORDER BY seq) AS place
          FROM history ORDER BY seq LIMIT step
    ), gone AS (
        DELETE FROM history
         WHERE seq = ANY (ARRAY(SELECT seq FROM old WHERE place <= excess OR (finished_at < cutoff AND (is_rest OR NOT by_day))))
        RETURNING id, finished_at
    ), silent AS (
        DELETE FROM progress WHERE id = ANY (ARRAY(SELECT id FROM gone))
    ), ended AS (
        INSERT INTO ended (day, jobs) SELECT finished_at / 86400000000, -count(*) FROM gone GROUP BY 1
    )
    SELECT count(*) INTO pruned FROM gone;
    RETURN pruned + coalesce(dropped, 0);
END
$$;

-- The same for dead letters.
CREATE FUNCTION prune_dead(step integer, moment bigint, age bigint, keep bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    cutoff bigint := moment - age; excess bigint := 0; pruned bigint;
BEGIN
    IF keep IS NOT NULL THEN
        excess := greatest((SELECT coalesce(sum(dead), 0) FROM counter) - keep, 0);
    END IF;
    IF excess = 0 AND NOT coalesce((SELECT finished_at FROM dead ORDER BY seq LIMIT 1) < cutoff, false) THEN
        RETURN 0;
    END IF;
    WITH old AS (
        SELECT id, finished_at, row_number() OVER (ORDER BY seq) AS place FROM dead ORDER BY seq LIMIT step
    ), gone AS (
        DELETE FROM dead WHERE id = ANY (ARRAY(SELECT id FROM old WHERE place <= excess OR finished_at < cutoff))
        RETURNING id, queue, priority
    ), silent AS (
        DELETE FROM progress WHERE id = ANY (ARRAY(SELECT id FROM gone))
    ), counted AS (
        INSERT INTO counter (queue, priority, dead) SELECT queue, priority, -count(*) FROM gone GROUP BY queue, priority
    )
    SELECT count(*) INTO pruned FROM gone;
    RETURN pruned;
END
$$;

-- Offer up to `step` held jobs of these types (JSON array) again; answer how many.
CREATE FUNCTION unhold(types json, step integer) RETURNS integer LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    offered integer; queues text[];
BEGIN
    WITH known AS (
        SELECT id FROM job WHERE stage = 3 AND type = ANY (ARRAY(SELECT json_array_elements_text(types)))
         LIMIT step FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE job SET stage = 1, note = NULL WHERE id = ANY (ARRAY(SELECT id FROM known)) RETURNING queue, priority
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, held) SELECT queue, priority, count(*), -count(*) FROM moved GROUP BY queue, priority
    )
    SELECT count(*), array_agg(DISTINCT queue) INTO offered, queues FROM moved;
    IF offered > 0 THEN
        PERFORM ring(queues, true);
    END IF;
    RETURN offered;
END
$$;

-- One bounded step of housekeeping: see `drivers.base.Driver.tend`. Ages are microseconds; null is no bound. `metrics_kept` is a
-- JSON object: the age of metrics by their span. One worker at a time prunes; promoting and burying may be shared.
CREATE FUNCTION tend(types json, moment bigint, finished_age bigint, finished_count bigint, dead_age bigint, dead_count bigint,
                     metrics_kept json, slot_age bigint,
                     OUT promoted integer, OUT expired integer, OUT unheld integer, OUT finished bigint, OUT dead bigint,
                     OUT metrics bigint)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    step CONSTANT integer := 1000;
    name text;
BEGIN
    moment := coalesce(moment, clock());
    promoted := 0; expired := 0; unheld := 0; finished := 0; dead := 0; metrics := 0;
    -- Pruning comes first: it is about what had ended before.
    IF pg_try_advisory_xact_lock('dead'::regclass::bigint) THEN
        PERFORM keep_days(moment);
        finished := prune_history(step, moment, finished_age, finished_count);
        dead := prune_dead(step, moment, dead_age, dead_count);
        WITH old AS (
            SELECT m.ctid
              FROM json_each_text(metrics_kept) AS kept
              JOIN metric AS m ON m.span = kept.key::integer
                              AND m.minute <= (moment - kept.value::bigint) / 60000000 - kept.key::integer
             ORDER BY m.minute LIMIT step
        ), gone AS (
            DELETE FROM metric WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) RETURNING 1
        )
        SELECT count(*) INTO metrics FROM gone;
        IF EXISTS (SELECT FROM slot WHERE taken_at < moment - slot_age) THEN
            DELETE FROM slot
             WHERE ctid = ANY (ARRAY(SELECT ctid FROM slot WHERE taken_at < moment - slot_age ORDER BY taken_at LIMIT step));
        END IF;
        DELETE FROM worker WHERE name IN (SELECT name FROM worker WHERE beat_at < moment - 86400000000 LIMIT step);
        DELETE FROM waiter WHERE until < clock_timestamp() - interval '1 day';
    END IF;
    FOR name IN SELECT DISTINCT queue FROM counter ORDER BY queue LOOP
        IF EXISTS (SELECT FROM job WHERE expires_at IS NOT NULL AND stage <> 2 AND NOT retrying AND queue = name
                      AND expires_at <= moment) THEN
            expired := expired + bury_overdue(name, step - expired, moment);
        END IF;
    END LOOP;
    FOR name IN SELECT DISTINCT queue FROM counter ORDER BY queue LOOP
        IF EXISTS (SELECT FROM job WHERE stage = 0 AND queue = name AND due <= moment) THEN
            promoted := promoted + promote_due(name, step - promoted, moment);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM job WHERE stage = 3) THEN
        unheld := unhold(types, step);
    END IF;
    PERFORM fold();
END
$$;
