-- Lanes have classes of their own: 4 times their number and the priority.
ALTER TABLE jobs DROP CONSTRAINT jobs_priority_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_priority_check CHECK (priority >= 0) NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_priority_check;
