// SPDX-License-Identifier: Apache-2.0

'use strict';

// The bootstrap for Node.js: loads the user's function once and calls it.
//
// Started by the agent as "node nodejs.js <fd>"; see agent_executor.py for the
// frames that go over that file descriptor, and python.py for what a failure
// says. Between two executions this program waits for the next one without
// letting the event loop run.

const fs = require('node:fs');
const path = require('node:path');
const { Writable } = require('node:stream');
const { pathToFileURL } = require('node:url');
const util = require('node:util');

// The user's code may replace them.
const { readSync, writeSync } = fs;
const { parse, stringify } = JSON;
const { chdir, exit } = process;
const later = setImmediate;

const HEADER = 4; // bytes
const MAX_TEXT = 1 << 15; // characters of a sentence or a traceback
const PAUSE = 1; // milliseconds until a full pipe is tried again
const ENDINGS = ['', '.js', '.mjs', '.cjs', '/index.js'];
const LACKS_MEMORY = /^Array buffer allocation failed/;
const NO_MODULE = new Set(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND']);

// A fault that a sentence explains better than a traceback.
class Fault extends Error {}

// Frames to and from the agent.
class Channel {
  constructor(number) {
    this.number = number;
  }

  // The object in the next frame; ends the process with the agent.
  receive() {
    const size = this.read(HEADER).readUInt32BE(0);
    return parse(this.read(size).toString());
  }

  send(text) {
    const body = Buffer.from(text);
    const header = Buffer.alloc(HEADER);
    header.writeUInt32BE(body.length);
    writeAll(this.number, Buffer.concat([header, body]));
  }

  read(size) {
    const data = Buffer.allocUnsafe(size);
    for (let done = 0; done < size;) {
      const more = readSync(this.number, data, done, size - done);
      if (more === 0) exit.call(process, 0);
      done += more;
    }
    return data;
  }
}

function writeAll(number, data) {
  for (let done = 0; done < data.length;) {
    try {
      done += writeSync(number, data, done);
    } catch (error) {
      // A child that shares the pipe may have made it non-blocking.
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}

// A stream that keeps nothing back, so that the last words of a function are
// in its log even if it is killed. As ever in Node.js, it cannot be closed.
function openStream(number) {
  const stream = new Writable({
    write(data, _encoding, done) {
      try {
        writeAll(number, data);
      } catch {
        // The user closed the file descriptor: nothing is logged.
      }
      done();
    },
  });
  stream.fd = number;
  stream.end = stream.destroy = () => stream;
  return stream;
}

const streams = { stdout: openStream(1), stderr: openStream(2) };

// The user's function: entry is "module.function", the module a path in the
// directory of the package.
class UserFunction {
  constructor(entry, directory) {
    this.entry = entry;
    this.directory = directory;
    this.found = null;
  }

  // Import it; throws a Fault or whatever its import throws.
  async load() {
    const dot = this.entry.lastIndexOf('.');
    const module = this.entry.slice(0, Math.max(dot, 0));
    const name = this.entry.slice(dot + 1);
    if (!module || !name) {
      throw new Fault(`The entry '${this.entry}' is malformed: it must be `
        + 'like module.function.');
    }
    const namespace = await this.import(module);
    const found = namespace[name] ?? namespace.default?.[name];
    if (found === undefined || found === null) {
      throw new Fault(`The module ${module} has no function ${name} (entry `
        + `${this.entry}).`);
    }
    if (typeof found !== 'function') {
      throw new Fault(`${this.entry} is not callable, it is of type `
        + `${typeof found}.`);
    }
    this.found = found;
  }

  async import(module) {
    const file = this.locate(module);
    if (!file) {
      throw new Fault(`The package has no module ${module} (entry `
        + `${this.entry}).`);
    }
    try {
      return await import(pathToFileURL(file));
    } catch (error) {
      const reason = this.whyNot(error);
      if (!reason) throw error;
      throw new Fault(`The module ${module} cannot be imported: ${reason}`,
        { cause: error });
    }
  }

  // The file of a module; dots may stand for directories.
  locate(module) {
    for (const each of [module, module.replaceAll('.', '/')]) {
      for (const ending of ENDINGS) {
        const file = path.join(this.directory, each + ending);
        if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) {
          return file;
        }
      }
    }
    return null;
  }

  whyNot(error) {
    if (NO_MODULE.has(error?.code)) {
      const missing = /'([^']+)'/.exec(error.message)?.[1];
      return `it needs the module ${this.inside(missing)}, which is neither `
        + 'in the package nor in the runtime.';
    }
    if (error instanceof SyntaxError) {
      const place = /^(?:file:\/\/)?(\/.*):(\d+)$/m.exec(error.stack);
      return place
        ? `${error.name} in ${this.inside(place[1])}, line ${place[2]}: `
          + error.message
        : `${error.name}: ${error.message}`;
    }
    return null;
  }

  inside(file) {
    return String(file).replace(`${this.directory}/`, '');
  }

  // A promise of its result.
  async call(request) {
    const { found } = this; // called without telling of this
    return found(makeInput(request), makeContext(request.context ?? {}));
  }
}

