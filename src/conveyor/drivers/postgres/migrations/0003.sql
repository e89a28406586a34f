-- 0003: pushing. A job comes as a JSON array: id, queue, type, priority, payload, options, run_at, delay, expires_at, expires,
-- max_crashes, unique key, name and moment of its slot, what its level adds to the score, and of its rule of uniqueness:
-- until, time to live, what becomes of it on conflict. Moments and durations are microseconds; what is not given is null.
-- `moment` is null for the server's clock.

-- Jobs without unique keys and slots, all at once. One whose id is kept is left as it is.
CREATE FUNCTION push(jobs json, moment bigint) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    stored uuid[]; kept uuid[]; queues text[]; some_ready boolean; counts tid[];
BEGIN
    moment := coalesce(moment, clock());
    WITH given AS (
        SELECT (j ->> 0)::uuid AS id, j ->> 1 AS queue, j ->> 2 AS type, (j ->> 3)::smallint AS priority,
               j ->> 4 AS payload, j ->> 5 AS options,
               coalesce((j ->> 6)::bigint, moment + (j ->> 7)::bigint) AS run_at,
               coalesce((j ->> 8)::bigint, moment + (j ->> 9)::bigint) AS expires_at,
               (j ->> 10)::integer AS max_crashes, (j ->> 14)::bigint AS lift
          FROM (-- Each job is parsed once: of plain JSON, every ->> would read it again from its beginning.
                SELECT value::jsonb AS j FROM json_array_elements(jobs) OFFSET 0) AS parsed
        OFFSET 0
    ), fresh AS (
        INSERT INTO job (id, queue, type, priority, payload, options, stage, due, score, pushed_at, expires_at, max_crashes)
        SELECT id, queue, type, priority, payload, options, CASE WHEN run_at <= moment THEN 1 ELSE 0 END,
               greatest(run_at, moment), greatest(run_at, moment) + lift, moment, expires_at, max_crashes
          FROM given
            ON CONFLICT (id) DO NOTHING
        RETURNING id, queue, priority, stage
    ), counted AS (
        INSERT INTO counter (queue, priority, ready, delayed, pushed, last_at)
        SELECT queue, priority, sum(stage), count(*) - sum(stage), count(*), moment FROM fresh GROUP BY queue, priority
        RETURNING ctid, queue, ready
    )
    SELECT (SELECT array_agg(id) FROM fresh), array_agg(ctid), array_agg(queue), bool_or(ready > 0)
      INTO stored, counts, queues, some_ready
      FROM counted;
    IF stored IS NULL THEN
        RETURN;
    END IF;
    -- Looked for afterwards: an insert may have waited for the step in which its job ended.
    kept := ARRAY(SELECT id FROM history WHERE id = ANY (stored) UNION ALL SELECT id FROM dead WHERE id = ANY (stored));
    IF kept <> '{}' THEN
        DELETE FROM job WHERE id = ANY (kept);
        DELETE FROM counter WHERE ctid = ANY (counts);
        INSERT INTO counter (queue, priority, ready, delayed, pushed, last_at)
        SELECT queue, priority, sum(stage), count(*) - sum(stage), count(*), moment
          FROM job WHERE id = ANY (stored) GROUP BY queue, priority;
    END IF;
    PERFORM ring(queues, some_ready);
END
$$;

-- One job without unique key and slot, as most applications push: the same in simple statements, in two thirds of the time.
CREATE FUNCTION push_one(new_id uuid, in_queue text, of_type text, its_priority smallint, its_payload text, its_options text,
                         run_at bigint, delay bigint, expiry bigint, expires bigint, crashes_allowed integer, lift bigint,
                         moment bigint)
    RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    ready_at bigint; its_stage smallint := 0;
