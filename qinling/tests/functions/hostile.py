# SPDX-License-Identifier: Apache-2.0
"""Functions that try to get at what is not theirs.  Each returns what it
got; what it was refused is told by the name of the error."""

import ctypes
import errno
import mmap
import os
import signal
import socket
import subprocess
import threading
import time

# A function that asks for its pid has an executor without a template, however
# slow the import is: the tests count processes.
PID = os.getpid()


def attempt(function, *args):
    try:
        return function(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


def read(path):
    with open(path, 'rb') as source:
        return source.read(10000).decode('utf-8', 'replace')


def write(path):
    with open(path, 'w') as target:
        target.write('x')
    return 'written'


def read_files(paths):
    return {path: attempt(read, path) for path in paths}


def write_files(paths):
    return {path: attempt(write, path) for path in paths}


def look_around():
    pids = [name for name in os.listdir('/proc') if name.isdigit()]
    return {
        'uid': [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()],
        'environment': dict(os.environ),
        'pids': pids,
        'environments': {pid: attempt(read, '/proc/%s/environ' % pid)
                         for pid in pids},
        'root': sorted(os.listdir('/')),
        'hostname': socket.gethostname(),
        'status': read('/proc/self/status'),
        'cwd': os.getcwd(),
        'files': sorted(
            os.readlink('/proc/self/fd/%s' % number).split(':')[0]
            for number in (0, 1, 2, 3)),
        'interfaces': [name for _number, name in socket.if_nameindex()],
    }


def connect(port):
    with socket.socket() as client:
        client.settimeout(2)
        return attempt(client.connect, ('127.0.0.1', port))


def connect_abstract(name):
    with socket.socket(socket.AF_UNIX) as client:
        return attempt(client.connect, '\0' + name)


def own_loopback():
    with socket.create_server(('127.0.0.1', 0)) as server:
        with socket.create_connection(server.getsockname(), 2) as client:
            client.sendall(b'hello')
            connection, _address = server.accept()
            with connection:
                return connection.recv(5).decode()


def attack_agent():
    """The agent is the first process, and knows the secret."""
    return {
        'memory': attempt(read, '/proc/1/mem'),
        'maps': attempt(read, '/proc/1/maps'),
        'files': attempt(os.listdir, '/proc/1/fd'),
        'environment': attempt(read, '/proc/1/environ'),
        'trace': ctypes.CDLL(None, use_errno=True).ptrace(16, 1, 0, 0),
        'kill': attempt(os.kill, 1, signal.SIGKILL),
        'terminate': attempt(os.kill, 1, signal.SIGTERM),
        'interrupt': attempt(os.kill, 1, signal.SIGINT),
    }


def become_root():
    return {'setuid': attempt(os.setuid, 0),
            'chroot': attempt(os.chroot, '/tmp'),
            'mount': ctypes.CDLL(None, use_errno=True).mount(
                b'tmpfs', b'/tmp', b'tmpfs', 0, None),
            'program': subprocess.run(
                ['/bin/su', '-c', 'id'], stdin=subprocess.DEVNULL,
                capture_output=True).returncode}


def fork_bomb():
    while True:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.01)


def fork_to_the_limit():
    while True:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)


def spawn_to_the_limit():
    return [subprocess.Popen(['/bin/sleep', '600'])
            for _ in range(10000)]


def threads_to_the_limit():
    threads = []
    done = threading.Event()
    try:
        while True:
            threads.append(threading.Thread(target=done.wait, daemon=True))
            threads[-1].start()
    finally:
        print(len(threads))
        done.set()


def shell_bomb():
    """A bomb that goes on by itself, each process in a session of its own
    and gone as soon as it has two children."""
    with open('/tmp/bomb', 'w') as script:
        script.write('setsid /bin/sh /tmp/bomb &\n' * 2)
    subprocess.run(['/bin/sh', '/tmp/bomb'], stderr=subprocess.DEVNULL)
    while len([name for name in os.listdir('/proc') if name.isdigit()]) < 20:
        time.sleep(0.001)
    print('it goes on')
    time.sleep(600)


def fill(directory, mebibytes):
    """How many MiB can be written to a directory."""
    block = b'x' * (1 << 20)
    with open(os.path.join(directory, 'filler'), 'wb', 0) as target:
        for number in range(mebibytes):
            try:
                target.write(block)
            except OSError as error:
                return [number, errno.errorcode[error.errno]]
    return [mebibytes, None]


def share_memory(mebibytes):
    """Memory that no rlimit counts."""
    memory = mmap.mmap(-1, mebibytes << 20)
    for offset in range(0, len(memory), 4096):
        memory[offset] = 1
    return len(memory)


def spend(seconds):
    """CPU seconds that one gets in so much time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return time.process_time()


def locks():
    """What multiprocessing needs of /dev/shm."""
    import multiprocessing
    with multiprocessing.Lock():
        return 'locked'
