// SPDX-License-Identifier: Apache-2.0

'use strict';

// Bootstrap for Node.js: loads the function of the user, then calls it.
//
// Started by the agent as "node nodejs.js <fd>"; agent_executor.py describes
// the frames of the file descriptor, python.py has the sentences of failures.
// Between executions, the event loop does not run: this program waits for the
// next frame.

const { AsyncLocalStorage } = require('node:async_hooks');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const util = require('node:util');

const { parseExactly, stringifyExactly } = require('./nodejs_json.js');
const { OutputStream, isStream } = require('./nodejs_output.js');
const {
  keepsLog, pause, saveEnvironment, saveStreams, writeAll, writeLog,
} = require('./nodejs_streams.js');

// Copies, since the code of the user may replace the originals.
const {
  Error, Promise, RangeError, String, SyntaxError, TypeError,
} = globalThis;
const { allocUnsafe, byteLength } = Buffer;
const { readUInt32BE, toString, write, writeUInt32BE } = Buffer.prototype;
const { closeSync, readSync } = fs;
const { stringify } = JSON;
const { keys } = Object;
const { chdir, exit, listenerCount, listeners, on } = process;
const setImmediateOriginal = setImmediate;
const now = performance.now.bind(performance);

const HEADER_BYTES = 4;
const MAX_TEXT_LENGTH = 1 << 15; // of a sentence or a traceback
const CALLBACK_PARAMETERS = 3; // input, context and callback
const SUFFIXES = ['', '.js', '.mjs', '.cjs', '/index.js'];
const LACKS_MEMORY = /^Array buffer allocation failed/;
const NO_STACK = /^Maximum call stack size exceeded/;
const UNCAUGHT = ['uncaughtException', 'unhandledRejection'];
const RETIRE = { retire: true }; // replaces this process
const NO_MODULE = new Set(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND']);

// Error with a sentence that replaces the traceback.
class Fault extends Error {
  constructor(sentence, options = {}) {
    super(sentence, options);
    this.reason = options.reason ?? 'load_error';
  }
}

// Frames to and from the agent.
class Channel {
  constructor(number) {
    this.number = number;
  }

  // Return the object in the next frame; exit if the agent is gone.
  receive() {
    const size = readUInt32BE.call(this.read(HEADER_BYTES), 0);
    return parseExactly(toString.call(this.read(size)));
  }

  // Send a frame of JSON.
  send(text) {
    const size = byteLength(text);
    const data = allocUnsafe(HEADER_BYTES + size);
    writeUInt32BE.call(data, size, 0);
    write.call(data, text, HEADER_BYTES);
    writeAll(this.number, data);
  }

  // Close the channel, so that the agent takes another process, and exit.
  leave() {
    try {
      closeSync(this.number);
    } finally {
      exit.call(process, 0);
    }
  }

  read(size) {
    const data = allocUnsafe(size);
    for (let done = 0; done < size;) {
      const more = this.readPart(data, done, size - done);
      if (more === 0) exit.call(process, 0);
      done += more;
    }
    return data;
  }

  // Return the number of bytes read, 0 if there is no channel.
  readPart(data, start, size) {
    for (;;) {
      try {
        return readSync(this.number, data, start, size);
      } catch (error) {
        // The user may have closed the channel, or made it non-blocking.
        if (error.code !== 'EAGAIN') return 0;
        pause();
      }
    }
  }
}

// Id of the execution to which asynchronous work belongs.
const executions = new AsyncLocalStorage();
for (const name of Object.getOwnPropertyNames(AsyncLocalStorage.prototype)) {
  executions[name] = executions[name]; // the user may replace the prototype's
}

// Function of the user: entry is "module.function", with the module as path in
// the directory of the package.
class UserFunction {
  constructor(entry, directory) {
    this.entry = entry;
    this.directory = directory;
    this.loaded = null; // the function
  }

  // Import the function; throws a Fault, or the error of the import.
  async load() {
    const dot = this.entry.lastIndexOf('.');
    const module = this.entry.slice(0, Math.max(dot, 0));
    const name = this.entry.slice(dot + 1);
    if (!module || !name) {
      throw new Fault(`The entry '${this.entry}' is malformed: it must be `
        + 'like module.function.');
    }
    const namespace = await this.import(module);
    const loaded = namespace[name] ?? namespace.default?.[name];
    if (loaded === undefined || loaded === null) {
      throw new Fault(`The module ${module} has no function ${name} (entry `
        + `${this.entry}).`);
    }
    if (typeof loaded !== 'function') {
      throw new Fault(`${this.entry} is not callable, it is of type `
        + `${typeof loaded}.`);
    }
    this.loaded = loaded;
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
      const reason = this.explainImport(error);
      if (!reason) throw error;
      throw new Fault(`The module ${module} cannot be imported: ${reason}`,
        { cause: error });
    }
  }

  // Return the file of a module, or null; dots may separate directories.
  locate(module) {
    for (const name of [module, module.replaceAll('.', '/')]) {
      for (const suffix of SUFFIXES) {
        const file = path.join(this.directory, name + suffix);
        if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) {
          return file;
        }
      }
    }
    return null;
  }

  // Return why an import failed, null for an error of the code.
  explainImport(error) {
    if (NO_MODULE.has(error?.code)) {
      const missing = /'([^']+)'/.exec(error.message)?.[1];
      return `it needs the module ${this.relative(missing)}, which is neither `
        + 'in the package nor in the runtime.';
    }
    if (error instanceof SyntaxError) {
      const place = /^(?:file:\/\/)?(\/.*):(\d+)$/m.exec(error.stack);
      return place
        ? `${error.name} in ${this.relative(place[1])}, line ${place[2]}: `
          + error.message
        : `${error.name}: ${error.message}`;
    }
    return null;
  }

  // Return a path relative to the package.
  relative(file) {
    return String(file).replace(`${this.directory}/`, '');
  }

  // Return a promise of the result.
  async call(request) {
    const { loaded } = this; // called without "this"
    const input = findInput(request);
    const context = createContext(request.context ?? {});
    // "await" uses no method of a promise that the user may have replaced.
    const output = await (loaded.length < CALLBACK_PARAMETERS
      ? loaded(input, context) : callWithCallback(loaded, input, context));
    return output;
  }
}

