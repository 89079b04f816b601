"""Tests of compare.py: what counts as a difference between builds, and what does not."""

import unittest
from collections import Counter

import compare
import record
import strace


def strip(data: bytes) -> bytes:
    """Stands for the real strip: what is behind `#` is debug information."""
    return data.partition(b"#")[0]


class Products(unittest.TestCase):
    def found(self, one, two, three):
        return compare.products({"a.o": one} if one else {}, {"a.o": two} if two else {},
                                {"a.o": three} if three else {}, strip)

    def test_where_plain_builds_agree_every_byte_counts(self):
        self.assertEqual(self.found(b"x#1", b"x#1", b"x#1").identical, ["a.o"])
        self.assertEqual(self.found(b"x#1", b"x#1", b"x#2").faults, ["a.o: its bytes differ"])

    def test_where_only_debug_information_differs_the_rest_counts(self):
        self.assertEqual(self.found(b"x#1", b"x#2", b"x#3").identical_stripped, ["a.o"])
        self.assertEqual(len(self.found(b"x#1", b"x#2", b"y#3").faults), 1)

    def test_what_no_two_builds_agree_on_is_listed_and_no_fault(self):
        found = self.found(b"x", b"y", b"z")
        self.assertEqual((found.not_reproducible, found.faults), (["a.o"], []))

    def test_a_missing_and_an_additional_file_are_faults(self):
        self.assertEqual(len(self.found(b"x", b"x", None).faults), 1)
        self.assertEqual(len(self.found(None, None, b"x").faults), 1)


class Spelling(unittest.TestCase):
    def test_a_tool_is_named_the_same_in_the_shim_folder_and_outside(self):
        plain = compare.plain_text("CC:FILEPATH=/usr/bin/cc;/usr/bin/x86_64-linux-gnu-gcc-12", None)
        ours = compare.plain_text("CC:FILEPATH=/w/s/bin/cc;/w/s/bin/x86_64-linux-gnu-gcc-12", "/w/s/bin")
        self.assertEqual(plain, ours)

    def test_another_program_keeps_its_folder(self):
        self.assertIn("/usr/bin/python3", compare.plain_text("/usr/bin/python3", "/w/bin"))
        self.assertIn("/opt/usr/bin/cc", compare.plain_text("/opt/usr/bin/cc", "/w/bin"))
        self.assertIn("/usr/bin/cc/lib", compare.plain_text("/usr/bin/cc/lib", "/w/bin"))

    def test_temporary_names_are_all_one(self):
        self.assertEqual(compare.plain_text("/t/tmpab12_x8z/testfile.c", None), "/t/*/testfile.c")
        self.assertEqual(compare.plain_text("/t/cgFb7Lf_/dummy.c", None), "/t/*/dummy.c")
        self.assertEqual(compare.plain_text("tmpfile.c cgroup.c", None), "tmpfile.c cgroup.c")


class Answers(unittest.TestCase):
    def test_comments_of_a_cmake_cache_are_no_answers(self):
        text = "# made by\n//help: x=y\nHAVE_X:INTERNAL=1\nCC-ADVANCED:INTERNAL=1\n\n"
        self.assertEqual(compare.answers("build/CMakeCache.txt", text), ["HAVE_X:INTERNAL=1", "CC-ADVANCED:INTERNAL=1"])

    def test_the_log_of_autoconf_is_read_for_questions_and_results(self):
        text = (
            "configure:12: checking for gcc\nconfigure:13: gcc -v >&5\n/t/x.c:1: error\n"
            "configure:14: result: yes\nac_cv_x=no\n"
        )
        self.assertEqual(len(compare.answers("src/config.log", text)), 3)

    def test_the_log_of_meson_is_read_for_what_meson_says(self):
        text = (
            "Running compile:\nCommand line: `cc x`\n"
            'Compiler for C supports arguments -Wx: NO\nHas header "a.h" : YES\n'
        )
        self.assertEqual(len(compare.answers("build/meson-logs/meson-log.txt", text)), 2)

    def test_introspection_of_meson_is_read_without_the_order_of_its_sets(self):
        one, two = '[{"name": "a", "v": 1}, {"name": "b"}]', '[{"name": "b"}, {"v": 1, "name": "a"}]'
        self.assertEqual(compare.answers("intro-x.json", one), compare.answers("intro-x.json", two))
        one, two = '["a", "b"]', '["b", "a"]'
        self.assertNotEqual(compare.answers("intro-x.json", one), compare.answers("intro-x.json", two))

    def test_a_changed_answer_is_found_with_its_place(self):
        found = compare.configured({"c.h": ["a", "b"]}, {"c.h": ["a", "b"]}, {"c.h": ["a", "c"]})
        self.assertEqual(found.faults, ["c.h: -b", "c.h: +c"])

    def test_an_answer_that_plain_builds_disagree_on_says_nothing(self):
        found = compare.configured({"c.h": ["1"]}, {"c.h": ["2"]}, {"c.h": ["3"]})
        self.assertEqual((found.unstable, found.faults), (["c.h"], []))

    def test_a_build_that_stopped_may_lack_files_but_not_differ(self):
        base = {"a.h": ["1"], "b.h": ["2"]}
        self.assertEqual(compare.configured(base, None, {"a.h": ["1"]}, complete=False).faults, [])
        self.assertEqual(len(compare.configured(base, None, {"a.h": ["1"]}).faults), 1)
        self.assertEqual(len(compare.configured(base, None, {"a.h": ["x"]}, complete=False).faults), 2)

    def test_a_probe_with_another_answer_is_found_on_both_sides(self):
        before, after = Counter({"p -> 0": 2}), Counter({"p -> 0": 1, "p -> 1": 1})
        self.assertEqual(compare.changed(before, after), ["- p -> 0", "+ p -> 1"])


    def test_a_difference_needs_an_argument_for_all_of_it(self):
        held, open_ones = compare.argued(["c.h: +AVX2", "c.h: +AVX2 and more"], [(r"c\.h: .AVX2", "the level has it")])
        self.assertEqual((held, open_ones), (["c.h: +AVX2 (the level has it)"], ["c.h: +AVX2 and more"]))


