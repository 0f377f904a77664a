'use strict';
// Put into a Node service by NODE_OPTIONS=--require while perfproof looks for causes, and only then. It drives V8's own
// CPU profiler through an inspector session inside the process, so no debugging port is ever open: an inspector that
// listens, even on loopback, lets anyone on the machine run code in the service. It works in worker threads too, which
// load what --require names as the main thread does.
//
// Orders come through a file in PERFPROOF_NODE_DIR ("record", then "write"), looked at every 20 ms by a timer that keeps
// no process alive. Answers are files beside it: here-ID, recording-ID, profile-ID.json or unable-ID.

const fs = require('fs');
const path = require('path');
const v8 = require('v8');
const { Session } = require('inspector');

const folder = process.env.PERFPROOF_NODE_DIR;
const interval = Number(process.env.PERFPROOF_NODE_INTERVAL_US) || 1000;

function threadNumber() {
  try {
    return require('worker_threads').threadId;
  } catch (_) {
    return 0;
  }
}

function begin() {
  const id = `${process.pid}-${threadNumber()}`;
  const orders = path.join(folder, 'orders');
  const session = new Session();
  let done = '';

  function tell(kind, text) {
    const file = path.join(folder, `${kind}-${id}`);
    fs.writeFileSync(`${file}.partial`, text, { mode: 0o600 });
    fs.renameSync(`${file}.partial`, kind === 'profile' ? `${file}.json` : file);
  }

  function unable(error) {
    clearInterval(timer);
    try {
      tell('unable', String((error && error.message) || error));
    } catch (_) { /* the directory is gone: the pass is over */ }
  }

  function post(method, parameters) {
    session.post(method, parameters, (error) => error && unable(error));
  }

  function record() {
    post('Profiler.enable');
    post('Profiler.setSamplingInterval', { interval });
    post('Profiler.start');
    tell('recording', '');
  }

  function write() {
    clearInterval(timer);
    session.post('Profiler.stop', (error, answer) => {
      if (error) return unable(error);
      tell('profile', JSON.stringify(answer.profile));
      session.disconnect();
    });
  }

  function look() {
    let order = '';
    try {
      order = fs.readFileSync(orders, 'utf8');
    } catch (_) {
      return;
    }
    if (order === done) return;
    done = order;
    try {
      if (order === 'record') record();
      if (order === 'write') write();
    } catch (error) {
      unable(error);
    }
  }

  const timer = setInterval(look, 20);
  timer.unref();
  session.connect();
  // V8 books what it inlined on the function around it, whatever its profiler is told, so a hot function would vanish
  // in an anonymous handler. What is hardly more than a property stays inlined: there a call would cost more than it does.
  v8.setFlagsFromString('--max-inlined-bytecode-size=27');
  tell('here', '');
}

if (folder) {
  try {
    begin();
  } catch (_) { /* nothing of ours may keep the service from starting */ }
}