// What the user sent: an object, or else a text.
function makeInput({ args = [], kwargs = {} }) {
  if (args.length === 0) return kwargs;
  return Object.keys(kwargs).length
    ? { ...kwargs, __function_input: args[0] } : args[0];
}

// The context; a token is given to who asks for it by name, and not shown by
// what prints or returns the context.
function makeContext({ token, os_session: _none, ...fields }) {
  if (token) Object.defineProperty(fields, 'token', { value: token });
  return fields;
}

// Answers the frames of the agent; settings is the load frame, see
// agent_worker.py.
class Executor {
  constructor(channel, settings) {
    this.channel = channel;
    this.settings = settings;
    this.userFunction = new UserFunction(settings.entry, settings.code);
    this.fail = null; // ends the present execution
    Object.assign(process.env, settings.environment);
    process.on('uncaughtException',
      (error) => this.stray('uncaughtException', error));
    process.on('unhandledRejection',
      (reason) => this.stray('unhandledRejection', reason));
    this.reset();
  }

  // Import the function, then execute it for ever.
  async serve() {
    const loading = this.userFunction.load();
    await loading.catch(() => {}); // explained when it is called
    for (;;) {
      const request = this.channel.receive();
      this.channel.send(await this.execute(loading, request));
      this.reset();
      await turn();
    }
  }

  // A promise of the frame with the outcome.
  execute(loading, request) {
    const id = stringify(request.execution_id);
    return new Promise((resolve) => {
      this.fail = (error, fields) => resolve(stringify({
        execution_id: request.execution_id, status: 'failed',
        ...this.explain(error), ...fields,
      }));
      this.run(loading, request).then(
        (output) => resolve(`{"execution_id": ${id}, "status": "success", `
          + `"output": ${output}}`),
        // What failed to load is loaded again by the next process.
        (error) => this.fail(error, this.userFunction.found
          ? {} : { retire: true }),
      );
    }).finally(() => {
      this.fail = null;
    });
  }

  async run(loading, request) {
    await loading;
    const output = await this.userFunction.call(request);
    await turn(); // now Node.js tells of rejections that nobody handles
    return this.encode(output);
  }

  // An error that nobody caught, as long as the user does not listen to them.
  stray(event, error) {
    if (process.listenerCount(event) > 1) return;
    if (this.fail) {
      this.fail(error, { retire: true });
    } else {
      writeAll(2, Buffer.from(this.traceback(error)));
      exit.call(process, 1);
    }
  }

  // What an execution must not inherit from the one before.
  reset() {
    for (const [name, value] of Object.entries(streams)) {
      Object.defineProperty(process, name,
        { value, configurable: true, enumerable: true, writable: true });
    }
    try {
      chdir.call(process, this.settings.code);
    } catch {
      // The user removed it.
    }
  }

  encode(output) {
    let text;
    try {
      text = stringify(output === undefined ? null : output);
      if (text === undefined) throw new TypeError('It has no value in JSON');
    } catch (error) {
      throw new Fault(`The result of the function, of type ${typeOf(output)}, `
        + `cannot be written as JSON: ${sentence(error)}`);
    }
    const size = Buffer.byteLength(text);
    const limit = this.settings.max_result_size;
    if (size > limit) {
      throw new Fault(`The result of the function is ${size} bytes long, the `
        + `limit is ${limit} bytes.`);
    }
    return text;
  }

  // The output and traceback of a failure, and retire if this process should
  // not go on.
  explain(error) {
    const traceback = this.traceback(error);
    if (error instanceof RangeError && LACKS_MEMORY.test(error.message)) {
      return { output: this.settings.out_of_memory, traceback, retire: true };
    }
    if (error?.code === 'EAGAIN' && /^spawn/.test(error.syscall)) {
      return {
        output: this.settings.out_of_processes, traceback, retire: true,
      };
    }
    return { output: sentence(error), traceback };
  }

  // The traceback without our own frames.
  traceback(error) {
    if (error instanceof Fault) {
      if (!error.cause) return `${error.message}\n`;
      error = error.cause;
    }
    try {
      const lines = util.inspect(error).split('\n')
        .filter((line) => !line.includes(__filename));
      return `${lines.join('\n').slice(-MAX_TEXT)}\n`;
    } catch {
      return ''; // an error that cannot be shown
    }
  }
}

// The next turn of the event loop, after all that is due.
function turn() {
  return new Promise((resolve) => {
    later(resolve);
  });
}

// What an error says, for somebody who sees nothing else.
function sentence(error) {
  let text;
  try {
    text = error instanceof Error
      ? String(error.message) || String(error.name)
      : typeof error === 'string' ? error : util.inspect(error);
  } catch {
    return 'Error';
  }
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

function typeOf(value) {
  const kind = typeof value;
  return kind === 'object' ? value?.constructor?.name ?? kind : kind;
}

async function main() {
  const channel = new Channel(Number(process.argv[2]));
  process.argv.splice(1);
  // Something to wait for, or Node.js would end while a promise is pending.
  setInterval(() => {}, 2 ** 30);
  // Starts the threads that do this, before the agent looks at our memory.
  await fs.promises.access('/');
  channel.send('{}');
  await new Executor(channel, channel.receive()).serve();
}

main();