def recorded(*argv: str, pid: int = 5, status: int = 0) -> record.Call:
    return record.Call({"ev": "begin", "id": "0", "pid": pid, "argv": list(argv)}, [{"ev": "end", "exit": status}])


class UnknownProbes(unittest.TestCase):
    def test_what_fails_in_a_good_build_is_a_probe(self):
        def unknown(call):
            return len(compare.unknown_probes(record.Record({}, [call], []), "/t"))

        call = recorded("cc", "-c", "x.c", status=1)
        call.begin["kind"] = "compile"
        self.assertEqual(unknown(call), 1)
        call.begin["kind"] = "query"
        self.assertEqual(unknown(call), 0)
        call.begin |= {"kind": "compile", "probe": "autoconf"}
        self.assertEqual(unknown(call), 0)

    def test_what_is_made_for_the_temporary_folder_is_a_probe(self):
        call = recorded("cc", "-c", "x.c", "-o", "/t/a/x.o")
        call.begin |= {"kind": "compile", "out": ["/t/a/x.o"]}
        self.assertEqual(len(compare.unknown_probes(record.Record({}, [call], []), "/t")), 1)
        self.assertEqual(len(compare.unknown_probes(record.Record({}, [call], []), "/tm")), 0)
        call.begin["kind"] = "other"
        self.assertEqual(len(compare.unknown_probes(record.Record({}, [call], []), "/t")), 0)


class AgainstTheKernel(unittest.TestCase):
    def seen(self, calls, programs):
        return compare.seen(programs, record.Record({"bin": "/s/bin"}, calls, []))

    def test_each_start_in_the_shim_folder_is_in_the_record_once(self):
        one = strace.Started(5, b"/s/bin/cc", [b"cc", b"x.c"], 0)
        self.assertEqual(self.seen([recorded("cc", "x.c")], [one]).faults, [])
        self.assertEqual(len(self.seen([], [one]).faults), 1)
        self.assertEqual(len(self.seen([recorded("cc", "x.c"), recorded("cc", "x.c")], [one]).faults), 1)

    def test_status_and_arguments_count(self):
        one = strace.Started(5, b"/s/bin/cc", [b"cc", b"x.c"], 0)
        self.assertEqual(len(self.seen([recorded("cc", "x.c", status=1)], [one]).faults), 2)
        self.assertEqual(len(self.seen([recorded("cc", "y.c")], [one]).faults), 2)

    def test_other_programs_do_not_count(self):
        one = strace.Started(5, b"/usr/bin/cc", [b"cc"], 0)
        self.assertEqual((self.seen([], [one]).calls, self.seen([], [one]).faults), (0, []))

    def test_a_call_without_an_end_is_a_fault(self):
        call = recorded("cc", "x.c")
        call.ends.clear()
        one = strace.Started(5, b"/s/bin/cc", [b"cc", b"x.c"], None)
        self.assertEqual(len(self.seen([call], [one]).faults), 1)


if __name__ == "__main__":
    unittest.main()