BEGIN
    moment := coalesce(moment, clock());
    ready_at := coalesce(run_at, moment + delay);
    IF ready_at <= moment THEN
        ready_at := moment;
        its_stage := 1;
    END IF;
    INSERT INTO job (id, queue, type, priority, payload, options, stage, due, score, pushed_at, expires_at, max_crashes)
    VALUES (new_id, in_queue, of_type, its_priority, its_payload, its_options, its_stage, ready_at, ready_at + lift, moment,
            coalesce(expiry, moment + expires), crashes_allowed)
        ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Looked for afterwards: an insert may have waited for the step in which its job ended.
    IF EXISTS (SELECT FROM history WHERE id = new_id) OR EXISTS (SELECT FROM dead WHERE id = new_id) THEN
        DELETE FROM job WHERE id = new_id;
        RETURN;
    END IF;
    INSERT INTO counter (queue, priority, ready, delayed, pushed, last_at)
    VALUES (in_queue, its_priority, its_stage, 1 - its_stage, 1, moment);
    IF EXISTS (SELECT FROM waiter WHERE until > clock_timestamp()) THEN
        PERFORM ring(ARRAY[in_queue], its_stage = 1);
    END IF;
END
$$;

-- Any jobs, one after the other; answers whose ids stand for them, in order. Who waits for the queues `woken` is told by the way.
CREATE FUNCTION push_each(jobs json, moment bigint, woken text[] DEFAULT '{}') RETURNS uuid[] LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    j jsonb; id_of_it uuid; other uuid; key text; in_queue text; its_stage smallint; ready_at bigint;
    holder job;
    answers uuid[] := '{}'; queues text[] := '{}'; priorities smallint[] := '{}'; stages smallint[] := '{}';
    rung text[] := woken; some_ready boolean := woken <> '{}';
BEGIN
    moment := coalesce(moment, clock());
    FOR j IN SELECT value::jsonb FROM json_array_elements(jobs) LOOP
        id_of_it := (j ->> 0)::uuid; in_queue := j ->> 1; key := j ->> 11;
        ready_at := greatest(coalesce((j ->> 6)::bigint, moment + (j ->> 7)::bigint), moment);
        its_stage := CASE WHEN ready_at = moment THEN 1 ELSE 0 END;
        -- What another step does meanwhile sends us back to look again; it cannot go on for ever.
        FOR round IN 1..9 LOOP
            IF round = 9 THEN
                RAISE serialization_failure USING MESSAGE = 'what holds a unique key or slot cannot be seen from this transaction';
            END IF;
            -- In this order: a kept id, then the key, then the slot.
            SELECT k.id INTO other
              FROM (SELECT id FROM job WHERE id = id_of_it
                    UNION ALL SELECT id FROM history WHERE id = id_of_it
                    UNION ALL SELECT id FROM dead WHERE id = id_of_it) AS k
             LIMIT 1;
            EXIT WHEN other IS NOT NULL;
            holder := NULL;
            IF key IS NOT NULL THEN
                SELECT * INTO holder FROM job WHERE queue = in_queue AND unique_key = key;
                IF holder.id IS NOT NULL AND counts_for(j, holder.attempt, holder.pushed_at, moment) THEN
                    other := holder.id;
                    EXIT WHEN j ->> 17 <> 'replace' OR holder.stage = 2 OR holder.retrying;
                    IF replace_waiting(j, holder.id, its_stage, ready_at, moment) THEN
                        rung := rung || in_queue; some_ready := some_ready OR its_stage = 1;
                        EXIT;
                    END IF;
                    CONTINUE;
                END IF;
                IF j ->> 15 = 'success' THEN
                    SELECT d.id INTO other
                      FROM (SELECT id, attempt, pushed_at FROM dead WHERE queue = in_queue AND unique_key = key
                             ORDER BY seq DESC LIMIT 1) AS d
                     WHERE counts_for(j, d.attempt, d.pushed_at, moment);
                    EXIT WHEN other IS NOT NULL;
                END IF;
            END IF;
            IF j ->> 12 IS NOT NULL THEN
                INSERT INTO slot (name, at, id, taken_at) VALUES (j ->> 12, (j ->> 13)::bigint, id_of_it, moment)
                    ON CONFLICT DO NOTHING;
                IF NOT FOUND THEN
                    SELECT id INTO other FROM slot WHERE name = j ->> 12 AND at = (j ->> 13)::bigint;
                    EXIT WHEN other IS NOT NULL;
                    CONTINUE;
                END IF;
            END IF;
            IF holder.id IS NOT NULL THEN
                UPDATE job SET unique_key = NULL WHERE id = holder.id AND unique_key = key;
            END IF;
            INSERT INTO job (id, queue, type, priority, payload, options, stage, due, score, pushed_at, expires_at,
                             max_crashes, unique_key)
            VALUES (id_of_it, in_queue, j ->> 2, (j ->> 3)::smallint, j ->> 4, j ->> 5, its_stage, ready_at,
                    ready_at + (j ->> 14)::bigint, moment, coalesce((j ->> 8)::bigint, moment + (j ->> 9)::bigint),
                    (j ->> 10)::integer, key)
                ON CONFLICT DO NOTHING;
            IF FOUND THEN
                -- Looked for again: the insert may have waited for the step in which its job ended.
                EXIT WHEN NOT EXISTS (SELECT FROM history WHERE id = id_of_it)
                      AND NOT EXISTS (SELECT FROM dead WHERE id = id_of_it);
                DELETE FROM job WHERE id = id_of_it;
            END IF;
            IF j ->> 12 IS NOT NULL THEN
                DELETE FROM slot WHERE name = j ->> 12 AND at = (j ->> 13)::bigint;
            END IF;
        END LOOP;
        IF other IS NULL THEN
            queues := queues || in_queue; priorities := priorities || (j ->> 3)::smallint; stages := stages || its_stage;
        END IF;
        answers := answers || coalesce(other, id_of_it);
    END LOOP;
    IF queues <> '{}' THEN
        INSERT INTO counter (queue, priority, ready, delayed, pushed, last_at)
        SELECT queue, priority, sum(stage), count(*) - sum(stage), count(*), moment
          FROM unnest(queues, priorities, stages) AS t (queue, priority, stage)
         GROUP BY queue, priority;
    END IF;
    rung := ARRAY(SELECT DISTINCT unnest(rung || queues));
    IF rung <> '{}' THEN
        PERFORM ring(rung, some_ready OR 1 = ANY (stages));
    END IF;
    RETURN answers;
