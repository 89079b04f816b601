"""Tests of strace.py, on lines as strace 6.1 writes them."""

import unittest

import strace


def started(text: bytes):
    return strace.started(text.splitlines())


class Reading(unittest.TestCase):
    def test_a_call_has_its_arguments_and_its_exit_status(self):
        (one,) = started(
            b'12 execve("/s/bin/cc", ["cc", "-c", "a b.c"], 0x7ffd /* 20 vars */) = 0\n12 +++ exited with 3 +++\n'
        )
        self.assertEqual((one.pid, one.path, one.argv, one.ended), (12, b"/s/bin/cc", [b"cc", b"-c", b"a b.c"], 3))

    def test_a_call_that_failed_started_nothing(self):
        self.assertEqual(started(b'12 execve("/x/cc", ["cc"], 0x7 /* 1 var */) = -1 ENOENT (No such file)\n'), [])

    def test_a_call_that_another_process_interrupts_is_put_together(self):
        found = started(
            b'12 execve("/s/cc", ["cc"], 0x7 /* 1 var */ <unfinished ...>\n'
            b'13 execve("/s/ld", ["ld"], 0x7 /* 1 var */) = 0\n'
            b"12 <... execve resumed>)             = 0\n"
            b"13 +++ killed by SIGKILL +++\n12 +++ exited with 0 +++\n"
        )
        self.assertEqual([(one.path, one.ended) for one in found], [(b"/s/ld", "SIGKILL"), (b"/s/cc", 0)])

    def test_escapes_and_brackets_in_arguments_are_as_they_were(self):
        (one,) = started(rb'1 execve("/s/cc", ["cc", "-DX=\"], 0x\"", "\303\244\n\\", ""], 0x7 /* 1 var */) = 0')
        self.assertEqual(one.argv, [b"cc", b'-DX="], 0x"', b"\xc3\xa4\n\\", b""])

    def test_a_process_that_starts_another_program_in_its_place_ends_both(self):
        found = started(
            b'7 execve("/bin/sh", ["sh"], 0x7 /* 1 var */) = 0\n'
            b'7 execve("/s/cc", ["cc"], 0x7 /* 1 var */) = 0\n7 +++ exited with 1 +++\n'
        )
        self.assertEqual([one.ended for one in found], [1, 1])


if __name__ == "__main__":
    unittest.main()
