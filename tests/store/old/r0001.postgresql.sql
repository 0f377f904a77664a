SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.comparisons (
    run integer NOT NULL,
    "position" integer NOT NULL,
    metric character varying(40) NOT NULL,
    request text NOT NULL,
    unit character varying(16) NOT NULL,
    baseline double precision,
    candidate double precision,
    change double precision,
    ci_low double precision,
    ci_high double precision,
    confidence double precision,
    verdict character varying(16) NOT NULL,
    role character varying(16) NOT NULL,
    rounds integer NOT NULL,
    goal json,
    stretch_met boolean,
    round_changes json NOT NULL,
    impact double precision NOT NULL,
    notes json NOT NULL
);
CREATE TABLE public.levels (
    run integer NOT NULL,
    "position" integer NOT NULL,
    metric character varying(40) NOT NULL,
    request text NOT NULL,
    arm text NOT NULL,
    unit character varying(16) NOT NULL,
    value double precision,
    low double precision,
    high double precision,
    confidence double precision,
    rounds integer NOT NULL
);
CREATE TABLE public.perfproof_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.runs (
    number integer NOT NULL,
    id character varying(100) NOT NULL,
    kind character varying(16) NOT NULL,
    label text,
    scenario text NOT NULL,
    scenario_hash character varying(64) NOT NULL,
    arms_fingerprint character varying(64) NOT NULL,
    environment_hash character varying(64) NOT NULL,
    started_at character varying(40) NOT NULL,
    status character varying(16) NOT NULL,
    directory text NOT NULL,
    rounds integer NOT NULL,
    verdict character varying(16),
    sentence text
);
CREATE SEQUENCE public.runs_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.runs_number_seq OWNED BY public.runs.number;
CREATE TABLE public.spreads (
    environment_hash character varying(64) NOT NULL,
    scenario_hash character varying(64) NOT NULL,
    metric character varying(40) NOT NULL,
    request text NOT NULL,
    sd double precision NOT NULL,
    rounds integer NOT NULL
);
ALTER TABLE ONLY public.runs ALTER COLUMN number SET DEFAULT nextval('public.runs_number_seq'::regclass);
INSERT INTO public.comparisons VALUES (1, 0, 'latency_p95', 'list projects', 'ms', 41.5, 31.25, -0.247, -0.27, -0.21, 0.95, 'met', 'goal', 8, '{"metric": "latency_p95", "improve": 0.2, "stretch": 0.3, "requests": ["list projects"]}', false, '[-0.25, -0.24]', 12.5, '["few samples"]');
INSERT INTO public.comparisons VALUES (1, 1, 'error_rate', 'all', 'ratio', 0, 0, NULL, NULL, NULL, NULL, 'equivalent', 'gate', 8, NULL, NULL, '[]', 0, '[]');
INSERT INTO public.levels VALUES (1, 0, 'latency_p95', 'all', 'baseline', 'ms', 41.5, 40.5, NULL, 0.95, 8);
INSERT INTO public.levels VALUES (1, 1, 'latency_p95', 'all', 'candidate', 'ms', 31.25, 30.25, NULL, 0.95, 8);
INSERT INTO public.perfproof_version VALUES ('0001');
INSERT INTO public.runs VALUES (1, '20261120-061502-projects-9f30', 'ab', 'before', 'projects', '5ce7a210', '8773a28067fb7a3c', 'e417', '2026-11-20T06:15:02+00:00', 'complete', '20261120-061502-projects-9f30', 8, 'met', 'Goal met: it''s 24.7 % faster.');
INSERT INTO public.runs VALUES (2, '20261121-061502-projects-9f31', 'ab', NULL, 'projects', '5ce7a210', '8773a28067fb7a3c', 'e417', '2026-11-21T06:15:02+00:00', 'complete', '20261121-061502-projects-9f31', 0, NULL, NULL);
INSERT INTO public.spreads VALUES ('e417', '5ce7a210', 'latency_p50', 'all', 0.02, 8);
SELECT pg_catalog.setval('public.runs_number_seq', 2, true);
ALTER TABLE ONLY public.perfproof_version
    ADD CONSTRAINT perfproof_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.comparisons
    ADD CONSTRAINT pk_comparisons PRIMARY KEY (run, "position");
ALTER TABLE ONLY public.levels
    ADD CONSTRAINT pk_levels PRIMARY KEY (run, "position");
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (number);
ALTER TABLE ONLY public.spreads
    ADD CONSTRAINT pk_spreads PRIMARY KEY (environment_hash, scenario_hash, metric, request);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT uq_runs_id UNIQUE (id);
CREATE INDEX ix_runs_label ON public.runs USING btree (label);
CREATE INDEX ix_runs_scenario_hash ON public.runs USING btree (scenario_hash);
CREATE INDEX ix_runs_started_at ON public.runs USING btree (started_at);
ALTER TABLE ONLY public.comparisons
    ADD CONSTRAINT fk_comparisons_run FOREIGN KEY (run) REFERENCES public.runs(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.levels
    ADD CONSTRAINT fk_levels_run FOREIGN KEY (run) REFERENCES public.runs(number) ON DELETE CASCADE;