END
$$;

-- Whether a job with the key is in the way of the new one, by the rule that the new one brings.
CREATE FUNCTION counts_for(j jsonb, attempt integer, pushed_at bigint, moment bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT NOT (j ->> 15 = 'start' AND attempt > 0) AND coalesce(moment < pushed_at + (j ->> 16)::bigint, true)
$$;

-- Let a waiting job become what was pushed in its stead; false when it no longer waits.
CREATE FUNCTION replace_waiting(j jsonb, holder uuid, its_stage smallint, ready_at bigint, moment bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    old record;
BEGIN
    SELECT queue, priority, stage INTO old FROM job
     WHERE id = holder AND unique_key = j ->> 11 AND stage <> 2 AND NOT retrying FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE job
       SET type = j ->> 2, priority = (j ->> 3)::smallint, payload = j ->> 4, options = j ->> 5, stage = its_stage, due = ready_at,
           score = ready_at + (j ->> 14)::bigint, expires_at = coalesce((j ->> 8)::bigint, moment + (j ->> 9)::bigint),
           max_crashes = (j ->> 10)::integer, failures = 0, crashes = 0, note = NULL
     WHERE id = holder;
    INSERT INTO counter (queue, priority, ready, delayed, held, last_at)
    VALUES (old.queue, old.priority, -(old.stage = 1)::integer, -(old.stage = 0)::integer, -(old.stage = 3)::integer, moment),
           (old.queue, (j ->> 3)::smallint, (its_stage = 1)::integer, (its_stage = 0)::integer, 0, moment);
    RETURN true;
END
$$;
