// SPDX-License-Identifier: Apache-2.0

'use strict';

// Standard streams and environment of functions in Node.js, for the bootstrap
// nodejs.js.

const { fstatSync, writeSync } = require('node:fs');
const { Writable } = require('node:stream');

// Copies, since the code of the user may replace the originals.
const { from } = Buffer;
const { umask } = process;
const {
  defineProperty, entries, getOwnPropertyDescriptor, hasOwn, keys,
} = Object;
const RETRY_MILLISECONDS = 1; // of a non-blocking read or write

function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0,
    RETRY_MILLISECONDS);
}

function writeAll(number, data) {
  for (let done = 0; done < data.length;) {
    try {
      done += writeSync(number, data, done);
    } catch (error) {
      // A child that shares the pipe may have made it non-blocking.
      if (error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

// Write a text to the log, if the user has not closed it.
function writeLog(text) {
  try {
    writeAll(2, from(text));
  } catch {
    // No further log.
  }
}

// Return an unbuffered stream, whose output survives a kill. Like other
// standard streams of Node.js, the stream cannot be closed.
function openStream(number) {
  const stream = new Writable({
    write(data, _encoding, done) {
      try {
        writeAll(number, data);
      } catch {
        // The user closed the file descriptor: no further log.
      }
      done();
    },
  });
  stream.fd = number;
  stream._type = 'pipe';
  stream.destroy = () => stream;
  stream.end = (...values) => {
    const done = values.findLast((value) => typeof value === 'function');
    const [data, encoding] = values.filter((value) => value !== done);
    if (data !== undefined && data !== null) stream.write(data, encoding);
    if (done) process.nextTick(done);
    return stream;
  };
  return stream;
}

// Return which files the log is, to compare.
function statLog() {
  return `${statFile(1)},${statFile(2)}`;
}

function statFile(number) {
  try {
    const { dev, ino } = fstatSync(number);
    return `${dev}:${ino}`;
  } catch {
    return 'closed';
  }
}

// Properties of an object that its next state may lack.
function saveProperties(object, names) {
  return names.map((name) => [
    name, getOwnPropertyDescriptor(object, name)]);
}

function restoreProperties(object, properties) {
  for (const [name, descriptor] of properties) {
    if (descriptor) {
      defineProperty(object, name, descriptor);
    } else if (hasOwn(object, name)) {
      delete object[name];
    }
  }
}

let savedLog = '';

// Return whether the user left the file descriptors of the log as they were.
function keepsLog() {
  return statLog() === savedLog;
}

const streams = { stdout: openStream(1), stderr: openStream(2) };
const STREAM_NAMES = keys(streams);
const STREAM_METHODS = ['write', 'end', 'destroy', '_write', '_writev'];

for (const [name, value] of entries(streams)) {
  defineProperty(process, name,
    { value, configurable: true, enumerable: true, writable: true });
}

// Save the streams, and return a function that restores the streams.
function saveStreams() {
  savedLog = statLog();
  const saved = [process, ...Object.values(streams)].map((object) => [
    object, saveProperties(object, object === process
      ? STREAM_NAMES : STREAM_METHODS)]);
  return () => {
    for (const [object, properties] of saved) {
      restoreProperties(object, properties);
    }
  };
}

// Save environment and umask, and return a function that restores them.
function saveEnvironment() {
  const { env } = process;
  const saved = { ...env };
  const mask = umask.call(process, 0o022);
  const restore = () => {
    umask.call(process, mask);
    if (process.env !== env) process.env = env;
    for (const name of keys(env)) {
      if (!hasOwn(saved, name)) delete env[name];
    }
    for (const [name, value] of entries(saved)) {
      if (env[name] !== value) env[name] = value;
    }
  };
  restore();
  return restore;
}

module.exports = {
  keepsLog, pause, saveEnvironment, saveStreams, writeAll, writeLog,
};