// Return a promise of what a function passes to its callback, or of the result
// of the promise that the function returns.
function callWithCallback(loaded, input, context) {
  return new Promise((resolve, reject) => {
    const returned = loaded(input, context, (error, output) => {
      if (error !== undefined && error !== null) reject(error);
      else resolve(output);
    });
    if (typeof returned?.then === 'function') resolve(returned);
  });
}

// Return the input of the user: an object, or a text.
function findInput({ args = [], kwargs = {} }) {
  if (args.length === 0) return kwargs;
  return keys(kwargs).length
    ? { ...kwargs, __function_input: args[0] } : args[0];
}

// Return the context. The token is available by name, but hidden when the
// function prints or returns the context.
function createContext({ token, os_session: _none, ...fields }) {
  if (token) Object.defineProperty(fields, 'token', { value: token });
  return fields;
}

// Handler of the frames of the agent; settings is the load frame, see
// agent_worker.py.
class Executor {
  constructor(channel, settings) {
    this.channel = channel;
    this.settings = settings;
    this.userFunction = new UserFunction(settings.entry, settings.code);
    this.fail = null; // fails the present execution
    this.running = null; // id of the present execution
    Object.assign(process.env, settings.environment);
    this.restoreStreams = saveStreams();
    this.restoreEnvironment = () => {};
    this.importFailure = null; // an object with the error
    this.listeners = UNCAUGHT.map((event) => [
      event, (error) => this.handleUncaught(event, error)]);
    this.reset();
  }

  // Import the function, then run executions. No step between executions
  // depends on promises, whose methods the user may have replaced.
  async serve() {
    const started = now();
    try {
      await this.userFunction.load();
    } catch (error) {
      this.importFailure = { error }; // the first execution reports the error
    }
    this.restoreStreams = saveStreams();
    this.restoreEnvironment = saveEnvironment();
    this.channel.send(`{"import_ms": ${now() - started}}`);
    this.serveNext();
  }

  serveNext() {
    const request = this.channel.receive();
    this.running = request.execution_id;
    executions.run(this.running, () => this.execute(request));
  }

  // Run an execution.
  async execute(request) {
    this.fail = (error, fields) => this.finish(stringify({
      execution_id: request.execution_id, status: 'failed',
      ...this.explain(error), ...fields, ...(keepsLog() ? {} : RETIRE),
    }));
    try {
      const output = await this.findOutput(request);
      if (this.running !== request.execution_id) return; // it has failed
      this.finish(`{"execution_id": ${stringify(request.execution_id)}, `
        + `"status": "success", "output": ${output}`
        + `${keepsLog() ? '' : ', "retire": true'}}`);
    } catch (error) {
      if (this.running !== request.execution_id) return;
      // The next process loads a failed module again.
      this.fail(error, this.userFunction.loaded ? {} : RETIRE);
    }
  }

  // Send the outcome of an execution, and take the next.
  finish(frame) {
    this.fail = null;
    this.running = null;
    this.channel.send(frame);
    try {
      this.reset();
    } catch {
      this.channel.leave(); // the user froze an object
    }
    executions.run(undefined,
      () => setImmediateOriginal(() => this.serveNext()));
  }

  async findOutput(request) {
    if (this.importFailure) throw this.importFailure.error;
    const output = await this.userFunction.call(request);
    const text = isStream(output) ? await this.join(output, request) : null;
    await nextTurn(); // Node.js now reports unhandled rejections
    return text ?? this.encode(output);
  }

