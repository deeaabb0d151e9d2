-- What waits, with the logical shard: the rows of a course that has moved away stay until its move is confirmed, and
-- whoever looks for jobs passes over them within the index, however many they are.
create index job_waiting_by_score_here on job (lane, score desc, run_at, id, logical_shard) where state = 'waiting';
create index job_waiting_by_age_here on job (lane, run_at, logical_shard, type) where state = 'waiting';
drop index job_waiting_by_score;
drop index job_waiting_by_age;
