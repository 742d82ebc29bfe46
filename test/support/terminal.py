"""Runs a command in a pseudo-terminal and copies what it writes: COLUMNS ROWS INTERRUPT COMMAND...

Types Ctrl-C once the text INTERRUPT was written, unless it is empty.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

columns, rows, interrupt = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[4], sys.argv[4:])
seen = b""
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    os.write(1, data)
    if interrupt and interrupt in seen:
        os.write(terminal, b"\x03")
        interrupt = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
