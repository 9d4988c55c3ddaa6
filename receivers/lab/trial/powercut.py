"""What may be on a disk after the power went (pure): recorded steps in, every disk that they may have left out.

Killing a process shows too little: what it wrote and did not sync is still in the kernel's memory and is all there when
it is started again. So the steps themselves are recorded (`receivers.lab.trial.disklog`), and this model says what each
beginning of them leaves behind when only what was synced is sure.

Rules
- A file's bytes are sure once the file was synced. After that each write may be whole, torn in the middle, zeros of its
  length, or not there at all.
- A name (made, replaced, removed, of a file or a folder) is sure once its folder was synced; syncing the file is not
  enough. Until then any choice of the changes may be there, each whole: a replacement is never half done.
- A written file without its name is gone, and so is what lies in a folder without a name.
- No file system loses more than this and most lose less, so what holds here holds on the card.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from posixpath import dirname
from random import Random

RANDOM_LOSSES = 6  # disks with a random choice of losses after each step, beside the six that are always tried


@dataclass(frozen=True)
class Made:
    """`name` is a new and empty file now, or a new folder."""

    name: str
    file: int | None


@dataclass(frozen=True)
class Written:
    """`data` went to `offset` of a file."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Shortened:
    """A file was cut to `size` bytes."""

    file: int
    size: int


@dataclass(frozen=True)
class Renamed:
    """`old` is called `new` now; both are in one folder."""

    old: str
    new: str


@dataclass(frozen=True)
class Linked:
    """`new` is a second name of `old`."""

    old: str
    new: str


@dataclass(frozen=True)
class Removed:
    """`name` is gone."""

    name: str


@dataclass(frozen=True)
class Synced:
    """A file's bytes (by number) or a folder's names (by name) are sure."""

    what: int | str


@dataclass(frozen=True)
class Told:
    """The program said `word` to whoever relies on it: from here on the disk must bear it out."""

    word: object


Step = Made | Written | Shortened | Renamed | Linked | Removed | Synced | Told
Tree = Mapping[str, bytes | None]
"""What is on a disk: names under its root, in order; None for a folder."""


@dataclass(frozen=True)
class Disk:
    """A disk that may be found after `steps` steps; `told` is what was said before."""

    steps: int
    loss: str
    tree: Tree
    told: tuple[object, ...]


@dataclass
class _File:
    sure: bytes = b""
    unsure: list[Written | Shortened] = field(default_factory=list)


_Change = tuple[tuple[str, int | None, bool], ...]
"""Names set (to a file, or None for a folder) or taken away (False), at once."""


@dataclass
class _Folder:
    sure: dict[str, int | None] = field(default_factory=dict)
    unsure: list[_Change] = field(default_factory=list)

    def now(self, changes: Iterable[_Change] | None = None) -> dict[str, int | None]:
        names = dict(self.sure)
        for name, file, there in (one for change in (self.unsure if changes is None else changes) for one in change):
            if there:
                names[name] = file
            else:
                names.pop(name, None)
        return names


_Keep = Callable[[list[_Change]], list[_Change]]
_Bytes = Callable[[_File], bytes]


class _Model:
    def __init__(self, root: Sequence[str]) -> None:
        self.files: dict[int, _File] = {}
        self.folders: dict[str, _Folder] = {name: _Folder() for name in ("", *root)}
        for name in root:
            self.folders[dirname(name)].sure[name] = None

    def take(self, step: Step) -> None:
        match step:
            case Made(name, file):
                self._change(name, (name, file, True))
                if file is None:
                    self.folders[name] = _Folder()
                else:
                    self.files[file] = _File()
            case Written(file=file) | Shortened(file=file):
                self.files[file].unsure.append(step)
            case Renamed(old, new):
                self._change(new, (old, None, False), (new, self._file(old), True))
            case Linked(old, new):
                self._change(new, (new, self._file(old), True))
            case Removed(name):
                self._change(name, (name, None, False))
            case Synced(int(file)):
                self.files[file] = _File(_all(self.files[file]))
            case Synced(str(name)):
                self.folders[name] = _Folder(self.folders[name].now())
            case Told():
                pass

    def tree(self, keep: _Keep, data: _Bytes) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}

        def walk(folder: str) -> None:
            held = self.folders[folder]
            for name, file in sorted(held.now(keep(held.unsure)).items()):
                found[name] = None if file is None else data(self.files[file])
                if file is None:
                    walk(name)

        walk("")
        return found

    def _change(self, name: str, *change: tuple[str, int | None, bool]) -> None:
        self.folders[dirname(name)].unsure.append(change)

    def _file(self, name: str) -> int | None:
        return self.folders[dirname(name)].now()[name]


def disks(steps: Sequence[Step], folders: Sequence[str] = (), seed: int = 0) -> Iterator[Disk]:
    """Every disk that may be left by every beginning of `steps`; `folders` were there, parents first, and are sure."""
    model, told = _Model(folders), []
    for count, step in enumerate((None, *steps)):
        if isinstance(step, Told):
            told.append(step.word)
        elif step is not None:
            model.take(step)
        seen: set[int] = set()
        for loss, keep, data in _losses(Random(f"{seed}-{count}")):  # noqa: S311 - the same disks in each run
            tree = model.tree(keep, data)
            key = hash(tuple(tree.items()))
            if key not in seen:
                seen.add(key)
                yield Disk(count, loss, tree, tuple(told))


def whole(steps: Iterable[Step], folders: Sequence[str] = ()) -> dict[str, bytes | None]:
    """What is there when nothing is lost."""
    model = _Model(folders)
    for step in steps:
        model.take(step)
    return model.tree(_keep_all, _all)


def _losses(random: Random) -> Iterator[tuple[str, _Keep, _Bytes]]:
    yield "nothing is lost", _keep_all, _all
    yield "all that is unsure is lost", _keep_none, _old
    yield "names are there, bytes are not", _keep_all, _old
    yield "names are there, bytes are torn", _keep_all, _torn
    yield "names are there, bytes are zeros", _keep_all, _zeros
    yield "bytes are there, names are not", _keep_none, _all
    for number in range(RANDOM_LOSSES):
        yield f"random loss {number}", partial(_some, random), partial(_any, random)


def _keep_all(changes: list[_Change]) -> list[_Change]:
    return changes


def _keep_none(_changes: list[_Change]) -> list[_Change]:
    return []


def _some(random: Random, changes: list[_Change]) -> list[_Change]:
    return [change for change in changes if random.getrandbits(1)]


def _any(random: Random, file: _File) -> bytes:
    return random.choice((_all, _old, _torn, _zeros))(file)


def _all(file: _File) -> bytes:
    return _with(file, lambda data: data)


def _old(file: _File) -> bytes:
    return file.sure


def _torn(file: _File) -> bytes:
    return _with(file, lambda data: data[: len(data) // 2])


def _zeros(file: _File) -> bytes:
    return _with(file, lambda data: bytes(len(data)))


def _with(file: _File, became: Callable[[bytes], bytes]) -> bytes:
    data = bytearray(file.sure)
    for step in file.unsure:
        if isinstance(step, Shortened):
            del data[step.size :]
            continue
        data.extend(bytes(max(0, step.offset - len(data))))
        piece = became(step.data)
        data[step.offset : step.offset + len(piece)] = piece
    return bytes(data)
