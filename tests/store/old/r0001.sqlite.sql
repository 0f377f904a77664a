BEGIN TRANSACTION;
CREATE TABLE comparisons (
	run INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	metric VARCHAR(40) NOT NULL, 
	request TEXT NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	baseline DOUBLE, 
	candidate DOUBLE, 
	change DOUBLE, 
	ci_low DOUBLE, 
	ci_high DOUBLE, 
	confidence DOUBLE, 
	verdict VARCHAR(16) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	rounds INTEGER NOT NULL, 
	goal JSON, 
	stretch_met BOOLEAN, 
	round_changes JSON NOT NULL, 
	impact DOUBLE NOT NULL, 
	notes JSON NOT NULL, 
	CONSTRAINT pk_comparisons PRIMARY KEY (run, position), 
	CONSTRAINT fk_comparisons_run FOREIGN KEY(run) REFERENCES runs (number) ON DELETE CASCADE
);
INSERT INTO "comparisons" VALUES(1,0,'latency_p95','list projects','ms',41.5,31.25,-0.247,-0.27,-0.21,0.95,'met','goal',8,'{"metric": "latency_p95", "improve": 0.2, "stretch": 0.3, "requests": ["list projects"]}',0,'[-0.25, -0.24]',12.5,'["few samples"]');
INSERT INTO "comparisons" VALUES(1,1,'error_rate','all','ratio',0.0,0.0,NULL,NULL,NULL,NULL,'equivalent','gate',8,NULL,NULL,'[]',0.0,'[]');
CREATE TABLE levels (
	run INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	metric VARCHAR(40) NOT NULL, 
	request TEXT NOT NULL, 
	arm TEXT NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	value DOUBLE, 
	low DOUBLE, 
	high DOUBLE, 
	confidence DOUBLE, 
	rounds INTEGER NOT NULL, 
	CONSTRAINT pk_levels PRIMARY KEY (run, position), 
	CONSTRAINT fk_levels_run FOREIGN KEY(run) REFERENCES runs (number) ON DELETE CASCADE
);
INSERT INTO "levels" VALUES(1,0,'latency_p95','all','baseline','ms',41.5,40.5,NULL,0.95,8);
INSERT INTO "levels" VALUES(1,1,'latency_p95','all','candidate','ms',31.25,30.25,NULL,0.95,8);
CREATE TABLE perfproof_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT perfproof_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "perfproof_version" VALUES('0001');
CREATE TABLE runs (
	number INTEGER NOT NULL, 
	id VARCHAR(100) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT, 
	scenario TEXT NOT NULL, 
	scenario_hash VARCHAR(64) NOT NULL, 
	arms_fingerprint VARCHAR(64) NOT NULL, 
	environment_hash VARCHAR(64) NOT NULL, 
	started_at VARCHAR(40) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	directory TEXT NOT NULL, 
	rounds INTEGER NOT NULL, 
	verdict VARCHAR(16), 
	sentence TEXT, 
	CONSTRAINT pk_runs PRIMARY KEY (number), 
	CONSTRAINT uq_runs_id UNIQUE (id)
);
INSERT INTO "runs" VALUES(1,'20261120-061502-projects-9f30','ab','before','projects','5ce7a210','8773a28067fb7a3c','e417','2026-11-20T06:15:02+00:00','complete','20261120-061502-projects-9f30',8,'met','Goal met: it''s 24.7 % faster.');
INSERT INTO "runs" VALUES(2,'20261121-061502-projects-9f31','ab',NULL,'projects','5ce7a210','8773a28067fb7a3c','e417','2026-11-21T06:15:02+00:00','complete','20261121-061502-projects-9f31',0,NULL,NULL);
CREATE TABLE spreads (
	environment_hash VARCHAR(64) NOT NULL, 
	scenario_hash VARCHAR(64) NOT NULL, 
	metric VARCHAR(40) NOT NULL, 
	request TEXT NOT NULL, 
	sd DOUBLE NOT NULL, 
	rounds INTEGER NOT NULL, 
	CONSTRAINT pk_spreads PRIMARY KEY (environment_hash, scenario_hash, metric, request)
);
INSERT INTO "spreads" VALUES('e417','5ce7a210','latency_p50','all',0.02,8);
CREATE INDEX ix_runs_label ON runs (label);
CREATE INDEX ix_runs_scenario_hash ON runs (scenario_hash);
CREATE INDEX ix_runs_started_at ON runs (started_at);
COMMIT;
