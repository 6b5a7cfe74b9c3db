-- A fourth class: jobs that wait for servers of others, which a worker of its own claims.
ALTER TABLE jobs DROP CONSTRAINT jobs_priority_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_priority_check CHECK (priority BETWEEN 0 AND 3) NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_priority_check;
