"""on_terminal.py [PROMPT ANSWER]... -- COMMAND...

Runs COMMAND on a terminal of its own, types each ANSWER after its PROMPT has appeared, copies all
that the terminal shows to stdout and exits as a shell would say the command did. For the ANSWER Ctrl-Z
it is stopped, and goes on after the terminal was set as a shell sets it for its own use.
"""
import os
import pty
import signal
import sys
import termios

split = sys.argv.index("--")
talk, command = sys.argv[1:split], sys.argv[split + 1:]
dialogue = list(zip(talk[::2], talk[1::2]))

signal.alarm(120)  # a prompt that never comes ends the test
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)


def answer_prompt(answer):
    if answer != "\x1a":
        os.write(terminal, answer.encode() + (b"" if answer == "\x03" else b"\n"))
        return
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)
    mode = termios.tcgetattr(terminal)
    mode[3] |= termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, mode)
    os.kill(child, signal.SIGCONT)


shown = b""
seen = 0
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side is closed
        piece = b""
    if not piece:
        break
    shown += piece
    if dialogue:
        prompt, answer = dialogue[0]
        at = shown.find(prompt.encode(), seen)
        if at >= 0:
            seen = at + len(prompt)
            answer_prompt(answer)
            dialogue.pop(0)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
if dialogue:
    sys.exit("the terminal never showed: " + dialogue[0][0])
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(128 - code if code < 0 else code)