  // Return a promise of the JSON of a streamed output.
  join(output, request) {
    const send = (frame) => {
      if (this.running === request.execution_id) this.channel.send(frame);
    };
    return new OutputStream({
      encode: (item) => this.encode(item),
      send: request.stream === true ? send : null,
      fail: (sentence, reason) => {
        throw new Fault(sentence, { reason });
      },
      limit: this.settings.max_result_size,
    }).join(output);
  }

  // Handle an uncaught error, unless the user has a listener.
  handleUncaught(event, error) {
    if (listenerCount.call(process, event) > 1) return;
    const owner = executions.getStore();
    if (owner !== undefined && !(this.fail && owner === this.running)) {
      // What an execution leaves must not fail another execution.
      writeLog(`[error of execution ${owner} after its end]\n`
        + this.formatTraceback(error));
    } else if (this.fail) {
      this.fail(error, RETIRE);
    } else {
      writeLog(this.formatTraceback(error));
      exit.call(process, 1);
    }
  }

  // Restore the state that an execution may have changed.
  reset() {
    for (const [event, listener] of this.listeners) {
      if (!listeners.call(process, event).includes(listener)) {
        on.call(process, event, listener);
      }
    }
    this.restoreStreams();
    this.restoreEnvironment();
    try {
      chdir.call(process, this.settings.code);
    } catch {
      // The user removed the directory.
    }
  }

  // Return the output as JSON; throws a Fault.
  encode(output) {
    let text;
    try {
      text = stringifyExactly(output === undefined ? null : output);
      if (text === undefined) throw new TypeError('It has no value in JSON');
    } catch (error) {
      if (error instanceof RangeError && NO_STACK.test(error.message)) {
        throw new Fault(this.settings.too_deep, { reason: 'invalid_output' });
      }
      throw new Fault(`The result of the function, of type ${typeOf(output)}, `
        + `cannot be written as JSON: ${describeError(error)}`,
      { reason: 'invalid_output' });
    }
    const size = byteLength(text);
    const limit = this.settings.max_result_size;
    if (size > limit) {
      throw new Fault(`The result of the function is ${size} bytes long, the `
        + `limit is ${limit} bytes.`, { reason: 'output_too_large' });
    }
    return text;
  }

  // Return output and traceback of a failure, and retire to replace this
  // process.
  explain(error) {
    try {
      return this.explainError(error);
    } catch {
      // A method of the error, or one that the user replaced.
      return {
        output: 'Error', traceback: '',
        reason: this.userFunction.loaded ? 'user_error' : 'load_error',
      };
    }
  }

  explainError(error) {
    const traceback = this.formatTraceback(error);
    if (error instanceof RangeError && LACKS_MEMORY.test(error.message)) {
      return {
        output: this.settings.out_of_memory, traceback, retire: true,
        reason: 'out_of_memory',
      };
    }
    if (error?.code === 'EAGAIN' && /^spawn/.test(error.syscall)) {
      return {
        output: this.settings.out_of_processes, traceback, retire: true,
        reason: 'out_of_processes',
      };
    }
    const reason = error instanceof Fault ? error.reason
      : this.userFunction.loaded ? 'user_error' : 'load_error';
    return { output: describeError(error), traceback, reason };
  }

  // Return the traceback without frames of this program.
  formatTraceback(error) {
    if (error instanceof Fault) {
      if (!error.cause) return `${error.message}\n`;
      error = error.cause;
    }
    try {
      const lines = util.inspect(error).split('\n')
        .filter((line) => !line.includes(`${__dirname}/nodejs`));
      return `${lines.join('\n').slice(-MAX_TEXT_LENGTH)}\n`;
    } catch {
      return ''; // the error has no text
    }
  }
}

// Return a promise of the next turn of the event loop.
function nextTurn() {
  return new Promise((resolve) => {
    setImmediateOriginal(resolve);
  });
}

// Return the sentence of an error.
function describeError(error) {
  let text;
  try {
    text = error instanceof Error
      ? String(error.message) || String(error.name)
      : typeof error === 'string' ? error : util.inspect(error);
  } catch {
    return 'Error';
  }
  return text.length > MAX_TEXT_LENGTH
    ? `${text.slice(0, MAX_TEXT_LENGTH)}...` : text;
}

function typeOf(value) {
  const kind = typeof value;
  if (kind !== 'object') return kind;
  return value?.constructor?.name
    || Object.prototype.toString.call(value).slice(8, -1);
}

async function main() {
  const channel = new Channel(Number(process.argv[2]));
  process.argv.splice(1);
  // A timer, or Node.js would exit while a promise is pending.
  setInterval(() => {}, 2 ** 30);
  // Start the threads of this call before the agent measures our memory.
  await fs.promises.access('/');
  channel.send('{}');
  await new Executor(channel, channel.receive()).serve();
}

main();
