import sys
import threading
from pathlib import Path

import pytest

from broadcast import child


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_input_and_errors_pass_through() -> None:
    lines: list[str] = []
    code = "import sys; print(sys.stdin.read().upper()); print('oops', file=sys.stderr); sys.exit(3)"
    result = child.run(python(code), stdin="xin chào\nbà con".encode(), on_line=lines.append)
    assert lines == ["XIN CHÀO", "BÀ CON"]
    assert (result.returncode, result.failed, result.errors) == (3, True, ("oops",))
    assert result.last_error() == "oops"


def test_only_the_last_errors_are_kept() -> None:
    result = child.run(python("import sys\nfor i in range(5000): print(i, file=sys.stderr)"))
    assert result.errors[-1] == "4999"
    assert len(result.errors) == child.KEPT_LINES


def test_a_line_without_end_does_not_fill_memory() -> None:
    lengths: list[int] = []
    child.run(python("print('x' * 3_000_000, end='')"), on_line=lambda line: lengths.append(len(line)))
    assert sum(lengths) == 3_000_000
    assert max(lengths) <= 2 * child.READ_BYTES


def test_cancel_ends_a_silent_child(tmp_path: Path) -> None:
    cancel = threading.Event()
    pids: list[int] = []

    def started(line: str) -> None:
        pids.append(int(line))
        cancel.set()

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
    with pytest.raises(child.ChildCancelledError):
        child.run(python(code), on_line=started, cancel=cancel)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_an_exception_of_the_reader_ends_the_child() -> None:
    pids: list[int] = []

    def broken(line: str) -> None:
        pids.append(int(line))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        child.run(python("import os, time; print(os.getpid(), flush=True); time.sleep(1000)"), on_line=broken)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_too_much_processor_time_ends_it() -> None:
    assert child.run(python("while True: pass"), limits=child.Limits(cpu_s=1)).failed


def test_too_much_memory_is_refused_to_it() -> None:
    code = "import sys; sys.stdin.read(); x = bytearray(400 << 20)"
    assert child.run(python(code), limits=child.Limits(memory_bytes=256 << 20)).failed
    assert not child.run(python(code)).failed


def test_no_such_program_is_said() -> None:
    with pytest.raises(child.ChildMissingError):
        child.run(["/nonexistent/program"])


def test_a_feeder_and_its_reader_are_one() -> None:
    lines: list[str] = []
    feeder = python("import sys; print('abc'); print('from the feeder', file=sys.stderr)")
    reader = python("import sys; print(sys.stdin.read().upper(), end='')")
    result = child.run(reader, feeder=feeder, on_line=lines.append)
    assert (lines, result.failed, result.errors) == (["ABC"], False, ("from the feeder",))


def test_a_failing_feeder_fails_the_run_and_a_dying_reader_ends_its_feeder() -> None:
    assert child.run(python("import sys; sys.stdin.read()"), feeder=python("import sys; sys.exit(3)")).returncode == 3
    endless = python("import sys\nwhile True: sys.stdout.write('x' * 1000)")
    assert child.run(python("import sys; sys.exit(4)"), feeder=endless).failed
