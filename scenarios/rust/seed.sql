-- 60 projects with 8 tasks each; a second run changes nothing.
CREATE TABLE IF NOT EXISTS project (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE IF NOT EXISTS task (
    id bigint PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES project,
    title text NOT NULL
);
CREATE INDEX IF NOT EXISTS task_project ON task (project_id);
INSERT INTO project SELECT n, 'project ' || n FROM generate_series(1, 60) n ON CONFLICT DO NOTHING;
INSERT INTO task SELECT n, 1 + n % 60, 'task ' || n FROM generate_series(1, 480) n ON CONFLICT DO NOTHING;
ANALYZE project, task;
